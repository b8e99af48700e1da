import type { CheckedShape } from '../checked-shape.ts';

/** A line of Python that changes nothing. */
const LINE = '\n\nCHANGED = True\n';

export const SPLIT_SHAPES: readonly CheckedShape[] = [
  {
    ...{ name: 'plugins', folder: 'plugins', flags: [] },
    ways: [
      // A loop of the shell, solved together with what stands before it.
      { kind: 'split', stage: 'stage 0', fromLine: 5, toLine: 13 },
      { kind: 'composed', stage: 'stage 0', fromLine: 15, toLine: 19 },
    ],
    run: {
      kind: 'service',
      words: (port) => [
        ...['gunicorn', '--bind', `127.0.0.1:${port}`, '--no-control-socket'],
        'app.main:application',
      ],
    },
    says: {
      ...{ status: 'ok', weekday: 'Thursday' },
      plugins: { docopt: '0.6.2', flask: '3.1.3', 'python-dateutil': '2.9.0.post0' },
    },
    ...{ changes: 'app/main.py', line: LINE, withoutBuilder: true },
  },
  {
    ...{ name: 'gcc', folder: 'gcc', flags: [] },
    ways: [
      // A compiler comes and goes in the step that installs, solved together with what stands before it.
      { kind: 'split', stage: 'stage 0', fromLine: 5, toLine: 13 },
      { kind: 'composed', stage: 'stage 0', fromLine: 15, toLine: 17 },
    ],
    run: { kind: 'command', words: ['somebody'] },
    says: {
      ...{ greeting: 'Good morning, somebody!', compiled: '.so', compiler: null },
      versions: { jinja2: '3.1.6', markupsafe: '3.0.4' },
    },
    ...{ changes: 'render.py', line: LINE, withoutBuilder: true },
  },
];
