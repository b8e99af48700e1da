import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildkitdConfig } from '../../src/engine/buildkitd-config.ts';
import { sharedBuildkitdStatus } from '../../src/engine/buildkitd-shared.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { testHost } from '../support/host.ts';
import { closedAddress } from '../support/http-server.ts';
import { built, git, layerwright, projectOf, SERVICE, testbedVariable } from './launch.ts';

const registry = testbedVariable('LW_REGISTRY');
/** Repositories of this run alone: what an earlier one left in the registry is not found. */
const own = `run-${randomUUID().slice(0, 8)}`;
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

async function manifestOf(reference: string, headers: Record<string, string> = {}) {
  const [, host = '', path = '', tag = ''] = /^([^/]+)\/(.+)[:@]((?:sha256:)?[^:@]+)$/.exec(reference) ?? [];
  const response = await fetch(`http://${host}/v2/${path}/manifests/${tag}`, {
    headers: { accept: `${OCI}, ${OCI_INDEX}`, ...headers },
  });
  assert.equal(response.status, 200, `${reference} is in the registry`);
  return {
    digest: response.headers.get('docker-content-digest'),
    type: response.headers.get('content-type'),
    content: (await response.json()) as {
      layers: { mediaType: string; size: number; digest: string }[];
      manifests: { digest: string; platform: { architecture: string } }[];
      config: { mediaType: string; digest: string };
    },
  };
}

for (const way of ['auto', 'solved'])
  test(`pushes under every tag, keeps the layer cache, and writes the files for the deploy (${way})`, () =>
    deployed(way));

async function deployed(way: string): Promise<void> {
  await using project = await projectOf(SERVICE);
  await git(project.path, 'init', '--quiet', '--initial-branch=feature/x');
  await git(project.path, 'add', '--all');
  await git(project.path, 'commit', '--quiet', '--message', 'first');
  const sha = await git(project.path, 'rev-parse', 'HEAD');
  const repository = `${registry}/${own}/${way}/service`;
  const env = {
    CODEBUILD_RESOLVED_SOURCE_VERSION: undefined,
    GITHUB_SHA: undefined,
    CI_COMMIT_SHA: undefined,
  };
  const files = [
    '--metadata-file',
    'metadata.json',
    '--iidfile',
    'iid',
    '--image-definitions',
    'imagedefinitions.json',
  ];
  const result = await built(
    [
      ...['--push', '--way', way],
      '-t',
      `${repository}:{sha}`,
      '-t',
      `${repository}:{branch}`,
      '-t',
      `${repository}:{date}`,
      ...files,
      '.',
    ],
    { cwd: project.path, env },
  );

  const date = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  const references = [sha, 'feature-x', date].map((tag) => `${repository}:${tag}`);
  assert.deepEqual(result.image?.references, references);
  for (const reference of references) {
    const found = await manifestOf(reference);
    assert.deepEqual(
      [found.digest, found.type],
      [result.image?.digest, OCI],
      'one platform gives a manifest',
    );
    assert.equal(
      found.content.layers.reduce((sum, layer) => sum + layer.size, 0),
      result.image?.compressedBytes,
    );
    assert.match(found.content.layers.at(-1)?.mediaType ?? '', /\+zstd$/);
  }
  assert.deepEqual(result.cache.from, [{ ref: `${repository}:cache`, outcome: 'miss', detail: null }]);
  assert.deepEqual(result.cache.to, [{ ref: `${repository}:cache`, outcome: 'written', detail: null }]);
  const cache = await manifestOf(`${repository}:cache`);
  assert.deepEqual(
    [cache.type, cache.content.config.mediaType],
    [OCI, 'application/vnd.buildkit.cacheconfig.v0'],
  );

  const read = (name: string) => readFile(join(project.path, name), 'utf8');
  assert.deepEqual(JSON.parse(await read('imagedefinitions.json')), [
    { name: 'service', imageUri: references[0] },
  ]);
  const metadata = JSON.parse(await read('metadata.json')) as Record<string, unknown>;
  assert.equal(metadata['containerimage.digest'], result.image?.digest);
  assert.equal(metadata['image.name'], references.join(','));
  assert.deepEqual(metadata.layerwright, result);
  assert.match(await read('iid'), /^sha256:[0-9a-f]{64}$/);
  assert.equal(result.way, way === 'auto' ? 'composed' : 'solved');
}

test('a builder that has never seen the project finds everything in the layer cache', async () => {
  await using project = await projectOf({ ...SERVICE, 'requirement.txt': `# ${randomUUID()}\n` });
  await using other = await otherHost();
  const args = ['--push', '--way', 'solved', '-t', `${registry}/${own}/two-builders:1`, project.path];
  const first = await built(args);
  assert.ok(first.steps.executed >= 2, 'what nobody has seen is executed');

  const second = await built(args, { env: other.env });
  assert.notEqual(second.builder?.name, first.builder?.name);
  assert.equal(second.cache.from[0]?.outcome, 'hit');
  assert.deepEqual(second.steps, { cached: first.steps.total, executed: 0, total: first.steps.total });
  assert.equal(second.image?.digest, first.image?.digest);

  await project.write({ 'app.py': 'print("changed")\n' });
  const third = await built(args, { env: other.env });
  assert.equal(third.steps.executed, 1, 'only the COPY of the changed file');
  assert.notEqual(third.image?.digest, first.image?.digest);
  assert.equal((await other.status()).running, false, 'the builder that was made for a build ends with it');
});

test('what had to run is not run again on a machine that has never seen it, and needs no builder', async () => {
  await using project = await projectOf({ ...SERVICE, 'requirement.txt': `# ${randomUUID()}\n` });
  await using other = await otherHost();
  const time = ['--source-date-epoch', '1700000000'];
  const args = ['--push', ...time, '-t', `${registry}/${own}/two-machines:1`, project.path];
  const first = await built(args);
  assert.deepEqual(
    first.segments.flatMap(({ outcome, reasons }) => (reasons.length > 0 ? [outcome] : [])),
    ['solved'],
  );
  // A machine without any way to a builder.
  const nothing = { ...other.env, BUILDX_BUILDER: 'nobody' };
  const second = await built(args, { env: nothing });
  assert.deepEqual([second.builder, second.steps.total, second.layers?.made.length], [null, 0, 1]);
  assert.equal(second.image?.digest, first.image?.digest);
  await project.write({ 'app.py': 'print("changed")\n' });
  const third = await built(args, { env: nothing });
  assert.notEqual(third.image?.digest, first.image?.digest);
  await project.write({ 'requirement.txt': `# ${randomUUID()}\n` });
  const fourth = await layerwright(['build', ...args], { env: nothing });
  assert.match(fourth.stderr, /\[NO_BUILDER\]/, 'now something has to run');
});

test('pushes to a registry with login', async () => {
  const withLogin = testbedVariable('LW_REGISTRY_AUTH');
  const login = `${testbedVariable('LW_REGISTRY_AUTH_USER')}:${testbedVariable('LW_REGISTRY_AUTH_PASSWORD')}`;
  const auth = Buffer.from(login).toString('base64');
  await using project = await projectOf({
    ...SERVICE,
    'docker/config.json': JSON.stringify({ auths: { [withLogin]: { auth } } }),
    '.dockerignore': 'docker\n',
  });
  const reference = `${withLogin}/${own}/private-service:1`;
  const result = await layerwright(['build', '--push', '-t', reference, '--json', project.path], {
    env: { DOCKER_CONFIG: join(project.path, 'docker') },
  });
  assert.equal(result.exitCode, 0, result.stderr);
  const { image, cache } = JSON.parse(result.stdout) as BuildResult;
  const found = await manifestOf(reference, { authorization: `Basic ${auth}` });
  assert.equal(found.digest, image?.digest);
  assert.equal(cache.to[0]?.outcome, 'written');
  const said = result.stdout + result.stderr;
  for (const secret of [auth, login, testbedVariable('LW_REGISTRY_AUTH_PASSWORD')])
    assert.ok(!said.includes(secret), 'no credential is printed');
});

test('two platforms give an index', async () => {
  await using project = await projectOf({
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY hello-$TARGETARCH /hello\n',
    'hello-amd64': 'hello',
    'hello-arm64': 'hello',
  });
  const reference = `${registry}/${own}/two-platforms:1`;
  const result = await built([
    '--push',
    '--platform',
    'linux/amd64,linux/arm64',
    '-t',
    reference,
    project.path,
  ]);
  const { type, digest, content } = await manifestOf(reference);
  assert.deepEqual([type, digest], [OCI_INDEX, result.image?.digest]);
  assert.deepEqual(content.manifests.map(({ platform }) => platform.architecture).sort(), ['amd64', 'arm64']);
  assert.deepEqual(result.platforms, ['linux/amd64', 'linux/arm64']);
  assert.deepEqual(result.stages.map(({ platform }) => platform).sort(), ['linux/amd64', 'linux/arm64']);
});

test('exports as buildx does: OCI archive, Docker archive, directory, tar on standard output', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY hello /\n', hello: 'hello' });
  const options = { cwd: project.path };
  const members = async (archive: string) =>
    (await run(['tar', '-tf', join(project.path, archive)])).stdout.split('\n');
  await built(['-o', 'type=oci,dest=oci.tar', '.'], options);
  assert.ok((await members('oci.tar')).includes('oci-layout'));
  await built(['-o', 'type=docker,dest=docker.tar', '-t', 'hello:1', '.'], options);
  assert.ok((await members('docker.tar')).includes('manifest.json'));
  const local = await built(['-o', 'out', '.'], options);
  assert.equal(await readFile(join(project.path, 'out', 'hello'), 'utf8'), 'hello');
  assert.equal(local.image, null);
  const tar = await run(
    [
      ...['sh', '-c', '"$0" "$1" build --progress quiet -o - . | tar -tf -'],
      ...[process.execPath, join(import.meta.dirname, '../../bin/layerwright.js')],
    ],
    { cwd: project.path, env: process.env },
  );
  assert.deepEqual([tar.exitCode, tar.stdout, tar.stderr], [0, 'hello\n', '']);
});

test('progress: lines for CI, JSON for programs, nothing when quiet; data on standard output only', async () => {
  await using project = await projectOf(SERVICE);
  const build = (mode: string, ...more: string[]) =>
    layerwright(['build', '--progress', mode, ...more, '--no-cache', project.path]);
  const plain = await build('plain');
  assert.match(plain.stderr, /^\[dependencies 2\/3\] COPY requirement\.txt \/tmp\//m);
  assert.match(plain.stderr, /^Built final in /m);
  assert.equal(plain.stdout, '');
  const quiet = await build('quiet');
  assert.deepEqual([quiet.exitCode, quiet.stdout, quiet.stderr], [0, '', '']);
  const raw = await build('rawjson');
  const lines = raw.stderr.trimEnd().split('\n');
  assert.ok(lines.length > 5);
  for (const line of lines) assert.equal(typeof JSON.parse(line), 'object');
  const json = await build('quiet', '--json');
  assert.equal((JSON.parse(json.stdout) as BuildResult).outcome, 'built');
});

test('options of buildx go through: arguments, labels, secrets, targets, contexts', async () => {
  await using project = await projectOf({
    Dockerfile: [
      'FROM python:3.11-slim AS first',
      'ARG WORD=none',
      'RUN --mount=type=secret,id=pass test "$(cat /run/secrets/pass)" = open && echo "$WORD" > /word',
      'COPY --from=more file /file',
      'FROM first AS last',
      'RUN false',
    ].join('\n'),
    'more/file': 'from another context',
    pass: 'open',
    '.dockerignore': 'pass\n',
  });
  await built([
    ...['-f', join(project.path, 'Dockerfile'), '--target', 'first', '--build-arg', 'WORD=given'],
    ...['--secret', `id=pass,src=${join(project.path, 'pass')}`, '--label', 'a=b'],
    ...['--build-context', `more=${join(project.path, 'more')}`],
    ...['-o', join(project.path, 'out'), '--cache-repo', 'none', project.path],
  ]);
  assert.equal(await readFile(join(project.path, 'out', 'word'), 'utf8'), 'given\n');
  assert.equal(await readFile(join(project.path, 'out', 'file'), 'utf8'), 'from another context');
});

test('a cache that cannot be read or written does not fail the build, and is told', async () => {
  await using project = await projectOf(SERVICE);
  const broken = `${registry}/${own}/broken-cache:cache`;
  await using image = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  // What is under the cache's name is an index of something else.
  await built([
    '--push',
    '--platform',
    'linux/amd64,linux/arm64',
    '-t',
    broken,
    '--cache-repo',
    'none',
    image.path,
  ]);
  const gone = `${await closedAddress()}/nowhere:cache`;
  const result = await built([
    ...['--push', '-t', `${registry}/${own}/broken-service:1`, '--cache-from', broken, '--cache-from', gone],
    ...['--cache-to', `type=registry,ref=${gone}`, project.path],
  ]);
  assert.deepEqual(
    result.cache.from.map(({ ref, outcome }) => [ref, outcome]),
    [
      [broken, 'unreadable'],
      [gone, 'unreadable'],
    ],
  );
  assert.equal(result.cache.to[0]?.outcome, 'failed');
  assert.match(`${result.way}: ${result.reason}`, /^solved: the cache repository cannot be used: .* refused/);
  assert.equal(result.warnings.length, 3, JSON.stringify(result.warnings));
  await manifestOf(`${registry}/${own}/broken-service:1`);
});

/** A second machine: its own cache directory and so its own buildkitd, which finds Docker Hub's images in the testbed. */
async function otherHost() {
  const directory = await temporaryDirectory('lw-host-');
  const config = join(directory.path, 'buildkitd.toml');
  await writeFile(config, buildkitdConfig({ registries: [{ host: 'docker.io', mirrors: [registry] }] }));
  const env = {
    BUILDX_BUILDER: undefined,
    BUILDX_CONFIG: join(directory.path, 'buildx'),
    DOCKER_HOST: undefined,
    LAYERWRIGHT_CACHE_DIR: join(directory.path, 'cache'),
    LAYERWRIGHT_BUILDKITD_CONFIG: config,
  };
  return {
    env,
    status: () => sharedBuildkitdStatus(testHost({ env: { ...process.env, ...env } })),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
