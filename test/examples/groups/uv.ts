import type { CheckedShape } from '../checked-shape.ts';

const port = (number: number) => [String(number)];

export const UV_SHAPES: readonly CheckedShape[] = [
  {
    ...{ name: 'uv', folder: 'uv', flags: [] },
    ways: [
      // The uv of an image.
      { kind: 'composed', stage: 'builder', fromLine: 5, toLine: 5 },
      { kind: 'composed', stage: 'builder', fromLine: 7, toLine: 21 },
      // The environment, which is made before what stands above it.
      { kind: 'solved', stage: 'builder', fromLine: 13, toLine: 16 },
      // A user is made.
      { kind: 'solved', stage: 'stage 1', fromLine: 25, toLine: 26 },
      { kind: 'composed', stage: 'stage 1', fromLine: 28, toLine: 38 },
    ],
    run: {
      kind: 'service',
      words: (number) => ['weather', '--bind', `127.0.0.1:${number}`, '--no-control-socket'],
    },
    says: {
      ...{ status: 'ok', prefix: '/app/.venv', version: '1.4.0', editable: true },
      summary: { lowest: 9, highest: 14, mean: 11.5 },
    },
    changes: 'src/weather/readings.py',
    line: '# A comment.\n',
    // Its modules are looked up where they are: the project's wheel is the same.
    withoutBuilder: true,
  },
  {
    ...{ name: 'uv-workspace', folder: 'uv-workspace', flags: [] },
    ways: [
      { kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 5 },
      { kind: 'composed', stage: 'stage 0', fromLine: 7, toLine: 27 },
      { kind: 'solved', stage: 'stage 0', fromLine: 11, toLine: 16 },
    ],
    run: { kind: 'service', words: (number) => ['gauge', ...port(number)] },
    says: {
      ...{ status: 'ok', prefix: '/app/.venv', feet: 3280.84 },
      versions: { gauge: '2.0.1', units: '0.3.0' },
    },
    changes: 'packages/units/src/units/__init__.py',
    line: '# A comment.\n',
    withoutBuilder: false,
  },
  {
    ...{ name: 'uv-pip', folder: 'uv-pip', flags: [] },
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 20 }],
    run: {
      kind: 'service',
      words: (number) => ['waitress-serve', `--listen=127.0.0.1:${number}`, 'app.service:application'],
    },
    says: {
      ...{ status: 'ok', prefix: '/usr/local', places: 3 },
      versions: { falcon: '4.2.0', orjson: '3.11.4', waitress: '3.0.2' },
    },
    changes: 'app/service.py',
    line: '# A comment.\n',
    withoutBuilder: true,
  },
  {
    ...{ name: 'distroless', folder: 'distroless', flags: [] },
    ways: [
      // apt-get is executed.
      { kind: 'solved', stage: 'build', fromLine: 5, toLine: 8 },
      { kind: 'composed', stage: 'build', fromLine: 10, toLine: 12 },
      { kind: 'composed', stage: 'stage 1', fromLine: 16, toLine: 26 },
    ],
    run: { kind: 'service', words: port },
    says: { status: 'ok', user: 65532, shell: false, compiled: true },
    changes: 'app/main.py',
    line: '# A comment.\n',
    withoutBuilder: true,
  },
];
