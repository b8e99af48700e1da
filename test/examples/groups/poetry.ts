import type { CheckedShape } from '../checked-shape.ts';

/** Poetry brings authorities of its own: those of this machine's network have to be told it. */
const AUTHORITIES = ['--ca', process.env.SSL_CERT_FILE || '/etc/ssl/certs/ca-certificates.crt'];

/** Locks of other tools than uv. */
export const POETRY_SHAPES: readonly CheckedShape[] = [
  {
    name: 'poetry',
    folder: 'poetry',
    flags: AUTHORITIES,
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 24 }],
    changes: 'parcels/service.py',
    line: '\nFREE_FROM = 10_000\n',
    withoutBuilder: true,
    run: {
      kind: 'service',
      words: (port) => ['uvicorn', 'parcels.service:app', '--host', '127.0.0.1', '--port', String(port)],
    },
    says: {
      status: 'ok',
      cents: 659,
      starlette: 'site-packages',
      pytest: null,
      installer: { poetry: 'pip\n', starlette: 'Poetry 2.5.1' },
    },
  },
  {
    name: 'poetry-venv',
    folder: 'poetry-venv',
    flags: AUTHORITIES,
    ways: [
      { kind: 'composed', stage: 'builder', fromLine: 7, toLine: 7 },
      // The empty environment is made by Poetry, once: before the project's files are copied.
      { kind: 'composed', stage: 'builder', fromLine: 9, toLine: 18 },
      { kind: 'solved', stage: 'builder', fromLine: 18, toLine: 18 },
      { kind: 'composed', stage: 'runtime', fromLine: 22, toLine: 34 },
    ],
    changes: 'tariffs/service.py',
    line: "\nAREA = 'EU'\n",
    withoutBuilder: true,
    run: {
      kind: 'service',
      words: (port) => ['--bind', `127.0.0.1:${port}`, 'tariffs.service:application'],
    },
    says: {
      status: 'ok',
      goods: 3,
      prefix: '/app/.venv',
      gunicorn: '/app/.venv/bin/gunicorn',
      modules: { poetry: false, pytest: false, sentry_sdk: true },
    },
  },
  {
    name: 'pipenv',
    folder: 'pipenv',
    flags: [],
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 3, toLine: 18 }],
    changes: 'letters/service.py',
    line: '\nLIMIT = 20\n',
    withoutBuilder: true,
    run: { kind: 'service', words: (port) => ['python', '-m', 'letters.service', String(port)] },
    says: {
      status: 'ok',
      letter: { to: 'somebody', pages: 1 },
      pydantic: '2.14.4',
      modules: { pipenv: true, pytest: false, colorama: false },
    },
  },
  {
    name: 'pylock',
    folder: 'pylock',
    flags: [],
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 15 }],
    changes: 'tides.py',
    line: '\nHARBOURS = 2\n',
    withoutBuilder: true,
    run: { kind: 'command', words: ['--harbour', 'Cuxhaven'] },
    says: {
      text: 'Cuxhaven: high water 03:12 and 15:40, low water 09:58 and 22:19',
      versions: { click: '8.5.1', jinja2: '3.1.6', markupsafe: '3.0.4', pyyaml: '6.0.4' },
    },
  },
];
