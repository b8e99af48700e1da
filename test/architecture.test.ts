import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** Which rooms a room may import from, itself aside. Imports point downward only. */
const ALLOWED: Record<string, readonly string[]> = {
  errors: [],
  host: ['errors'],
  dockerfile: ['errors'],
  image: ['errors', 'dockerfile'],
  python: ['errors', 'dockerfile', 'image'],
  plan: ['errors', 'dockerfile', 'image'],
  ci: ['errors', 'host'],
  config: ['errors', 'host'],
  registry: ['errors', 'host', 'image'],
  cache: ['errors', 'host', 'image', 'registry'],
  facts: ['errors', 'host', 'image', 'python', 'registry'],
  context: ['errors', 'host', 'image', 'layers'],
  layers: ['errors', 'host', 'image', 'python'],
  engine: ['errors', 'host', 'registry'],
  lock: ['errors', 'host', 'python', 'image', 'engine'],
  report: ['errors', 'host', 'engine'],
  // Shipped for the tests of others: stands alone.
  testing: [],
  verify: ['errors', 'host', 'image', 'python', 'registry', 'engine', 'layers', 'facts'],
  commands: [
    'errors',
    'host',
    'dockerfile',
    'image',
    'plan',
    'ci',
    'config',
    'registry',
    'cache',
    'engine',
    'report',
    'verify',
  ],
  index: ['commands', 'errors', 'host', 'plan', 'report'],
  verbs: ['commands', 'config', 'errors', 'host', 'report'],
  cli: ['verbs', 'errors', 'host', 'report'],
};

/** Side effects have one home each: only these rooms may open these doors of Node. */
const DOORS: Record<string, RegExp> = {
  'node:child_process': /^host$/,
  'node:fs': /^host$/,
  'node:fs/promises': /^(?:host|ci|cache|engine|commands|layers|lock|testing|context)$/,
  'node:net': /^host$/,
  'node:http': /^(?:host|testing)$/,
  'node:process': /^(?:host|cli)$/,
};

/** Rooms without any side effect. */
const PURE = ['dockerfile', 'image', 'plan', 'python'];

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
    .filter(
      ({ from, specifier }) =>
        PURE.includes(roomOf(from)) && specifier.startsWith('node:') && specifier !== 'node:path',
    )
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
  assert.deepEqual(wrong, []);
  const impure = files
    .filter((file) => PURE.includes(roomOf(file)))
    .filter((file) =>
      /\bprocess\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bfetch\(/.test(
        readFileSync(join(root, file), 'utf8'),
      ),
    );
  assert.deepEqual(impure, []);
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
