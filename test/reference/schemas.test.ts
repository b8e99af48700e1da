import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import { cacheRestore, cacheSave } from '../../src/commands/cache.ts';
import { cacheVerify } from '../../src/commands/cache-verify.ts';
import { generateCodebuild } from '../../src/commands/ci-generate.ts';
import { ciRun } from '../../src/commands/ci-run.ts';
import { composedResult } from '../../src/commands/compose/composed-result.ts';
import { config } from '../../src/commands/config.ts';
import { configurationFor } from '../../src/commands/configure.ts';
import { doctor } from '../../src/commands/doctor.ts';
import { engineStatus, engineStop } from '../../src/commands/engine.ts';
import { explain } from '../../src/commands/explain.ts';
import { plan } from '../../src/commands/plan.ts';
import { toVerifyRequest } from '../../src/commands/verify/request.ts';
import { verify } from '../../src/commands/verify.ts';
import { createBuildProgress } from '../../src/engine/progress.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { type BuildResultParts, buildResult } from '../../src/report/build-result.ts';
import { composedParts, imageFor, REST } from '../commands/composed-sample.ts';
import { projectOf } from '../commands/launch.ts';
import { ANSWERS, putPrograms } from '../engine/programs.ts';
import { testHost } from '../support/host.ts';
import { memoryRegistry } from '../verify/registry.ts';
import { altered, SAMPLE } from '../verify/sample.ts';

const root = join(import.meta.dirname, '..', '..');
const NAMES = [
  'build-result',
  'cache-restore',
  'cache-save',
  'cache-verify',
  'ci-generate',
  'ci-run',
  'config',
  'doctor',
  'engine',
  'engine-stop',
  'error',
  'explain',
  'plan',
  'verify',
] as const;
const PAGES = {
  'build-result': 'build',
  'cache-restore': 'cache',
  'cache-save': 'cache',
  'cache-verify': 'cache-verify',
  'ci-generate': 'ci-generate',
  'ci-run': 'ci-run',
  config: 'config',
  doctor: 'doctor',
  engine: 'engine',
  'engine-stop': 'engine',
  error: 'errors',
  explain: 'explain',
  plan: 'plan',
  verify: 'verify',
} as const;

interface Schema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly additionalProperties?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const schemas = Object.fromEntries(
  NAMES.map((name) => [name, JSON.parse(read(`${name}.schema.json`))]),
) as Record<(typeof NAMES)[number], Schema>;
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
const validators = new Map(NAMES.map((name) => [name, ajv.compile(schemas[name])]));

function read(name: string): string {
  return readFileSync(join(root, 'docs', 'reference', name), 'utf8');
}

function validator(name: (typeof NAMES)[number]): ValidateFunction {
  return validators.get(name) as ValidateFunction;
}

/** What a reader of the JSON gets: without what `JSON.stringify` leaves out. */
function printed<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function assertValid(name: (typeof NAMES)[number], value: unknown): void {
  const validate = validator(name);
  assert.ok(validate(printed(value)), ajv.errorsText(validate.errors));
}

/** Neither a field under another name nor one that is left out passes, at any depth. */
function assertStrict(name: (typeof NAMES)[number], value: object): void {
  const validate = validator(name);
  const original = printed(value);
  for (const [path, misspelt, without] of spoiled(original)) {
    assert.equal(validate(misspelt), false, `${path} misspelt`);
    if (!OPTIONAL.includes(path)) assert.equal(validate(without), false, `without ${path}`);
  }
}

const OPTIONAL = [
  'excused.mtime',
  'image.platforms',
  'segments.platform',
  'pid',
  'error.hint',
  'daemon.pid',
  'daemon.address',
  'daemon.version',
];

/** A value again for each field in it, once with the field under another name and once without. */
function* spoiled(value: unknown, path = ''): Generator<[path: string, misspelt: unknown, without: unknown]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, content] of Object.entries(value)) {
    const { [key]: _left, ...others } = value as Record<string, unknown>;
    const place = Array.isArray(value) ? path : [path, key].filter(Boolean).join('.');
    const again = (inner: unknown) =>
      Array.isArray(value) ? value.with(Number(key), inner) : { ...others, [key]: inner };
    if (!Array.isArray(value)) yield [place, { ...others, [`${key}s`]: content }, others];
    for (const [where, misspelt, without] of spoiled(content, place))
      yield [where, again(misspelt), again(without)];
  }
}

/** Every schema within a schema, with its path: `stages[].name`. */
function* partsOf(schema: Schema, whole: Schema, path = ''): Generator<[path: string, part: Schema]> {
  const part =
    schema.$ref === undefined ? schema : (whole.$defs?.[schema.$ref.replace('#/$defs/', '')] as Schema);
  yield [path, part];
  for (const [field, inner] of Object.entries(part.properties ?? {}))
    yield* partsOf(inner, whole, path === '' ? field : `${path}.${field}`);
  if (part.items) yield* partsOf(part.items, whole, `${path}[]`);
  for (const inner of part.anyOf ?? []) yield* partsOf(inner, whole, path);
}

for (const name of NAMES) {
  test(`${name}.schema.json: valid, closed and described`, () => {
    assert.ok(ajv.validateSchema(schemas[name]), ajv.errorsText());
    for (const [path, part] of partsOf(schemas[name], schemas[name])) {
      if (part.properties) assert.equal(part.additionalProperties, false, path);
      const isChoice = part.type === 'null' || /\[\]$/.test(path);
      assert.ok(part.description || isChoice, `${path} has no description`);
    }
  });

  test(`${name}.schema.json: the page has a row for each field`, () => {
    const page = read(`${PAGES[name]}.md`);
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    const documented = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, path]) => path),
    );
    for (const [path, part] of partsOf(schemas[name], schemas[name])) {
      // Objects and lists of objects are described by their fields, and lists of plain values by themselves.
      if (path === '' || part.properties) continue;
      if (part.items?.properties || part.items?.$ref) continue;
      const names = [path, `${path}[]`];
      assert.ok(
        names.some((one) => documented.includes(one)),
        `${PAGES[name]}.md: ${path}`,
      );
    }
  });
}

test('the examples of the pages pass', () => {
  for (const [page, name] of [
    ['build.md', 'build-result'],
    ['cache.md', 'cache-restore'],
    ['errors.md', 'error'],
    ['config.md', 'config'],
    ['doctor.md', 'doctor'],
    ['verify.md', 'verify'],
    ['cache-verify.md', 'cache-verify'],
    ['plan.md', 'plan'],
    ['explain.md', 'explain'],
  ] as const) {
    const examples = [...read(page).matchAll(/^```json\n([\s\S]*?)^```/gm)];
    assert.ok(examples.length > 0, page);
    for (const [, text = ''] of examples) assertValid(name, JSON.parse(text));
  }
});

test('a plan is as its schema says, and nothing else is', async () => {
  const host = testHost();
  const request = toBuildRequest({}, join(root, 'examples', 'recipe'), { platform: ['linux/amd64'] });
  const { record } = await plan(host, request, { offline: true });
  assertValid('plan', record);
  assertStrict('plan', record);
  const remote = toBuildRequest({}, 'https://example.com/shop.git', {});
  assertValid('plan', (await plan(host, remote, { offline: true })).record);
  const { record: explained } = await explain(host, remote);
  assert.equal(explained.way, 'solved');
  assertValid('explain', explained);
});

const CACHE = 'registry.example.com/shop/web:cache';

/** A build of two steps with a cache that is found, one that cannot be written, and a warning. */
function partsOfBuild(): BuildResultParts {
  const progress = createBuildProgress({ now: () => new Date(0), monotonicMs: () => 0 });
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  const vertex = (digest: string, name: string, more: object = {}) => ({
    digest: `sha256:${digest.repeat(64)}`,
    name,
    started: at(1),
    completed: at(2),
    ...more,
  });
  progress.feed(
    JSON.stringify({
      vertexes: [
        vertex('1', `importing cache manifest from ${CACHE}`),
        vertex('2', '[dependencies 2/2] RUN pip install', { cached: true }),
        vertex('3', '[final 2/2] COPY app app'),
        vertex('4', 'exporting to image'),
        vertex('5', 'exporting cache to registry', { error: 'no' }),
      ],
      warnings: [
        {
          short: Buffer.from('JSONArgsRecommended: (line 3)').toString('base64'),
          url: 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/',
          sourceInfo: { filename: 'Dockerfile' },
          range: [{ start: { line: 3 } }],
        },
      ],
    }),
  );
  progress.end('built');
  return {
    plan: {
      way: 'solved',
      target: 'final',
      platforms: ['linux/amd64'],
      segments: [{ stage: 'final', fromLine: 1, toLine: 4, reason: 'because' }],
      tags: ['registry.example.com/shop/web:1'],
      cacheFrom: [
        { spec: `type=registry,ref=${CACHE}`, reference: CACHE },
        { spec: 'type=local,src=cache', reference: undefined },
      ],
      cacheTo: [`type=registry,ref=${CACHE}`],
    },
    builder: { name: 'layerwright', driver: 'remote' },
    looks: [{ reference: CACHE, outcome: 'hit', detail: '9 layers' }],
    metadata: { 'containerimage.digest': `sha256:${'a'.repeat(64)}` },
    state: progress.state,
    compressedBytes: 123,
    seconds: { total: 2, connect: 0.2, cacheLookup: 0.1 },
  };
}

test('the result of a build is as its schema says, and nothing else is', () => {
  const result = buildResult(partsOfBuild());
  assert.equal(result.cache.from[0]?.outcome, 'hit');
  assert.equal(result.cache.to[0]?.outcome, 'failed');
  assert.equal(result.stages.length, 2);
  assert.ok(result.warnings.length >= 2);
  assertValid('build-result', result);
  assertStrict('build-result', result);
  assert.equal(
    validator('build-result')(printed({ ...result, image: { ...result.image, digest: 'x' } })),
    false,
  );
});

test('the result of a composed build is as its schema says, and nothing else is', () => {
  const result = composedResult(composedParts());
  const several = composedResult(
    composedParts({
      images: [imageFor('amd64', { walked: { segments: [REST] } }), imageFor('arm64')],
      index: { digest: `sha256:${'f'.repeat(64)}` },
    }),
  );
  assertValid('build-result', several);
  assertStrict('build-result', several);
  assertValid('build-result', result);
  assertStrict('build-result', result);
  assert.equal(result.segments[0]?.reasons.length, 1);
  assert.ok((result.layers?.made.length ?? 0) > 0);
});

test('the result of a build without image, tags and caches is as its schema says', () => {
  const parts = partsOfBuild();
  const { compressedBytes: _size, ...others } = parts;
  const plan = { ...parts.plan, tags: [], cacheFrom: [], cacheTo: [], platforms: [], segments: [] };
  const result = buildResult({ ...others, plan, looks: [], metadata: {}, compressedBytes: undefined });
  assert.equal(result.image, null);
  assert.equal(result.next.length, 1);
  assertValid('build-result', result);
});

/** A machine with nothing on PATH but what a test puts there. */
async function machine(t: TestContext) {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const bin = join(directory.path, 'bin');
  await mkdir(bin);
  const env = {
    PATH: bin,
    HOME: directory.path,
    DOCKER_CONFIG: join(directory.path, 'docker'),
    LAYERWRIGHT_CACHE_DIR: join(directory.path, 'cache'),
  };
  return { bin, host: testHost({ env }) };
}

test('the engine of a bare machine is as its schema says, and nothing else is', async (t) => {
  const { host } = await machine(t);
  const { record } = await engineStatus(host);
  assert.equal(record.ready, false);
  assertValid('engine', record);
  assertStrict('engine', record);
});

test('the engine of a machine with tools and a builder is as its schema says', async (t) => {
  const { bin, host } = await machine(t);
  const builder = { Name: 'ci', Driver: 'remote', Current: true, Nodes: [{ Status: 'running' }] };
  await putPrograms(bin, {
    buildx: `${ANSWERS.buildx('0.31.0')}\n"ls --format {{json .}}") echo '${JSON.stringify(builder)}' ;;`,
    buildkitd: ANSWERS.plain('buildkitd github.com/moby/buildkit v0.29.1 abc'),
    buildctl: ANSWERS.plain('buildctl github.com/moby/buildkit v0.29.1 abc'),
    runc: ANSWERS.plain('runc version 1.3.0'),
  });
  const { record } = await engineStatus(host);
  assert.deepEqual(record.builders, [{ name: 'ci', driver: 'remote', current: true, status: 'running' }]);
  assert.ok(record.ready && record.tools.length > 0);
  assertValid('engine', record);
  const daemon = {
    ...record.daemon,
    running: true,
    pid: 1,
    address: 'unix:///x',
    version: '0.34.2',
    users: [2],
  };
  assertValid('engine', { ...record, daemon });
  assertStrict('engine', { ...record, daemon });
});

test('the end of a buildkitd is as its schema says, and nothing else is', async (t) => {
  const { host } = await machine(t);
  const { record } = await engineStop(host);
  assertValid('engine-stop', record);
  assertValid('engine-stop', { schemaVersion: 1, stopped: true, pid: 4711 });
  assertStrict('engine-stop', { schemaVersion: 1, stopped: true, pid: 4711 });
});

test('what is saved and restored is as its schema says, and nothing else is', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const host = testHost({ cwd: directory.path, env: { LAYERWRIGHT_CACHE_DIR: directory.path } });
  await mkdir(join(directory.path, 'tree'));
  const options = { key: 'k', fallbackKeys: [], directory: 'tree', strict: true };
  for (const [store, outcomes] of [
    [`file://${directory.path}/store`, ['saved', 'hit']],
    ['file:///dev/null', ['unreachable', 'unreachable']],
  ] as const) {
    const saved = await cacheSave(host, { ...options, store });
    const restored = await cacheRestore(host, { ...options, store });
    assert.deepEqual([saved.record.outcome, restored.record.outcome], outcomes);
    for (const [name, record] of [
      ['cache-save', saved.record],
      ['cache-restore', restored.record],
    ] as const) {
      assertValid(name, record);
      assertStrict(name, record);
    }
  }
});

test('a failure is as its schema says, and nothing else is', async () => {
  for (const args of [
    ['--way', 'split'],
    ['--output', 'type=local,dest'],
  ]) {
    const { exitCode, stdout } = await run([
      process.execPath,
      join(root, 'bin', 'layerwright.js'),
      'build',
      '--json',
      ...args,
    ]);
    assert.equal(exitCode, 2);
    assertValid('error', JSON.parse(stdout));
    assertStrict('error', JSON.parse(stdout) as object);
  }
});

test('what is configured is as its schema says, and nothing else is', async (t) => {
  const { host } = await machine(t);
  const asked = { context: undefined, options: {}, given: { tag: ['a:1'], push: true } };
  for (const env of [{}, { GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'pull_request', LAYERWRIGHT_X: '1' }]) {
    const machineOf = { ...host, env: { ...host.env, ...env } };
    const configuration = await configurationFor(machineOf, asked);
    assertValid('config', config(machineOf, configuration, { all: true }).record);
    const { record } = config(machineOf, configuration);
    assertStrict('config', { ...record, ignored: record.settings, warnings: ['x'] });
  }
});

test('what a doctor finds is as its schema says, and nothing else is', async (t) => {
  const { host } = await machine(t);
  const { record } = await doctor(host, { context: '.', options: {}, given: {} });
  assertValid('doctor', record);
  assertStrict('doctor', record);
  assert.equal(validator('doctor')({ ...printed(record), outcome: 'fine' }), false);
});

test('the run of a buildspec is as its schema says, and nothing else is', async () => {
  await using project = await projectOf({
    'buildspec.yml': `version: 0.2
env: {variables: {TAG: v1}, exported-variables: [TAG]}
phases:
  install: {runtime-versions: {python: 3.12}}
  build: {commands: ['echo a >a.txt']}
artifacts: {files: [a.txt], secondary-artifacts: {more: {files: [a.txt], name: x}}}
cache: {key: k, paths: ['deps/**/*', a.txt]}
`,
  });
  for (const store of [`file://${project.path}/store`, undefined]) {
    const host = testHost({ cwd: project.path });
    const request = { buildspec: 'buildspec.yml', env: [], store, artifacts: undefined };
    const record = await ciRun(host, { ...request, progress: 'auto' });
    assert.equal(record.outcome, 'succeeded', host.written.talk);
    assertValid('ci-run', record);
    const { exportedVariables: _names, ...others } = record;
    assert.deepEqual(record.exportedVariables, { TAG: 'v1' });
    assertStrict('ci-run', { ...others, exportedVariables: {} });
  }
});

test('what was generated is as its schema says, and nothing else is', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const { record } = await generateCodebuild(testHost({ cwd: project.path }), {
    ...{ classic: true, dockerfile: 'Dockerfile', platforms: [], output: 'buildspec.yml' },
    ...{ force: false, version: '1.0.0' },
  });
  assertValid('ci-generate', record);
  assertStrict('ci-generate', record);
});

test('what verify finds is as its schema says, and nothing else is', async () => {
  await using registry = await memoryRegistry();
  const image = (name: string, ...more: Parameters<typeof altered>) =>
    registry.image(name, { layers: [altered(...more)], config: { Cmd: [name] } }).reference;
  const host = testHost();
  const against = image('shop/web:1', {});
  const altogether = image('shop/web:2', {
    tmp: { mtime: 1 },
    'srv/web': { uid: 0 },
    'usr/null': undefined,
  });
  const request = { against, platform: ['linux/amd64'] };
  const { record } = await verify(host, await toVerifyRequest(host, altogether, undefined, request));
  assert.deepEqual(
    record.differences.map(({ kind }) => kind),
    ['owner', 'missing'],
  );
  assertValid('verify', record);
  assertStrict('verify', record);
  assertValid('verify', { ...record, plain: { ...record.plain, reference: null } });
});

test('what cache verify finds is as its schema says, and nothing else is', async () => {
  await using registry = await memoryRegistry();
  const { layers } = registry.image('team/cache:lw-a', { layers: [SAMPLE] });
  registry.image('team/cache:lw-b', { layers: [[]] });
  registry.blobs.delete(layers[0] ?? '');
  const rebuild = async () => ({ impossible: 'not today' });
  const request = { repository: `${registry.address}/team/cache`, deep: true, rebuild };
  const { record } = await cacheVerify(testHost(), request);
  assert.deepEqual([record.problems.length, record.notRebuilt.length], [1, 2]);
  assertValid('cache-verify', record);
  assertStrict('cache-verify', record);
});
