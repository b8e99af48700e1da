import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { type BuildRequest, toBuildRequest } from '../../src/commands/build-request.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { addBuildOptions } from '../../src/verbs/build.ts';

/** What `layerwright build` with these words asks for. */
async function requested(words: string, env: NodeJS.ProcessEnv = {}): Promise<BuildRequest> {
  let request: BuildRequest | undefined;
  const command = addBuildOptions(new Command('build')).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  command.action((context: string | undefined, options) => {
    request = toBuildRequest(env, context, options);
  });
  await command.parseAsync(words.split(' ').filter(Boolean), { from: 'user' });
  assert.ok(request);
  return request;
}

const refused = (code: string) => (error: unknown) =>
  error instanceof LayerwrightError && error.code === code && error.exit === 2;

test('without a word: the current directory, everything chosen for the user', async () => {
  assert.deepEqual(await requested(''), {
    context: '.',
    file: undefined,
    tags: [],
    wishes: {
      way: 'auto',
      targetName: undefined,
      platforms: [],
      push: false,
      load: false,
      outputs: [],
      noCache: false,
      cacheFrom: [],
      cacheTo: [],
      cacheRepository: undefined,
      compression: 'zstd',
    },
    builder: undefined,
    stageDirectories: [],
    sourceLabels: false,
    sourceDateEpoch: undefined,
    metadataFile: undefined,
    imageDefinitions: undefined,
    containerName: undefined,
    progress: 'auto',
    json: false,
    passed: {
      buildArguments: [],
      buildContexts: [],
      secrets: [],
      ssh: [],
      labels: [],
      annotations: [],
      attestations: [],
      provenance: undefined,
      sbom: undefined,
      pull: false,
      noCache: false,
      imageIdFile: undefined,
      other: [],
    },
  });
});

test("buildx's flags mean what they mean there", async () => {
  const { context, file, tags, wishes, passed } = await requested(
    'app -f app/Dockerfile -t a:1 --tag a:2 --target final --platform linux/amd64,linux/arm64 --platform linux/s390x ' +
      '--build-arg X=1 --build-arg Y=a,b --build-context w=dir --secret id=s --ssh default --label l=1 --annotation n=1 ' +
      '--attest type=sbom --provenance=mode=max --sbom=true --push --load -o type=oci,dest=x.tar --no-cache --pull --iidfile id',
  );
  assert.deepEqual([context, file, tags], ['app', 'app/Dockerfile', ['a:1', 'a:2']]);
  assert.deepEqual(wishes.platforms, ['linux/amd64', 'linux/arm64', 'linux/s390x']);
  assert.deepEqual(
    [wishes.targetName, wishes.push, wishes.load, wishes.noCache, wishes.outputs],
    ['final', true, true, true, [{ type: 'oci', dest: 'x.tar' }]],
  );
  assert.deepEqual(passed, {
    buildArguments: ['X=1', 'Y=a,b'],
    buildContexts: ['w=dir'],
    secrets: ['id=s'],
    ssh: ['default'],
    labels: ['l=1'],
    annotations: ['n=1'],
    attestations: ['type=sbom'],
    provenance: 'mode=max',
    sbom: 'true',
    pull: true,
    noCache: true,
    imageIdFile: 'id',
    other: [],
  });
});

test('caches in every form of buildx; an empty value is none', async () => {
  const { wishes } = await requested(
    '--cache-from a:1,b:2 --cache-from type=local,src=dir --cache-from= --cache-to type=inline --cache-repo=',
  );
  assert.deepEqual(wishes.cacheFrom, [
    { type: 'registry', ref: 'a:1' },
    { type: 'registry', ref: 'b:2' },
    { type: 'local', src: 'dir' },
  ]);
  assert.deepEqual([wishes.cacheTo, wishes.cacheRepository], [[{ type: 'inline' }], undefined]);
});

test('what needs no thought of ours is handed on, each value with its flag', async () => {
  const { passed } = await requested(
    '--no-cache-filter deps --no-cache-filter final --add-host db:10.0.0.1 --network host --allow network.host ' +
      '--ulimit nofile=1024 --shm-size 2g --cgroup-parent x',
  );
  assert.equal(
    passed.other.join(' '),
    '--add-host db:10.0.0.1 --allow network.host --cgroup-parent x --network host ' +
      '--no-cache-filter deps --no-cache-filter final --shm-size 2g --ulimit nofile=1024',
  );
  assert.equal(passed.noCache, false, '--no-cache-filter is not --no-cache');
});

test('the builder: the flag, else BUILDX_BUILDER, and an empty one is none', async () => {
  const env = { BUILDX_BUILDER: 'of-env' };
  assert.equal((await requested('--builder mine', env)).builder, 'mine');
  assert.equal((await requested('', env)).builder, 'of-env');
  assert.equal((await requested('--builder=', env)).builder, 'of-env');
  assert.equal((await requested('', { BUILDX_BUILDER: '' })).builder, undefined);
});

test('the way of building', async () => {
  assert.equal((await requested('')).wishes.way, 'auto');
  for (const way of ['composed', 'split', 'solved'])
    assert.equal((await requested(`--way ${way}`)).wishes.way, way);
  await assert.rejects(requested('--way other'), /Allowed choices are auto, composed, split, solved/);
  await assert.rejects(requested('--compression lz4'), /Allowed choices are zstd, gzip/);
});

test('a cache or output that is not understood is refused', async () => {
  await assert.rejects(requested('--cache-to type=registry,mode'), refused('FLAG_INVALID'));
  await assert.rejects(requested('-o type=oci,dest'), refused('FLAG_INVALID'));
});

test('directories for stages, labels and times of the source', async () => {
  const request = await requested(
    '--stage-dir wheels=.cache/wheels --source-labels --source-date-epoch 17 .',
  );
  assert.deepEqual(request.stageDirectories, [{ stage: 'wheels', directory: '.cache/wheels' }]);
  assert.deepEqual([request.sourceLabels, request.sourceDateEpoch], [true, 17]);
  assert.equal((await requested('--source-date-epoch commit')).sourceDateEpoch, 'commit');
  await assert.rejects(requested('--stage-dir wheels'), refused('FLAG_INVALID'));
  await assert.rejects(requested('--source-date-epoch today'), refused('FLAG_INVALID'));
});
