import { join } from 'node:path';

/** A small example project: how it is built, how its image is run, and what it then says. */
export interface Shape {
  /** What it is called in tests; the folder's name, if it is built as it stands. */
  readonly name: string;
  /** Its folder below `examples/`. */
  readonly folder: string;
  /** Further words for `build`. */
  readonly flags: readonly string[];
  /** Rules of BuildKit's checks of the Dockerfile that it breaks, for the sake of its shape. */
  readonly breaks?: readonly string[];
  /** Words in place of the image's `CMD`. A service is given a port and answers `GET /healthz`; a command prints a line. */
  readonly run:
    | { readonly kind: 'command'; readonly words: readonly string[] }
    | { readonly kind: 'service'; readonly words: (port: number) => readonly string[] };
  /** What is in its answer, a JSON object. */
  readonly says: Readonly<Record<string, unknown>>;
}

const gunicorn = (port: number) => ['gunicorn', '--bind', `127.0.0.1:${port}`, '--no-control-socket'];

/** The examples beside `chat`. */
export const SHAPES: readonly Shape[] = [
  {
    name: 'recipe',
    folder: 'recipe',
    flags: [],
    run: {
      kind: 'service',
      words: (port) => ['uvicorn', 'app.main:app', '--host', '127.0.0.1', '--port', String(port)],
    },
    says: {
      status: 'ok',
      stock: { bolts: 47, nuts: 120 },
      interfaces: true,
      namespace: 'NOT_FOUND',
      scripts: { 'numpy-config': '2.4.6', 'jp.py': '7', uvicorn: '/usr/local/bin/uvicorn' },
      // They are not among what the final stage copies.
      headers: false,
    },
  },
  report('naive', []),
  report('naive on the distribution\u2019s own Python', ['--build-arg', 'BASE=python:3.11-debian']),
  {
    name: 'venv',
    folder: 'venv',
    flags: [],
    run: { kind: 'service', words: (port) => [...gunicorn(port), 'app.notes:application'] },
    says: { status: 'ok', notes: 0, prefix: '/opt/venv', gunicorn: '/opt/venv/bin/gunicorn' },
  },
  {
    name: 'hashes',
    folder: 'hashes',
    flags: [],
    run: { kind: 'command', words: ['--subject', 'somebody'] },
    says: { claims: { sub: 'somebody' }, versions: { cryptography: '50.0.2' } },
  },
  {
    name: 'several',
    folder: 'several',
    flags: [],
    breaks: ['JSONArgsRecommended'],
    run: {
      kind: 'service',
      words: (port) => [...gunicorn(port), '--worker-class', 'asgi', 'app.main:app'],
    },
    says: {
      status: 'ok',
      text: '6.0 foot = 1.83 m',
      // Markers leave out two; an extra brings pysocks, another uvloop; the constraints choose pydantic's version.
      versions: {
        colorama: null,
        tomli: null,
        gunicorn: '27.0.1',
        pysocks: '1.7.1',
        uvloop: '0.23.0',
        pydantic: '2.14.4',
      },
    },
  },
  {
    name: 'nonroot',
    folder: 'nonroot',
    flags: [],
    run: { kind: 'service', words: (port) => [...gunicorn(port), 'app.wsgi:application'] },
    says: {
      status: 'ok',
      user: [10001, 10001],
      owner: [10001, 10001],
      style: '/static/app/style.eb1da0b9a0da.css',
      compiled: ['urls.cpython-311.pyc'],
    },
  },
];

function report(name: string, flags: readonly string[]): Shape {
  return {
    name,
    folder: 'naive',
    flags,
    run: { kind: 'command', words: ['python', 'report.py'] },
    says: { report: '2026 week 10: 44 sold', lines: 4 },
  };
}

/** The absolute path of an example. */
export function exampleDirectory(folder: string): string {
  return join(import.meta.dirname, '..', '..', 'examples', folder);
}
