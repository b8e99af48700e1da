import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** Which rooms a room may import from, itself aside. Imports point downward only. */
const ALLOWED: Record<string, readonly string[]> = {
  errors: [],
  // Shipped for the tests of others: stands alone.
  testing: [],
  host: ['errors'],
  dockerfile: ['errors'],
  image: ['errors', 'dockerfile'],
  bake: ['errors', 'dockerfile'],
  python: ['errors', 'dockerfile', 'image'],
  plan: ['errors', 'dockerfile', 'image'],
  lockfiles: ['python'],
  ci: ['errors', 'host'],
  config: ['errors', 'host'],
  registry: ['errors', 'host', 'image'],
  cache: ['errors', 'host', 'image', 'registry'],
  engine: ['errors', 'host', 'registry'],
  layers: ['errors', 'host', 'image', 'python'],
  lock: ['errors', 'host', 'python', 'lockfiles', 'engine'],
  context: ['errors', 'host', 'image', 'layers'],
  facts: ['errors', 'host', 'image', 'python', 'layers'],
  verify: ['errors', 'host', 'image', 'registry', 'layers'],
  split: ['errors', 'host', 'image', 'python', 'plan', 'layers', 'verify'],
  report: ['errors', 'host', 'engine'],
  compose: [
    'errors',
    'host',
    'dockerfile',
    'image',
    'python',
    'plan',
    'registry',
    'cache',
    'layers',
    'lock',
    'lockfiles',
    'context',
    'facts',
    'split',
  ],
  commands: [
    'errors',
    'host',
    'dockerfile',
    'image',
    'python',
    'plan',
    'ci',
    'config',
    'registry',
    'cache',
    'engine',
    'layers',
    'verify',
    'report',
    'compose',
    'bake',
  ],
  index: ['commands', 'errors', 'host', 'plan', 'report'],
  verbs: ['commands', 'config', 'errors', 'host', 'report'],
  cli: ['verbs', 'errors', 'host', 'report'],
};

/** Side effects have one home each: only these rooms may open these doors of Node. */
const DOORS: Record<string, RegExp> = {
  'node:child_process': /^host$/,
  'node:fs': /^host$/,
  'node:fs/promises': /^(?:host|ci|cache|engine|layers|lock|context|split|commands|testing)$/,
  'node:net': /^host$/,
  'node:tls': /^host$/,
  'node:http': /^(?:host|testing)$/,
  'node:process': /^(?:host|cli)$/,
  'node:worker_threads': /^layers$/,
};

/** Rooms without any side effect, and what of Node they may use all the same: a hash has none. */
const PURE: Record<string, RegExp> = {
  dockerfile: /^node:path$/,
  bake: /^$/,
  image: /^node:path$/,
  plan: /^node:(?:path|crypto)$/,
  python: /^node:path$/,
  lockfiles: /^node:(?:path|crypto)$/,
};

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const root = join(import.meta.dirname, '..');

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s+)?[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm,
  );
  return [...found].map(([, type, from, bare, dynamic]) => ({
    from: file,
    specifier: (from ?? bare ?? dynamic) as string,
    typeOnly: type !== undefined,
  }));
}

/** `src/engine/buildx.ts` is in the room `engine`; a file directly below `src` is a room of its own. */
function roomOf(file: string): string {
  const [, first = ''] = normalize(file).split('/');
  return first.replace(/\.ts$/, '');
}

const files = globSync('src/**/*.ts', { cwd: root }).sort();
const imports = files.flatMap(importsOf);

test('there is something to check', () => {
  assert.ok(files.length > 20);
  assert.ok(imports.some((one) => roomOf(one.from) === 'commands' && one.specifier.startsWith('../engine/')));
});

test('every room has a place in the table', () => {
  assert.deepEqual(
    [...new Set(files.map(roomOf))].filter((room) => !(room in ALLOWED)),
    [],
  );
});

test('imports point downward only', () => {
  const wrong = imports
    .filter(({ specifier }) => specifier.startsWith('.') && specifier.endsWith('.ts'))
    .map(({ from, specifier }) => ({ from, to: normalize(join(dirname(from), specifier)) }))
    .filter(({ from, to }) => roomOf(from) !== roomOf(to) && !ALLOWED[roomOf(from)]?.includes(roomOf(to)))
    .map(({ from, to }) => `${from} -> ${to}`);
  assert.deepEqual(wrong, []);
});

test('docs/architecture.md has the same table, errors aside where there is more', () => {
  const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8');
  const section = page.slice(page.indexOf('## The rooms'), page.indexOf('## Decisions'));
  const rows = [...section.matchAll(/^\| `([a-z]+)(?:\/|\.ts)` .*\| ([^|]+?) *\|$/gm)];
  const documented = rows.map(([, room = '', cell = '']) => [
    room,
    cell === 'all below'
      ? 'all'
      : cell
          .replace(/ \([^)]*\)/g, '')
          .split(', ')
          .sort()
          .join(', '),
  ]);
  const expected = Object.entries(ALLOWED).map(([room, allowed]) => {
    const above = allowed.filter((one) => one !== 'errors' || allowed.length === 1);
    return [room, room === 'commands' ? 'all' : [...above].sort().join(', ') || 'nothing'];
  });
  assert.deepEqual(documented.sort(), expected.sort());
});

test('no two files import each other, directly or around corners', () => {
  const edges = new Map<string, string[]>();
  for (const { from, specifier, typeOnly } of imports)
    if (specifier.startsWith('.') && !typeOnly)
      edges.set(from, [...(edges.get(from) ?? []), normalize(join(dirname(from), specifier))]);
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (done.has(file) || path.includes(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('each side effect has its home', () => {
  const wrong = imports
    .filter(({ from, specifier }) => specifier in DOORS && !DOORS[specifier]?.test(roomOf(from)))
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
  assert.deepEqual(wrong, []);
  const exits = files.filter((file) => /\bprocess\.exit\(/.test(readFileSync(join(root, file), 'utf8')));
  assert.deepEqual(exits, [], 'process.exit skips clean-up: set process.exitCode in cli.ts');
});

test('planning rooms are pure', () => {
  const wrong = imports
    .filter(({ specifier }) => specifier.startsWith('node:'))
    .filter(({ from, specifier }) => PURE[roomOf(from)]?.test(specifier) === false)
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
  assert.deepEqual(wrong, []);
  const impure = files
    .filter((file) => roomOf(file) in PURE)
    .filter((file) =>
      /\bprocess\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\brandom(?:Bytes|UUID|Int)\b|\bfetch\(/.test(
        readFileSync(join(root, file), 'utf8'),
      ),
    );
  assert.deepEqual(impure, []);
});

test('a room names only rooms above it in the table, and only those that it needs', () => {
  const order = Object.keys(ALLOWED);
  const used = new Map<string, Set<string>>(order.map((room) => [room, new Set()]));
  for (const { from, specifier } of imports)
    if (specifier.startsWith('.') && specifier.endsWith('.ts'))
      used.get(roomOf(from))?.add(roomOf(join(dirname(from), specifier)));
  for (const [room, allowed] of Object.entries(ALLOWED)) {
    assert.deepEqual(
      allowed.filter((one) => order.indexOf(one) >= order.indexOf(room)),
      [],
      `${room} is below these`,
    );
    assert.deepEqual(
      allowed.filter((one) => !used.get(room)?.has(one)),
      [],
      `${room} may import these, and does not`,
    );
  }
});

test('what is loaded on demand is a file of ours', () => {
  // In the bundle a CommonJS package that is imported on demand has a default export only, in a checkout it has names too.
  const wrong = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/\bimport\('([^']+)'\)/g)]
      .map(([, specifier = '']) => specifier)
      .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map((specifier) => `${file} imports ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});
