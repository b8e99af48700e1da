import type { CheckedShape } from '../checked-shape.ts';
import type { ExpectedSegment } from '../expected-ways.ts';

/** All have the same application, on another base. */
function onBase(
  folder: string,
  ways: readonly ExpectedSegment[],
  says: Readonly<Record<string, unknown>>,
  words: readonly string[] = ['python', 'app.py'],
): CheckedShape {
  return {
    ...{ name: folder, folder, flags: [], ways },
    run: { kind: 'command', words },
    says: { status: 'ok', escaped: '&lt;b&gt;', compiled: true, ...says },
    ...{ changes: 'app.py', line: '# A comment.\n', withoutBuilder: true },
  };
}

export const BASES_SHAPES: readonly CheckedShape[] = [
  onBase('alpine', [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 16 }], {
    ...{ libc: 'musl', prefix: '/usr/local', python: '3.11' },
  }),
  onBase(
    'cuda',
    [
      // apt installs Python, which makes the environment: facts are read afterwards.
      { kind: 'solved', stage: 'stage 0', fromLine: 5, toLine: 9 },
      { kind: 'composed', stage: 'stage 0', fromLine: 11, toLine: 21 },
    ],
    { libc: 'glibc', prefix: '/opt/venv', python: '3.11' },
  ),
  onBase(
    'conda',
    [
      // What conda has installed only conda describes.
      { kind: 'split', stage: 'stage 0', fromLine: 5, toLine: 9 },
      { kind: 'composed', stage: 'stage 0', fromLine: 11, toLine: 13 },
    ],
    { prefix: '/opt/conda' },
  ),
  onBase(
    'chainguard',
    [
      { kind: 'solved', stage: 'builder', fromLine: 5, toLine: 7 },
      { kind: 'composed', stage: 'builder', fromLine: 9, toLine: 13 },
      { kind: 'composed', stage: 'stage 1', fromLine: 17, toLine: 24 },
    ],
    { prefix: '/venv' },
    [],
  ),
  onBase(
    'arg-base',
    [
      { kind: 'composed', stage: 'base', fromLine: 8, toLine: 12 },
      { kind: 'composed', stage: 'dependencies', fromLine: 16, toLine: 18 },
      // The environment, which is made before requirements.txt is copied.
      { kind: 'solved', stage: 'dependencies', fromLine: 18, toLine: 18 },
      { kind: 'composed', stage: 'stage 2', fromLine: 22, toLine: 29 },
    ],
    { prefix: '/srv/app/.venv', python: '3.11' },
  ),
  onBase(
    'second-minor',
    // Where no Python of that release is on the machine, the image's own compiles.
    [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 13 }],
    { prefix: '/usr/local', python: '3.13' },
  ),
];
