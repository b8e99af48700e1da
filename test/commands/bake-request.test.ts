import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDefinition } from '../../src/bake/definition.ts';
import { buildOrder } from '../../src/bake/order.ts';
import { cachesOf } from '../../src/commands/bake/caches.ts';
import { contextOf, forUsers, type PlannedTarget } from '../../src/commands/bake/contexts.ts';
import { printArguments, printError } from '../../src/commands/bake/print.ts';
import { checkPushTargets } from '../../src/commands/bake/push-targets.ts';
import { toBakeRequest } from '../../src/commands/bake/request.ts';
import { targetRequest } from '../../src/commands/bake/targets.ts';
import { containersOf } from '../../src/commands/bake/tell.ts';
import { LayerwrightError } from '../../src/errors.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { PRINTED } from '../bake/sample.ts';

const request = toBakeRequest({}, [], {});
const AUTO = { cacheRepository: undefined, way: 'auto' } as const;
const definition = readDefinition(JSON.stringify(PRINTED));

function requestOf(raw: Readonly<Record<string, unknown>>, options: Readonly<Record<string, unknown>> = {}) {
  const [target] = readDefinition(JSON.stringify({ target: { one: raw } })).targets.values();
  assert.ok(target);
  return targetRequest({}, toBakeRequest({}, [], options), target, {});
}

test('a target asks for what `layerwright build` would be asked for by flags', () => {
  const target = definition.targets.get('all');
  assert.ok(target);
  const built = targetRequest({}, { ...request, builder: 'ci' }, target, { repository: 'reg.example/cache' });
  assert.deepEqual(
    [built.context, built.file, built.tags, built.builder],
    ['services/all', 'services/all/Dockerfile.all', PRINTED.target.all.tags, 'ci'],
  );
  assert.deepEqual(built.wishes, {
    way: 'auto',
    targetName: 'final',
    platforms: ['linux/amd64', 'linux/arm64'],
    push: true,
    load: false,
    outputs: [{ type: 'local', dest: 'out' }],
    noCache: true,
    cacheFrom: [{ type: 'registry', ref: 'reg.example/cache:all' }],
    cacheTo: [{ type: 'local', dest: '/tmp/cache' }],
    cacheRepository: 'reg.example/cache',
    compression: 'gzip',
  });
  assert.deepEqual(built.passed, {
    buildArguments: ['VERSION=1=2', `DOLLAR=\${HOME} and %{if}`],
    buildContexts: [],
    secrets: ['id=token,env=TOKEN', 'id=file,"src=./secret,1"'],
    ssh: ['default', 'key=a/key,b/key'],
    labels: ['a.b/c=q=1'],
    annotations: ['team=x', `index,manifest:note=\${kept}`],
    attestations: [],
    provenance: 'mode=max',
    sbom: 'false',
    pull: true,
    noCache: true,
    imageIdFile: undefined,
    other: [
      ...['--add-host', 'db=10.0.0.7', '--allow', 'network.host', '--network', 'host'],
      ...['--no-cache-filter', 'build', '--shm-size', '128m', '--ulimit', 'nofile=1024:1024'],
      ...['--resource', 'memory=2g', '--resource', 'cpu-quota=50000'],
    ],
  });
});

test('outputs: a plain push and a plain load are ours, all others stay as they are', () => {
  const outputs = (...output: (object | string)[]) => {
    const { push, load, outputs: others, compression } = requestOf({ output }).wishes;
    return { push, load, others, compression };
  };
  const none = { push: false, load: false, others: [], compression: 'zstd' };
  assert.deepEqual(outputs({ type: 'registry' }), { ...none, push: true });
  assert.deepEqual(outputs({ type: 'image', push: 'true', 'oci-mediatypes': 'true' }), {
    ...none,
    push: true,
  });
  assert.deepEqual(outputs('type=registry', 'type=docker'), { ...none, push: true, load: true });
  for (const other of [
    { type: 'image', push: 'false' },
    { type: 'image', push: 'true', name: 'reg.example/x' },
    { type: 'registry', compression: 'estargz' },
    { type: 'docker', dest: 'image.tar' },
    { type: 'cacheonly' },
  ])
    assert.deepEqual(outputs(other), { ...none, others: [other] });
});

test('paths are seen from the working directory, those of a Dockerfile from the context', () => {
  const files = (raw: Readonly<Record<string, unknown>>) => {
    const { context, file } = requestOf(raw);
    return [context, file];
  };
  assert.deepEqual(files({}), ['.', 'Dockerfile']);
  assert.deepEqual(files({ context: 'a', dockerfile: '../b/Dockerfile' }), ['a', 'b/Dockerfile']);
  assert.deepEqual(files({ context: 'cwd://a', dockerfile: 'cwd://b/D' }), ['a', 'b/D']);
  assert.deepEqual(files({ context: '/src', dockerfile: '/b/D' }), ['/src', '/b/D']);
  const remote = 'https://git.example/x.git';
  assert.deepEqual(files({ context: remote, dockerfile: 'sub/D' }), [remote, 'sub/D']);
  assert.throws(() => files({ dockerfile: 'https://git.example/D' }), { code: 'BAKE_UNSUPPORTED', exit: 2 });
});

test('of several attestations of a type the first one counts', () => {
  const { passed } = requestOf({
    attest: [
      { type: 'provenance', disabled: true },
      { type: 'provenance', mode: 'max' },
      { type: 'sbom', generator: 'x' },
      { type: 'other' },
    ],
  });
  assert.deepEqual(
    [passed.provenance, passed.sbom, passed.attestations],
    ['false', 'generator=x', ['type=other']],
  );
});

test('our own options count for every target', () => {
  const built = requestOf(
    { tags: ['reg.example/a:1'] },
    {
      way: 'solved',
      compression: 'gzip',
      sourceLabels: true,
      sourceDateEpoch: '7',
      builder: 'ci',
      cacheRepo: 'none',
    },
  );
  assert.deepEqual(
    [built.wishes.way, built.wishes.compression, built.sourceLabels, built.sourceDateEpoch, built.builder],
    ['solved', 'gzip', true, 7, 'ci'],
  );
  assert.throws(() => requestOf({}, { sourceDateEpoch: 'tomorrow' }), { code: 'FLAG_INVALID' });
  assert.throws(() => requestOf({}, { containerName: ['web'] }), { code: 'FLAG_INVALID' });
  assert.throws(() => toBakeRequest({}, ['https://git.example/x.git'], {}), { code: 'BAKE_UNSUPPORTED' });
});

function targets(raw: Readonly<Record<string, Readonly<Record<string, unknown>>>>) {
  return [...readDefinition(JSON.stringify({ target: raw })).targets.values()];
}

test('layers are kept in one repository of each registry, the layer cache of each target under a tag of its own', () => {
  const all = targets({
    worker: { tags: ['reg.example/shop/worker:{sha}'] },
    api: { tags: ['reg.example/shop/api:1', 'other.example/api:1'] },
    jobs: { tags: ['other.example/app:jobs'] },
    cron: { tags: ['other.example/app:cron'] },
    none: {},
  });
  const caches = Object.fromEntries(cachesOf(AUTO, all, all));
  const ref = (text: string) => `type=registry,ref=${text}`;
  assert.deepEqual(caches, {
    api: { repository: 'reg.example/shop/api', layers: ref('reg.example/shop/api:cache-api') },
    worker: { repository: 'reg.example/shop/api', layers: ref('reg.example/shop/api:cache-worker') },
    cron: { repository: 'other.example/app', layers: ref('other.example/app:cache-cron') },
    jobs: { repository: 'other.example/app', layers: ref('other.example/app:cache-jobs') },
    none: {},
  });
  assert.deepEqual(cachesOf(AUTO, [...all].reverse(), [...all].reverse()).get('worker'), caches.worker);
  const solved = cachesOf({ ...AUTO, way: 'solved' }, all, all);
  assert.deepEqual(
    [solved.get('worker')?.layers, solved.get('cron')?.layers],
    [ref('reg.example/shop/worker:cache'), ref('other.example/app:cache-cron')],
    'beside the image that BuildKit pushes',
  );
  assert.deepEqual(cachesOf(AUTO, all, []).get('api'), {}, 'what is not pushed keeps nothing');
  assert.deepEqual(cachesOf({ ...AUTO, cacheRepository: 'reg.example/c' }, all, []).get('none'), {
    repository: 'reg.example/c',
    layers: ref('reg.example/c:cache-none'),
  });
  assert.deepEqual(cachesOf({ ...AUTO, cacheRepository: 'none' }, all, all).get('api'), {
    repository: 'none',
  });
});

function planned(
  raw: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  asked: readonly string[],
): readonly PlannedTarget[] {
  const group = { default: { targets: asked } };
  return buildOrder(readDefinition(JSON.stringify({ group, target: raw }))).map((one) => ({
    ...one,
    request: targetRequest({}, request, one.target, { repository: 'reg.example/first' }),
  }));
}

const PUSH = { output: [{ type: 'registry' }] };
const ON_BASE = { contexts: { base: 'target:base' }, tags: ['reg.example/app:1'] };
const CACHE_ONLY = { output: [{ type: 'cacheonly' }] };

function built(references: readonly string[]): BuildResult {
  return { image: { digest: 'sha256:12', references, compressedBytes: 1 } } as BuildResult;
}

test('a target that only others need goes beside the layers of one that is pushed', () => {
  const all = planned({ base: CACHE_ONLY, app: { ...ON_BASE, ...PUSH } }, ['app']);
  const [base] = all as [PlannedTarget];
  const made = forUsers(base, all, '/layout');
  assert.deepEqual(
    [made.tags, made.wishes.push, made.wishes.outputs],
    [['reg.example/first:lw-target-base'], true, []],
  );
  assert.deepEqual(made.wishes.cacheTo, [{ type: 'registry', ref: 'reg.example/first:cache-base' }]);
  assert.equal(
    contextOf(made, built(['reg.example/first:lw-target-base']), '/layout'),
    'docker-image://reg.example/first@sha256:12',
  );
});

test('a target that is pushed is used from there, and one that nobody pushes from a directory', () => {
  const pushed = planned({ base: { tags: ['reg.example/base:1'], ...PUSH }, app: { ...ON_BASE, ...PUSH } }, [
    'base',
    'app',
  ]);
  const [base] = pushed as [PlannedTarget];
  assert.equal(forUsers(base, pushed, '/layout'), base.request, 'as it is asked for');
  assert.equal(
    contextOf(base.request, built(['reg.example/base:1']), '/layout'),
    'docker-image://reg.example/base@sha256:12',
  );
  const local = planned({ base: { output: [{ type: 'docker' }] }, app: ON_BASE }, ['base', 'app']);
  const loaded = forUsers(local[1] as PlannedTarget, local, '/layout');
  assert.equal(local[1]?.target.name, 'base' === local[0]?.target.name ? 'app' : 'base');
  const first = local.find(({ target }) => target.name === 'base') as PlannedTarget;
  const laid = forUsers(first, local, '/layout');
  assert.deepEqual(laid.wishes.outputs, [{ type: 'oci', dest: '/layout', tar: 'false' }]);
  assert.equal(laid.wishes.load, true, 'what is asked for is done all the same');
  assert.equal(contextOf(laid, built([]), '/layout'), 'oci-layout:///layout@sha256:12');
  assert.deepEqual(loaded, local[1]?.request, 'what nobody needs is left as it is');
});

test('a build that a stranger can cause pushes only where whoever starts it lets it', () => {
  const all = planned(
    {
      base: CACHE_ONLY,
      web: { ...ON_BASE, tags: ['reg.example/shop/web:1', 'other.example/web:1'], ...PUSH },
      jobs: { tags: ['reg.example/jobs:1'], 'cache-to': [{ type: 'registry', ref: 'cache.example/c:1' }] },
      named: { output: [{ type: 'image', push: 'true', name: 'named.example/a:1' }] },
    },
    ['web', 'jobs', 'named'],
  );
  const stranger = { GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'pull_request' };
  const wanting = (
    allow: readonly string[],
    overrides: readonly string[] = [],
    env: NodeJS.ProcessEnv = stranger,
  ) => {
    try {
      checkPushTargets(env, { allow, overrides }, all);
      return [];
    } catch (error) {
      assert.ok(error instanceof LayerwrightError);
      assert.deepEqual([error.code, error.exit], ['BAKE_NOT_ALLOWED', 2]);
      return [...(error.hint ?? '').matchAll(/image\.push=(\S+)/g)].map(([, one]) => one);
    }
  };
  const others = ['cache.example/c', 'named.example/a'];
  assert.deepEqual(wanting([]), [...others, 'other.example/web', 'reg.example/shop/web']);
  const push = (...names: string[]) => names.map((name) => `image.push=${name}`);
  assert.deepEqual(wanting(push(...others, 'other.example/web', 'reg.example')), []);
  assert.deepEqual(wanting(['image=*']), []);
  assert.deepEqual(wanting(push(...others, 'other.example', 'reg.example/sho')), ['reg.example/shop/web']);
  assert.deepEqual(wanting(push(...others, 'other.example'), ['web.tags=reg.example/shop/web:1']), []);
  assert.deepEqual(wanting([], [], {}), [], 'nobody else is on this machine');
  assert.deepEqual(wanting([], [], { GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'push' }), []);
});

test('containers: all that are pushed by their repositories, or those that are named and no others', () => {
  const all = planned(
    {
      base: CACHE_ONLY,
      web: { tags: ['reg.example/shop/web:{sha}'], ...PUSH },
      worker: { tags: ['reg.example/shop/worker:1'], ...PUSH },
      tools: { tags: ['tools:1'] },
    },
    ['web', 'worker', 'tools'],
  );
  const containers = (names: readonly string[], imageDefinitions: string | undefined = 'f.json') => [
    ...containersOf(
      { imageDefinitions, containers: toBakeRequest({}, [], { containerName: names }).containers },
      all,
    ),
  ];
  assert.deepEqual(containers([]), [
    ['web', 'web'],
    ['worker', 'worker'],
  ]);
  assert.deepEqual(containers(['web=front']), [['web', 'front']]);
  assert.throws(() => containers(['tools=x']), { code: 'FLAG_INVALID', hint: 'Pushed are web, worker.' });
  assert.throws(() => containers(['web=x', 'worker=x']), { code: 'FLAG_INVALID' });
  assert.throws(
    () => containersOf({ imageDefinitions: 'f', containers: new Map() }, planned({ a: {} }, ['a'])),
    {
      code: 'IMAGE_DEFINITIONS_NEED_PUSH',
      exit: 2,
    },
  );
});

test('settings of a build of one image say nothing about a bake', () => {
  const asked = toBakeRequest({}, [], { file: 'docker/Dockerfile', containerName: 'web', push: true });
  assert.deepEqual([asked.files, [...asked.containers], asked.push], [[], [], true]);
});

test('buildx gets its own options as they are', () => {
  const asked = toBakeRequest({}, ['web', '--odd'], {
    ...{
      file: ['a.hcl', 'b.yaml'],
      set: ['*.args.A=1'],
      var: ['TAG=2'],
      allow: ['fs.read=/x', 'image.push=reg.example/a'],
    },
    ...{ push: true, load: true, cache: false, pull: true, provenance: 'mode=max', sbom: 'true' },
  });
  assert.deepEqual(printArguments(asked), [
    ...['bake', '--print', '--progress=plain', '--file', 'a.hcl', '--file', 'b.yaml', '--set', '*.args.A=1'],
    ...['--var', 'TAG=2', '--allow', 'fs.read=/x', '--push', '--load', '--no-cache', '--pull'],
    ...['--provenance=mode=max', '--sbom=true', '--', 'web', '--odd'],
  ]);
  assert.deepEqual(printArguments(request), ['bake', '--print', '--progress=plain']);
});

const LOADED = '#1 [internal] load local bake definitions\n#1 DONE 0.0s\n';
const WRONG: Readonly<Record<string, [stderr: string, code: string, exit: number, message: RegExp]>> = {
  'no file': [
    `${LOADED}ERROR: couldn't find a bake definition\n`,
    'BAKE_FILE_MISSING',
    2,
    /no bake file here/,
  ],
  'a file that is not there': [
    `${LOADED}ERROR: open nope.hcl: no such file or directory\n`,
    'BAKE_FILE_MISSING',
    2,
    /nope\.hcl/,
  ],
  'an unknown target': [`${LOADED}ERROR: failed to find target nope\n`, 'TARGET_UNKNOWN', 1, /"nope"/],
  'a pattern that fits none': [
    `ERROR: could not find any target matching "x*"\n`,
    'TARGET_UNKNOWN',
    1,
    /"x\*"/,
  ],
  'an older buildx': [`unknown flag: --var\n`, 'FLAG_INVALID', 2, /buildx 0\.12 does not know --var/],
  'a mistake': [
    `${LOADED}docker-bake.hcl:3\n--------------------\n   3 | >>> target {\n--------------------\nERROR: docker-bake.hcl:3,8: Missing name\n`,
    'BAKE_FILE_INVALID',
    1,
    /docker-bake\.hcl:3,8: Missing name/,
  ],
};

for (const [what, [stderr, code, exit, message]] of Object.entries(WRONG))
  test(`what buildx says of ${what}`, () => {
    const error = printError(stderr, '0.12');
    assert.deepEqual([error.code, error.exit], [code, exit]);
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message}${error.detail}`, /#1/);
    if (code === 'BAKE_FILE_INVALID') assert.match(error.detail ?? '', />>> target/);
  });
