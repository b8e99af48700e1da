import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VerifyRecord } from '../../src/commands/verify.ts';
import { run as runProgram } from '../../src/host/exec.ts';
import { type Descriptor, MEDIA } from '../../src/image/oci.ts';
import { registryClient } from '../../src/registry/client.ts';
import type { ExplainResult } from '../../src/report/explain-result.ts';
import type { PlanResult } from '../../src/report/plan-result.ts';
import { built, layerwright, projectOf, testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { type ReadImage, readImage } from './workshop.ts';

const BOTH = 'linux/amd64,linux/arm64';
const EPOCH = ['--source-date-epoch', '1700000000'];
const X86_64 = 62;
const AARCH64 = 183;
const run = `platforms-${randomUUID().slice(0, 8)}`;
const registry = testbedVariable('LW_REGISTRY');
const base = `${registry}/library/python:3.11-multi`;

const PROJECT = {
  Dockerfile: `FROM ${base}
ARG TARGETARCH
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py .
LABEL built.for=$TARGETARCH
CMD ["python", "app.py"]
`,
  'requirements.txt': 'idna==3.7\nnumpy==1.26.4\n',
  'app.py': 'import idna, numpy, platform\nprint(numpy.arange(3).sum(), platform.machine())\n',
};

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly (Descriptor & { readonly platform: object })[];
  readonly annotations?: object;
}

async function indexOf(repository: string, tag: string): Promise<Index & { readonly digest: string }> {
  const found = await registryClient(testHost(), registry).manifest(`${run}/${repository}`, tag);
  assert.ok(found);
  return { ...(found.content as Index), digest: found.digest };
}

/** The processors that programs below site-packages are for. */
function machinesOf({ tree }: ReadImage): ReadonlySet<number> {
  const found = [...tree.entries.values()].filter(({ path }) => path.includes('dist-packages/numpy'));
  return new Set(found.flatMap(({ machine }) => machine ?? []));
}

test('both platforms are composed, with an index over them as buildx writes it, and nothing is started', async () => {
  await using project = await projectOf(PROJECT);
  const image = `${registry}/${run}/app`;
  const files = {
    metadata: join(project.path, '..', `${run}.json`),
    iid: join(project.path, '..', `${run}.iid`),
  };
  const build = (more: readonly string[] = []) =>
    built(['--push', '--platform', BOTH, ...EPOCH, '-t', `${image}:1`, ...more, project.path]);
  const annotations = ['--annotation', 'team=web', '--annotation', 'index:team=shop'];
  const first = await build([...annotations, '--metadata-file', files.metadata, '--iidfile', files.iid]);
  assert.deepEqual([first.way, first.builder, first.reason], ['composed', null, 'nothing has to run']);

  const index = await indexOf('app', '1');
  assert.deepEqual(
    [index.digest, index.mediaType, index.annotations],
    [first.image?.digest, MEDIA.index, { team: 'shop' }],
  );
  assert.deepEqual(
    index.manifests.map(({ mediaType, digest, platform }) => ({ mediaType, digest, platform })),
    [
      { platform: { architecture: 'amd64', os: 'linux' }, digest: first.image?.platforms?.[0]?.digest },
      { platform: { architecture: 'arm64', os: 'linux' }, digest: first.image?.platforms?.[1]?.digest },
    ].map((one) => ({ mediaType: MEDIA.manifest, ...one })),
  );
  const metadata = JSON.parse(await readFile(files.metadata, 'utf8')) as Record<string, unknown>;
  assert.deepEqual(metadata['containerimage.descriptor'], {
    mediaType: MEDIA.index,
    digest: index.digest,
    size: Buffer.byteLength(JSON.stringify(withoutDigest(index), undefined, 2)),
  });
  assert.equal(metadata['containerimage.config.digest'], undefined);
  assert.equal(await readFile(files.iid, 'utf8'), index.digest);

  const amd64 = await readImage(`${image}:1`, 'linux/amd64');
  const arm64 = await readImage(`${image}:1`, 'linux/arm64');
  assert.deepEqual([machinesOf(amd64), machinesOf(arm64)], [new Set([X86_64]), new Set([AARCH64])]);
  for (const [{ config, manifest, tree, holds }, architecture] of [
    [amd64, 'amd64'],
    [arm64, 'arm64'],
  ] as const) {
    assert.deepEqual(
      [config.architecture, config.variant, config.config.Labels],
      [architecture, undefined, { 'built.for': architecture }],
    );
    assert.deepEqual(manifest.annotations, { team: 'web' });
    assert.ok(holds('app/app.py', PROJECT['app.py']));
    assert.ok(tree.entries.has('usr/local/lib/python3.11/dist-packages/idna/core.py'));
  }

  const pulled = await runProgram(
    ['buildx', 'build', '--progress=plain', '--no-cache', '--output=type=cacheonly', '-'],
    { env: process.env, input: `FROM ${image}:1\nRUN python app.py\n` },
  );
  assert.match(pulled.stderr, /3 x86_64/, 'the half for this machine is pulled and run');

  const second = await build(annotations);
  assert.equal(second.image?.digest, first.image?.digest);
  assert.equal(second.layers?.made.filter(({ bytes }) => bytes > 10_000).length, 0);
  assert.ok((second.bytes.pushed ?? 0) < 100_000, `${second.bytes.pushed} bytes`);

  await project.write({ 'requirements.txt': 'idna==3.10\nnumpy==1.26.4\n' });
  const { layers, changes } = await build(annotations);
  const made = layers?.made.filter(({ title }) => title.includes('idna')) ?? [];
  assert.ok(made.length === 1 || made.length === 2, 'one for both, or one for each');
  assert.ok(!layers?.made.some(({ title }) => title.includes('numpy')));
  assert.deepEqual(changes.filter((line) => line.includes('idna')).length, 1, changes.join('\n'));
});

function withoutDigest({ digest: _, ...index }: Index & { readonly digest: string }): Index {
  return index;
}

test('one platform gives a manifest, whatever it is; its configuration is what buildx makes of the same base', async () => {
  await using project = await projectOf({
    Dockerfile: `FROM ${base}\nARG TARGETVARIANT\nLABEL variant="<$TARGETVARIANT>"\nCOPY app.py /app/\n`,
    'app.py': '\n',
  });
  const image = `${registry}/${run}/one`;
  for (const platform of ['linux/arm64', 'linux/arm64/v8']) {
    const { image: result } = await built(
      ['--push', '--platform', platform, '--way', 'composed', '-t', `${image}:ours`, '.'],
      { cwd: project.path },
    );
    assert.equal(result?.platforms, undefined);
    const plain = ['buildx', 'build', '--provenance=false', '--platform', platform];
    const done = await runProgram([...plain, '--push', '-t', `${image}:plain`, project.path], {
      env: process.env,
    });
    assert.equal(done.exitCode, 0, done.stderr);
    const [ours, theirs] = await Promise.all(
      ['ours', 'plain'].map((tag) => readImage(`${image}:${tag}`, 'linux/arm64')),
    );
    const facts = (one: ReadImage | undefined) => {
      const { architecture, os, variant, config } = one?.config ?? {};
      return { architecture, os, variant, config, machine: machinesOf(one as ReadImage) };
    };
    assert.deepEqual(facts(ours), facts(theirs));
  }
});

test('what must run for a platform that the builder does not run leaves the whole build to it, with line and platform', async () => {
  await using project = await projectOf({
    ...PROJECT,
    Dockerfile: `FROM ${base}\nRUN echo hello > /word\nCOPY app.py /app/\n`,
  });
  const args = ['--push', '--platform', BOTH, ...EPOCH, '-t', `${registry}/${run}/runs:1`, project.path];
  const { exitCode, stderr } = await layerwright(['build', '--json', ...args]);
  // There is no emulator here: BuildKit decides, and says so.
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, /exec format error/);
  assert.match(stderr, /Dockerfile:2: RUN has to run for linux\/arm64, and builder "\w+" runs linux\/amd64/);
  const composed = await layerwright(['build', '--json', '--way', 'composed', ...args]);
  assert.match(composed.stderr, /something has to run: .*Dockerfile:2: RUN/);
  const { builder, segments, image } = await built(['--push', '--platform', 'linux/amd64', ...args.slice(3)]);
  assert.ok(builder !== null && image?.platforms === undefined);
  assert.deepEqual(
    segments.map(({ kind, outcome }) => [kind, outcome]),
    [
      ['solved', 'solved'],
      ['composed', 'composed'],
    ],
  );
});

test('a stage for the machine that builds runs there, and the rest is composed for each platform', async () => {
  await using project = await projectOf({
    Dockerfile: `FROM --platform=$BUILDPLATFORM ${registry}/library/python:3.11-slim AS assets
RUN python -c "import platform; open('/made.txt', 'w').write(platform.machine())"
FROM ${base}
COPY --from=assets /made.txt /made.txt
COPY app.py /app/
`,
    'app.py': '\n',
  });
  const image = `${registry}/${run}/cross:1`;
  const { way, builder } = await built(['--push', '--platform', BOTH, ...EPOCH, '-t', image, project.path]);
  assert.deepEqual([way, builder?.name], ['composed', process.env.BUILDX_BUILDER]);
  for (const platform of BOTH.split(',')) {
    const { holds, config } = await readImage(image, platform);
    assert.ok(holds('made.txt', 'x86_64'), platform);
    assert.equal(`linux/${config.architecture}`, platform);
  }
});

test('one platform has something solved in a segment, the other is composed', async () => {
  await using project = await projectOf({
    Dockerfile: `FROM ${base} AS for-amd64
RUN echo made > /word
FROM ${base} AS for-arm64
COPY app.py /word
FROM for-$TARGETARCH
COPY app.py /app/
`,
    'app.py': 'copied\n',
  });
  const image = `${registry}/${run}/mixed:1`;
  const args = ['--push', '--platform', BOTH, ...EPOCH, '-t', image, project.path];
  const { way, segments, builder } = await built(args);
  assert.deepEqual([way, builder?.name], ['composed', process.env.BUILDX_BUILDER]);
  assert.deepEqual(
    segments.map(({ kind, stage, platform }) => [kind, stage, platform]),
    [
      ['solved', 'for-amd64', 'linux/amd64'],
      ['composed', 'for-arm64', 'linux/arm64'],
      ['composed', 'stage 2', undefined],
    ],
  );
  assert.ok((await readImage(image, 'linux/amd64')).holds('word', 'made\n'));
  assert.ok((await readImage(image, 'linux/arm64')).holds('word', 'copied\n'));
  const again = await built(args);
  assert.deepEqual([again.builder, again.segments[0]?.outcome], [null, 'reused']);
});

test('verify looks at the files of an image that nothing here runs, and says so', async () => {
  await using project = await projectOf({ ...PROJECT, 'requirements.txt': 'idna==3.7\nmarkupsafe==2.1.5\n' });
  const image = `${registry}/${run}/verified`;
  await built(['--push', '--platform', BOTH, ...EPOCH, '-t', `${image}:1`, project.path]);
  const verify = async (tag: string, ...more: readonly string[]) => {
    const args = ['verify', '--json', `${image}:${tag}`, project.path, ...more];
    const { stdout, stderr, exitCode } = await layerwright(args);
    assert.ok(exitCode < 2, stderr);
    return { ...(JSON.parse(stdout) as VerifyRecord), exitCode };
  };
  const arm64 = await verify('1', '--platform', 'linux/arm64');
  assert.deepEqual([arm64.exitCode, arm64.check, arm64.plain, arm64.differences], [0, 'files', null, []]);
  assert.deepEqual([arm64.files?.distributions, arm64.files?.programs], [2, 1]);
  assert.match(arm64.files?.why ?? '', /runs linux\/amd64/);
  const { stdout } = await layerwright(['verify', `${image}:1`, project.path, '--platform', 'linux/arm64']);
  assert.match(stdout, /^✓ .*\(linux\/arm64\) has what its locks say/);
  assert.match(stdout, /It was not compared with a plain build/);

  // The image of the other platform under the same name is what this check is there to find.
  await built(['--push', '--platform', 'linux/amd64', ...EPOCH, '-t', `${image}:2`, project.path]);
  const wrong = await verify('2', '--platform', 'linux/arm64');
  assert.equal(wrong.exitCode, 1);
  assert.ok(wrong.settings.some(({ field }) => field === 'architecture'));
  assert.ok(wrong.differences.some(({ kind, path }) => kind === 'machine' && path.includes('bin/python3')));
  assert.ok(wrong.differences.some(({ kind, path }) => kind === 'missing' && path.includes('aarch64')));
  await project.write({ 'requirements.txt': 'idna==3.6\nmarkupsafe==2.1.5\n' });
  const other = await verify('1', '--platform', 'linux/arm64');
  assert.ok(other.differences.some(({ kind, path }) => kind === 'missing' && path.includes('idna-3.6')));
});

test('plan and explain tell of each platform by itself', async () => {
  await using project = await projectOf({ ...PROJECT, 'requirements.txt': 'idna==3.7\n' });
  const image = `${registry}/${run}/planned:1`;
  const args = ['--platform', BOTH, '--cache-repo', `${registry}/${run}/planned`, ...EPOCH, project.path];
  await built(['--push', '-t', image, ...args]);
  const asked = async <T>(verb: string) => {
    const { stdout, stderr, exitCode } = await layerwright([verb, '--json', ...args]);
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout) as T;
  };
  const plan = await asked<PlanResult>('plan');
  assert.deepEqual(
    [plan.platform, plan.otherPlatforms?.map(({ platform }) => platform)],
    ['linux/amd64', ['linux/arm64']],
  );
  assert.deepEqual([plan.counts?.missing, plan.otherPlatforms?.[0]?.counts?.missing], [0, 0]);
  await project.write({ 'requirements.txt': 'idna==3.10\n' });
  const explained = await asked<ExplainResult>('explain');
  for (const { last, changes } of [explained, ...(explained.otherPlatforms ?? [])]) {
    assert.ok(last !== null);
    assert.deepEqual(changes.find(({ kind }) => kind === 'dependencies')?.what, ['idna 3.7 -> 3.10']);
  }
});
