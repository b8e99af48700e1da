import type { CheckedShape } from '../checked-shape.ts';

const gunicorn = (port: number) => [
  ...['gunicorn', '--bind', `127.0.0.1:${port}`, '--no-control-socket'],
  'app.main:application',
];

/** A line of Python that changes nothing. */
const LINE = '\n\nCHANGED = True\n';

export const PIP_SHAPES: readonly CheckedShape[] = [
  {
    ...{ name: 'user', folder: 'user', flags: [] },
    ways: [
      { kind: 'composed', stage: 'builder', fromLine: 5, toLine: 9 },
      // A user is made.
      { kind: 'solved', stage: 'stage 1', fromLine: 13, toLine: 13 },
      { kind: 'composed', stage: 'stage 1', fromLine: 15, toLine: 27 },
    ],
    run: { kind: 'service', words: gunicorn },
    says: {
      ...{ status: 'ok', uid: 1000, owner: 1000, base: '/home/app/.local' },
      gunicorn: '/home/app/.local/bin/gunicorn',
    },
    ...{ changes: 'app/main.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'as-user', folder: 'as-user', flags: [] },
    ways: [
      // A user is made.
      { kind: 'solved', stage: 'stage 0', fromLine: 5, toLine: 5 },
      { kind: 'composed', stage: 'stage 0', fromLine: 7, toLine: 21 },
    ],
    run: { kind: 'service', words: gunicorn },
    says: {
      ...{ status: 'ok', uid: 1000, owner: 1000, base: '/home/app/.local' },
      flask: '/home/app/.local/lib/python3.11/site-packages/flask',
      gunicorn: '/home/app/.local/bin/gunicorn',
    },
    ...{ changes: 'app/main.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'prefix', folder: 'prefix', flags: [] },
    ways: [
      { kind: 'composed', stage: 'builder', fromLine: 7, toLine: 12 },
      { kind: 'composed', stage: 'stage 2', fromLine: 16, toLine: 24 },
    ],
    run: { kind: 'service', words: gunicorn },
    says: {
      ...{ status: 'ok', compiled: '.so', gunicorn: '/usr/local/bin/gunicorn' },
      flask: '/usr/local/lib/python3.11/site-packages/flask',
    },
    ...{ changes: 'app/main.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'target', folder: 'target', flags: [] },
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 7, toLine: 20 }],
    run: { kind: 'command', words: ['app.handler.handler'] },
    says: { status: 'ok', weekday: 'Thursday', compiled: true, from: '/function/vendor/yaml' },
    ...{ changes: 'app/handler.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'wheels', folder: 'wheels', flags: [] },
    ways: [
      // A compiler is installed, and pip builds what there is no wheel for.
      { kind: 'solved', stage: 'builder', fromLine: 5, toLine: 11 },
      // The wheels are taken out of what was solved.
      { kind: 'composed', stage: 'stage 1', fromLine: 15, toLine: 26 },
    ],
    run: { kind: 'service', words: gunicorn },
    says: { status: 'ok', compiled: '.so', gunicorn: '/usr/local/bin/gunicorn' },
    ...{ changes: 'app/main.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'project', folder: 'project', flags: [] },
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 16 }],
    run: { kind: 'command', words: ['somebody'] },
    says: {
      greeting: 'Good morning, somebody!',
      from: '/usr/local/lib/python3.11/site-packages/greet',
      versions: { click: '8.5.1', greet: '1.4.0', jinja2: '3.1.6' },
    },
    // The wheel of the project is built anew.
    ...{ changes: 'src/greet/cli.py', line: LINE, withoutBuilder: false },
  },
  {
    ...{ name: 'sources', folder: 'sources', flags: [] },
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 18 }],
    run: { kind: 'command', words: ['--for', 'somebody'] },
    says: {
      ...{ for: 'somebody', weekday: 'Thursday' },
      addresses: {
        ...{ docopt: null, six: null },
        'python-dateutil': 'python_dateutil-2.9.0.post0-py2.py3-none-any.whl',
      },
      versions: { docopt: '0.6.2', 'python-dateutil': '2.9.0.post0', six: '1.17.0' },
    },
    ...{ changes: 'report.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'groups', folder: 'groups', flags: [] },
    ways: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 19 }],
    run: { kind: 'service', words: gunicorn },
    says: { status: 'ok', versions: { flask: '3.1.3', gunicorn: '27.0.1', markupsafe: '3.0.4' } },
    ...{ changes: 'app/main.py', line: LINE, withoutBuilder: true },
  },
];
