import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECKS } from '../../src/commands/doctor/checks.ts';
import { KEY_NAMES, keyOf } from '../../src/config/keys.ts';
import { ENGINE_VERSIONS, packagedSums } from '../../src/engine/releases.ts';
import { EXIT } from '../../src/errors.ts';
import { run } from '../../src/host/exec.ts';
import { EXCUSES } from '../../src/verify/difference.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = {
  bake: read('docs/reference/bake.md'),
  build: read('docs/reference/build.md'),
  cache: read('docs/reference/cache.md'),
  'cache-verify': read('docs/reference/cache-verify.md'),
  'ci-generate': read('docs/reference/ci-generate.md'),
  'ci-run': read('docs/reference/ci-run.md'),
  config: read('docs/reference/config.md'),
  doctor: read('docs/reference/doctor.md'),
  engine: read('docs/reference/engine.md'),
  errors: read('docs/reference/errors.md'),
  explain: read('docs/reference/explain.md'),
  plan: read('docs/reference/plan.md'),
  registries: read('docs/reference/registries.md'),
  testing: read('docs/reference/testing.md'),
  verify: read('docs/reference/verify.md'),
};
/** Without the registry for tests, whose codes are those of the distribution specification. */
const sources = globSync('src/**/*.ts', { cwd: root })
  .filter((path) => !path.startsWith('src/testing/'))
  .sort()
  .map(read);
const source = sources.join('\n');

/** Upper-case words in quotes that are no error codes: Node's error codes, environment variables. */
const NO_CODE =
  /^(?:E[A-Z]+|EAI_AGAIN|UND_ERR_.*|ERR_[A-Z]+_.*|TAB_AS_INDENT|MULTIPLE_DOCS|YAML_FILE_ERROR|COMMAND_EXECUTION_ERROR|CLIENT_ERROR|DOWNLOAD_SOURCE|UPLOAD_ARTIFACTS|(?:HTTPS?|NO|ALL)_PROXY|SOURCE_DATE_EPOCH|PYTHON_VERSION|SETUPTOOLS_USE_DISTUTILS|DEB_PYTHON_INSTALL_LAYOUT|BUILDKIT_SBOM_SCAN_(?:CONTEXT|STAGE)|(?:LAYERWRIGHT|BUILDX|NODE|XDG|SSL|CI|GITHUB|CODEBUILD|PIP|UV|GIT|APT)_.*|(?:REQUESTS_CA|CURL_CA)_BUNDLE|DOCKER_AUTH_CONFIG|AWS_(?:ACCESS_KEY_ID|PROFILE|WEB_IDENTITY|CONTAINER|ENDPOINT)\w*)$/;

/** Files that name environment variables of package tools. */
const READERS = ['src/python/recognise/*.ts', 'src/compose/wheels/wheel-order.ts'];

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
  for (const [, code = ''] of source.matchAll(/\bcode: .*\?\? '([A-Z_]+)'/g)) add(code);
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
  // The rooms that read commands know many environment variables, and give no error a code of its own kind.
  const told = globSync(['src/**/*.ts'], { cwd: root, exclude: ['src/testing/**', ...READERS] }).map(read);
  const quoted = [...told.join('\n').matchAll(/'([A-Z]+(?:_[A-Z]+)+)'/g)].map(([, word]) => word as string);
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

test('cache.md has every option of `layerwright cache`, and no others', async () => {
  const section = pages.cache.slice(0, pages.cache.indexOf('## Stores'));
  const documented = [...section.matchAll(/^\| `--.*$/gm)].flatMap(([row]) =>
    [...(row.split('|')[1] ?? '').matchAll(/`(--[a-z-]+)/g)].map(([, option]) => option as string),
  );
  const restore = optionsIn(await help('cache', 'restore'));
  assert.deepEqual(documented.sort(), restore);
  const save = restore.filter((option) => option !== '--fallback-key');
  assert.deepEqual(optionsIn(await help('cache', 'save')), save);
});

test('cache.md has every outcome of `layerwright cache`, each with the exit codes of its errors', () => {
  const section = pages.cache.slice(pages.cache.indexOf('## Outcomes'), pages.cache.indexOf('## Restore'));
  const rows = rowsOf(section).filter(({ cells }) => cells[0]?.startsWith('`'));
  const outcomes = (name: string) =>
    (
      JSON.parse(read(`docs/reference/cache-${name}.schema.json`)) as {
        properties: { outcome: { enum: string[] } };
      }
    ).properties.outcome.enum;
  for (const command of ['save', 'restore'])
    assert.deepEqual(
      [
        ...new Set(
          rows
            .filter(({ cells }) => cells[1] === `\`${command}\`` || cells[1] === 'both')
            .map(({ names }) => names[0]),
        ),
      ].sort(),
      outcomes(command).sort(),
    );
});

test('ci-run.md has every option of `layerwright ci run`, and no others', async () => {
  const section = pages['ci-run'].slice(0, pages['ci-run'].indexOf('## The buildspec'));
  const documented = [...section.matchAll(/^\| `(--[a-z-]+)[^|]*\|/gm)].flatMap(([row]) =>
    [...row.matchAll(/`(--[a-z-]+)/g)].map(([, option]) => option),
  );
  assert.deepEqual(documented.sort(), optionsIn(await help('ci', 'run')));
});

test('config.md, doctor.md and ci-generate.md have every option of their commands', async () => {
  for (const [command, page] of [
    [['config'], pages.config],
    [['doctor'], pages.doctor],
    [['ci', 'generate', 'codebuild'], pages['ci-generate']],
  ] as const)
    for (const option of optionsIn(await help(...command)))
      assert.ok(option === '--help' || page.includes(option), `${command.join(' ')} ${option}`);
});

test('verify.md, cache-verify.md, plan.md and explain.md have every option of their commands, and no others', async () => {
  for (const [command, page] of [
    [['verify'], pages.verify],
    [['cache', 'verify'], pages['cache-verify']],
    [['plan'], pages.plan],
    [['explain'], pages.explain],
  ] as const) {
    const section = page.slice(page.indexOf('## Options'), page.indexOf('## JSON'));
    const documented = [...section.matchAll(/`(--[a-z-]+)[^`]*`/g)].map(([, option]) => option as string);
    assert.deepEqual([...new Set(documented)].sort(), optionsIn(await help(...command)), command.join(' '));
  }
});

test('verify.md has a row for each exception, and no others', () => {
  const section = pages.verify.slice(
    pages.verify.indexOf('## What is not counted'),
    pages.verify.indexOf('## The plain'),
  );
  assert.deepEqual(
    rowsOf(section).flatMap(({ names, cells }) => (cells[0]?.startsWith('`') ? (names[0] ?? []) : [])),
    Object.keys(EXCUSES),
  );
});

test('config.md has a row for each setting, as the table of keys has it', () => {
  const rows = rowsOf(pages.config);
  for (const name of KEY_NAMES) {
    const { flag, variable, default: value, guarded, choices } = keyOf(name);
    const cells = rows.find(({ names }) => names[0] === name)?.cells ?? [];
    const code = (text: string | undefined) => (text === undefined ? '' : `\`${text}\``);
    assert.deepEqual(
      cells.slice(2, 6),
      [code(flag), code(variable), code(value?.toString()), guarded === undefined ? '' : 'yes'],
      name,
    );
    if (choices) assert.equal(cells[1], choices.map(code).join(', '), name);
  }
  const settings = rows.filter(({ cells }) => cells.length === 7).flatMap(({ names }) => names[0] ?? []);
  assert.deepEqual(settings, KEY_NAMES);
});

test('doctor.md has a row for each check, in the order in which they are shown', () => {
  const rows = rowsOf(pages.doctor).filter(({ cells }) => cells.length === 4);
  assert.deepEqual(
    rows.flatMap(({ names }) => names[0] ?? []).filter((name) => name in CHECKS),
    Object.keys(CHECKS),
  );
});

test('registries.md has what RUN gets of the certificate authorities', () => {
  const names = ['SYSTEM_BUNDLE', 'OWN_BUNDLE'].map(
    (name) => new RegExp(`${name} = '([^']+)'`).exec(source)?.[1] ?? '',
  );
  const variables = /const VARIABLES = \[([^\]]*)\]/.exec(source)?.[1]?.match(/[A-Z_]+/g) ?? [];
  assert.equal(variables.length, 6);
  for (const name of [...names, ...variables]) assert.ok(pages.registries.includes(`\`${name}\``), name);
});

test('our environment variables are documented, and no others', () => {
  const names = (text: string) => new Set(text.match(/\bLAYERWRIGHT_[A-Z0-9_]+/g));
  const documented = names(pages.engine + pages.config);
  assert.deepEqual([...documented].sort(), [...names(source)].sort());
  for (const name of names(pages.build + pages['ci-run'] + pages.errors))
    assert.ok(documented.has(name), name);
});

test('variables that name commit and branch are documented', () => {
  const read = source.match(/\b(?:CODEBUILD|GITHUB|CI)_[A-Z_]+/g) ?? [];
  for (const name of new Set(read)) assert.ok((pages.build + pages['ci-run']).includes(`\`${name}\``), name);
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
