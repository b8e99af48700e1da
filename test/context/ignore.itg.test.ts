import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readContext } from '../../src/context/read.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';
import { seededNumbers } from '../support/random.ts';
import { buildkit } from './builder.ts';
import { below, type Spec, writeTree } from './trees.ts';

const NAMES = ['a', 'b', 'ab', 'a.b', '.a'];
/** Every name at the top as a directory with all names as directories, and as files in those: `a/ab/b`. */
const TREE: Readonly<Record<string, Spec>> = Object.fromEntries([
  ...NAMES.flatMap((one) => NAMES.map((two) => [`${one}/${two}/${one}`, ''] as const)),
  ...NAMES.flatMap((one) => NAMES.map((two) => [`${one}/${two}/${two}x`, ''] as const)),
  ...NAMES.map((name) => [`${name}x`, ''] as const),
  ...NAMES.map((name) => [`a/${name}y`, ''] as const),
  ['b/empty', { directory: 0o755 }],
  ['äö/日本', ''],
  ['x^y', ''],
  ['x+y', ''],
]);
// biome-ignore format: a list of words
const PARTS = [
  ...NAMES, ...NAMES, '*', '*', '**', '**', '?', 'a*', '*b', '*x', '[ab]', '[^a]', '[a-b]x', 'a?', '??', '**x', 'a**', '***',
  '.', '..', 'x^y', 'x^*', 'x+*', 'ä*', '?ö', '\\*', 'a\\.b', 'a\\b', '日本', 'empty',
];
const FILES = 80;

/** Ignore files with all that such files have, the same in every run. */
function randomIgnoreFile(number: (below: number) => number): string {
  const pick = <T>(items: readonly T[]) => items[number(items.length)] as T;
  const line = () => {
    const path = Array.from({ length: 1 + number(3) }, () => pick(PARTS)).join(pick(['/', '/', '/', '//']));
    const pattern = `${pick(['', '', '', '/', './'])}${path}${pick(['', '', '', '/', ' '])}`;
    return pick([
      pattern,
      pattern,
      pattern,
      `!${pattern}`,
      `!${pattern}`,
      `! ${pattern}`,
      `  ${pattern}`,
      `#${pattern}`,
      '',
    ]);
  };
  // Many projects leave out everything and let in what they need.
  const known = () => `!${pick(NAMES)}/${pick(NAMES)}`;
  const first = pick([[], [], ['*', known()], ['**', known(), line()], [pick(NAMES), known()]]);
  const text = [...first, ...Array.from({ length: 1 + number(5) }, line)].join(pick(['\n', '\r\n']));
  return `${pick(['', '', '\uFEFF'])}${text}${pick(['', '\n'])}`;
}

test('what ignore files leave in the context is what BuildKit takes', async () => {
  await using scratch = await temporaryDirectory('lw-ignore-');
  const number = seededNumbers(7);
  const contexts: Record<string, string> = {};
  const ours: { text: string; paths: readonly string[] }[] = [];
  let refused = 0;
  while (ours.length < FILES) {
    const text = randomIgnoreFile(number);
    const directory = join(scratch.path, `c${ours.length}`);
    await writeTree(directory, TREE);
    await writeFile(join(directory, '.dockerignore'), text);
    const context = await readContext(testHost(), directory, { dockerfile: undefined });
    if (context.problem !== undefined) {
      refused += 1;
      continue;
    }
    contexts[`c${ours.length}`] = directory;
    ours.push({ text, paths: [...context.entries.keys()].sort() });
  }
  assert.ok(refused < FILES / 2, `${refused} ignore files were not understood`);
  await mkdir(join(scratch.path, 'main'));
  const result = await buildkit(
    scratch.path,
    join(scratch.path, 'main'),
    ['FROM scratch', ...ours.map((_, at) => `COPY --from=c${at} . /c${at}/`)].join('\n'),
    contexts,
  );
  assert.ok('seen' in result, JSON.stringify(result));
  for (const [at, { text, paths }] of ours.entries())
    assert.deepEqual(paths, [...below(result.seen, `c${at}`).keys()].sort(), JSON.stringify(text));
  const left = ours.map(({ paths }) => paths.length);
  assert.ok(new Set(left).size > FILES / 4, 'the ignore files leave out different things');
});
