import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Escape, expand, expandWords } from '../../src/dockerfile/lex.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { run } from '../../src/host/exec.ts';
import { projectOf } from '../commands/launch.ts';

/** Variables that the expressions use; `none` and `1` are never set. */
const VARIABLES = new Map([
  ['A', 'abc/def.tar.gz'],
  ['B_1', 'x y'],
  ['E', ''],
  ['S', 'a*b?c*'],
  ['Q', `it's "q" \\ $A`],
  ['Ü', 'ß€😀ß'],
]);

const PIECES: Readonly<Record<string, readonly string[]>> = {
  name: ['A', 'B_1', 'E', 'S', 'Q', 'Ü', 'none', '1', '@'],
  operator: [':-', '-', ':+', '+', '#', '##', '%', '%%', '/', '//', ':?', '?'],
  pattern: [
    'a',
    '*',
    '?',
    '*/',
    '.*',
    'a?c',
    '\\*',
    '\\?',
    '*b',
    '/',
    '\\/',
    'ß',
    'x*',
    'c',
    '.',
    '\\\\',
    '"b"',
    "'c'",
  ],
  plain: [
    'x',
    ' ',
    '/',
    '=',
    '{',
    '}',
    '\\$',
    '\\"',
    "\\'",
    '\\\\',
    '\\n',
    '`',
    '.',
    'é',
    '<<',
    '#',
    '&',
    '$',
    '$$',
  ],
};

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function expressions(count: number, seed: number): readonly string[] {
  const next = random(seed);
  const one = (of: string) => {
    const list = PIECES[of] as readonly string[];
    return list[Math.floor(next() * list.length)] as string;
  };
  const substitution = (depth: number): string => {
    const name = one('name');
    const kind = next();
    if (kind < 0.25) return `$${name}`;
    if (kind < 0.4) return `\${${name}}`;
    const operator = one('operator');
    const word = () =>
      depth < 2 && next() < 0.3
        ? substitution(depth + 1)
        : one('pattern') + (next() < 0.3 ? one('pattern') : '');
    const rest = operator.startsWith('/') ? `${word()}/${word()}` : word();
    return `\${${name}${operator}${rest}}`;
  };
  return Array.from({ length: count }, () => {
    const parts = Array.from({ length: 1 + Math.floor(next() * 4) }, () => {
      const kind = next();
      if (kind < 0.6) return substitution(0);
      if (kind < 0.8) return one('plain');
      return kind < 0.9 ? `"${one('plain')}${substitution(1)}"` : `'${substitution(1).replaceAll("'", '')}'`;
    });
    return parts.join('');
  });
}

interface Outcome {
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly ports: readonly string[];
  readonly error: string;
}

async function builds(lines: readonly string[], escapeWith: Escape): Promise<Outcome> {
  const directive = escapeWith === '`' ? '# escape=`\n' : '';
  const given = [...VARIABLES].map(([name, value]) => `--build-arg=${name}=${value}`);
  const declared = [...VARIABLES.keys()].map((name) => `ARG ${name}\n`).join('');
  await using project = await projectOf({
    Dockerfile: `${directive}FROM scratch\n${declared}${lines.join('\n')}\n`,
  });
  const out = join(project.path, 'out');
  const result = await run([
    ...['buildx', 'build', '--provenance=false', '--output', `type=oci,tar=false,dest=${out}`],
    ...[...given, project.path],
  ]);
  if (result.exitCode !== 0) return { labels: undefined, ports: [], error: result.stderr };
  const json = async (path: string) => JSON.parse(await readFile(join(out, path), 'utf8'));
  const blob = (digest: string) => json(join('blobs', digest.replace(':', '/')));
  const manifest = await blob((await json('index.json')).manifests[0].digest);
  const { config } = await blob(manifest.config.digest);
  return { labels: config.Labels, ports: Object.keys(config.ExposedPorts ?? {}).sort(), error: '' };
}

function ours(text: string, escapeWith: Escape): string | undefined {
  try {
    return expand(text, VARIABLES, { escape: escapeWith });
  } catch (error) {
    if (error instanceof LayerwrightError) return undefined;
    throw error;
  }
}

for (const escapeWith of ['\\', '`'] as const)
  test(`600 expressions mean what they mean to BuildKit, with ${escapeWith} as escape`, async () => {
    // The old form of LABEL takes what follows the name as it is, without cutting it into words.
    const all = expressions(600, escapeWith === '`' ? 2 : 1)
      .map((text) => text.trim())
      .filter((text) => text !== '' && !/\\$/.test(text) && !text.endsWith(escapeWith));
    const understood = all.filter((text) => ours(text, escapeWith) !== undefined);
    assert.ok(understood.length > 250, `${understood.length} are understood`);
    const { labels, error } = await builds(
      understood.map((text, index) => `LABEL l${index} ${text}`),
      escapeWith,
    );
    assert.ok(labels, error);
    const expected = understood.map((text, index) => [text, ours(text, escapeWith), `l${index}`]);
    assert.deepEqual(
      understood.map((text, index) => [text, labels[`l${index}`], `l${index}`]),
      expected,
    );
    const refused = [...new Set(all.filter((text) => ours(text, escapeWith) === undefined))].slice(0, 25);
    assert.ok(refused.length > 10, `${refused.length} are refused`);
    for (const text of refused) {
      const outcome = await builds([`LABEL x ${text}`], escapeWith);
      assert.equal(outcome.labels, undefined, `BuildKit takes ${text}`);
      assert.match(outcome.error, /failed to process/, text);
    }
  });

test('words are cut as BuildKit cuts them, its loss of what stands before a default included', async () => {
  const words = [
    '1$E 2',
    '3${none:-4}',
    '"5" 6',
    '$none',
    '7${E}8',
    '9\\ 1',
    '${none:-10 11}',
    '1${E:+x}2',
    '${none:-"20"1}',
  ];
  const surely = words.filter((word) => expandWords(word, VARIABLES).every((one) => /^\d+$/.test(one)));
  assert.ok(surely.length >= 7);
  // EXPOSE cuts its argument at white space first, so that a variable must bring the space.
  for (const word of surely.filter((one) => !one.includes(' '))) {
    const { ports, error } = await builds([`EXPOSE ${word}`], '\\');
    const expected = expandWords(word, VARIABLES).map((port) => `${port}/tcp`);
    assert.deepEqual(ports, [...expected].sort(), `${word} ${error}`);
  }
});
