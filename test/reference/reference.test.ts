import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENGINE_VERSIONS, packagedSums } from '../../src/engine/releases.ts';
import { EXIT } from '../../src/errors.ts';
import { run } from '../../src/host/exec.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = {
  build: read('docs/reference/build.md'),
  engine: read('docs/reference/engine.md'),
  errors: read('docs/reference/errors.md'),
};
const sources = globSync('src/**/*.ts', { cwd: root }).sort().map(read);
const source = sources.join('\n');

/** Upper-case words in quotes that are no error codes: Node's error codes, environment variables, instructions. */
const NO_CODE =
  /^(?:E[A-Z]+|EAI_AGAIN|UND_ERR_.*|(?:HTTPS?|NO|ALL)_PROXY|(?:XDG|SSL|CI|GITHUB|CODEBUILD)_.*)$/;

/** Error codes in the places where the source gives one, with the exits that stand beside it. */
function emittedCodes(): Map<string, Set<number>> {
  const codes = new Map<string, Set<number>>();
  const add = (code: string, ...exits: number[]) => {
    codes.set(code, new Set([...(codes.get(code) ?? []), ...exits]));
  };
  for (const [, code = ''] of source.matchAll(/\busageError\(\s*'([A-Z_]+)'/g)) add(code, EXIT.usage);
  for (const [, code = '', exits = ''] of source.matchAll(/\bcode: '([A-Z_]+)',\s*exit:([^,}]*)/g))
    add(code, ...exitsIn(exits));
  for (const [, code = '', exits = ''] of source.matchAll(/\bmake\(\s*'([A-Z_]+)',([^,]*)/g))
    add(code, ...exitsIn(exits));
  // The exit of these depends on more than stands beside them.
  for (const [, code = ''] of source.matchAll(/\bstartError\([^)]*?'([A-Z_]+)',?\s*\)/g)) add(code);
  for (const [, code = ''] of source.matchAll(/\?\? '([A-Z_]+)'/g)) add(code);
  return codes;
}

function exitsIn(expression: string): number[] {
  return [...expression.matchAll(/EXIT\.(\w+)/g)].map(([, name]) => EXIT[name as keyof typeof EXIT]);
}

/** The rows of all tables of a page: the first column's words in backticks, and the cells. */
function rowsOf(page: string): { names: string[]; cells: string[] }[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => ({
      names: [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
      cells: cells.map((cell) => cell.trim()),
    }));
}

const codeRows = rowsOf(pages.errors).filter(({ names }) => /^[A-Z_]+$/.test(names[0] ?? ''));

test('errors.md lists the error codes that the source can emit, each once, and no others', () => {
  const listed = codeRows.map(({ names }) => names[0] as string);
  const emitted = [...emittedCodes().keys()].sort();
  assert.ok(emitted.length > 50);
  assert.deepEqual(listed.sort(), emitted);
});

test('an error code of the source is found wherever it stands', () => {
  const codes = emittedCodes();
  const quoted = [...source.matchAll(/'([A-Z]+(?:_[A-Z]+)+)'/g)].map(([, word]) => word as string);
  assert.deepEqual(
    [...new Set(quoted)].filter((word) => !codes.has(word) && !NO_CODE.test(word)),
    [],
    'a new way to give an error its code? emittedCodes() must know it',
  );
});

test('errors.md gives each code the exit that the source gives it', () => {
  const listed = new Map(codeRows.map(({ names, cells }) => [names[0], cells[1]]));
  for (const [code, exits] of emittedCodes())
    if (exits.size > 0)
      assert.equal(listed.get(code), [...exits].sort((a, b) => a - b).join(', '), `exit of ${code}`);
});

test('errors.md explains all exit codes', () => {
  const exits = rowsOf(pages.errors).map(({ cells }) => cells[0] ?? '');
  assert.deepEqual(
    exits.filter((exit) => /^\d+$/.test(exit)).map(Number),
    Object.values(EXIT).sort((a, b) => a - b),
  );
});

async function help(...command: string[]): Promise<string> {
  const { stdout } = await run([process.execPath, join(root, 'bin', 'layerwright.js'), ...command, '--help']);
  return stdout;
}

/** The long options that a help text defines. */
function optionsIn(text: string): string[] {
  return [...text.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option as string).sort();
}

test('build.md has every option of `layerwright build`, and no others', async () => {
  const documented = rowsOf(pages.build)
    .flatMap(({ names }) => names)
    .flatMap((name) => /^--[a-z-]+/.exec(name)?.[0] ?? []);
  const section = pages.build.slice(0, pages.build.indexOf('## Tags'));
  const inOptions = [...section.matchAll(/^\| (?:`-\w`, )?`(--[a-z-]+)/gm)].map(([, option]) => option);
  const options = optionsIn(await help('build'));
  assert.deepEqual(inOptions.sort(), options);
  assert.deepEqual(
    documented.filter((option) => !options.includes(option)),
    [],
  );
});

test('engine.md has every option of `layerwright engine`', async () => {
  for (const command of ['install', 'status', 'stop'])
    for (const option of optionsIn(await help('engine', command)))
      assert.ok(option === '--help' || pages.engine.includes(option), `engine ${command} ${option}`);
});

test('our environment variables are documented, and no others', () => {
  const names = (text: string) => new Set(text.match(/\bLAYERWRIGHT_[A-Z0-9_]+/g));
  const documented = names(pages.engine);
  assert.deepEqual([...documented].sort(), [...names(source)].sort());
  for (const name of names(pages.build + pages.errors)) assert.ok(documented.has(name), name);
});

test('variables that name commit and branch are documented', () => {
  const read = source.match(/\b(?:CODEBUILD|GITHUB|CI)_[A-Z_]+/g) ?? [];
  for (const name of new Set(read)) assert.ok(pages.build.includes(`\`${name}\``), name);
});

test('engine.md has the pinned versions, and says whether their checksums are known', () => {
  for (const [tool, version] of Object.entries(ENGINE_VERSIONS))
    assert.match(pages.engine, new RegExp(`\\| ${tool} +\\| ${version.replaceAll('.', '\\.')} +\\|`, 'i'));
  const saysEmpty = /table of\s+checksums\s+in\s+the\s+package\s+is\s+empty\s+in\s+this\s+version/;
  assert.equal(saysEmpty.test(pages.engine), packagedSums.size === 0);
});

test('links within the reference lead somewhere', () => {
  const anchors = (page: string) =>
    [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      (title as string)
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
  const files = new Set(globSync('*', { cwd: join(root, 'docs', 'reference') }));
  for (const [name, page] of Object.entries(pages))
    for (const [, file = '', anchor] of page.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
      assert.ok(file === '' || files.has(file), `${name}.md: ${file}`);
      if (anchor === undefined) continue;
      const target = file === '' ? page : read(`docs/reference/${file}`);
      assert.ok(anchors(target).includes(anchor), `${name}.md: ${file}#${anchor}`);
    }
});
