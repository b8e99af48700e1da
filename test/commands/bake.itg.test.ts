import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { parseReference } from '../../src/image/reference.ts';
import { registryClient } from '../../src/registry/client.ts';
import type { BakeResult } from '../../src/report/bake-result.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { answerOf } from '../examples/run-image.ts';
import type { Shape } from '../examples/shapes.ts';
import { testHost } from '../support/host.ts';
import { git, layerwright, projectOf, testbedVariable } from './launch.ts';

const registry = testbedVariable('LW_REGISTRY');
const own = `${registry}/bake-${randomUUID().slice(0, 8)}`;
const example = join(import.meta.dirname, '..', '..', 'examples', 'monorepo');

/** A builder that is not there: whoever asks for it fails. */
const NOBODY = { BUILDX_BUILDER: 'nobody' };

interface Bake {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

async function baked(args: readonly string[], options: Bake): Promise<Readonly<Record<string, BuildResult>>> {
  const result = await layerwright(['bake', '--json', ...args], options);
  assert.equal(result.exitCode, 0, result.stderr);
  const { schemaVersion, targets } = JSON.parse(result.stdout) as BakeResult;
  assert.equal(schemaVersion, 1);
  return targets;
}

async function refused(args: readonly string[], options: Bake, exit: number, code: string): Promise<string> {
  const { exitCode, stderr } = await layerwright(['bake', ...args], options);
  assert.deepEqual([exitCode, /\[([A-Z_]+)\]/.exec(stderr)?.[1]], [exit, code], stderr);
  return stderr;
}

/** The example in a directory of its own, its images in a repository of its own. */
async function monorepo(name: string) {
  const directory = await temporaryDirectory('lw-monorepo-');
  await cp(example, directory.path, { recursive: true });
  const registryPath = `${own}/${name}`;
  return {
    ...directory,
    registry: registryPath,
    at: (env: NodeJS.ProcessEnv = {}): Bake => ({
      cwd: directory.path,
      env: { REGISTRY: registryPath, TAG: '1', ...env },
    }),
  };
}

async function imageOf(
  reference: string,
): Promise<{ digest: string; manifest: ImageManifest; config: ImageConfig }> {
  const { domain, path, tag, digest } = parseReference(reference);
  const client = registryClient(testHost(), domain);
  const found = await client.manifest(path, digest ?? tag ?? 'latest');
  assert.ok(found, reference);
  const manifest = found.content as ImageManifest;
  const bytes = await client.blob(path, manifest.config.digest);
  assert.ok(bytes, `configuration of ${reference}`);
  return { digest: found.digest, manifest, config: JSON.parse(Buffer.from(bytes).toString()) as ImageConfig };
}

const digests = (targets: Readonly<Record<string, BuildResult>>) =>
  Object.fromEntries(Object.entries(targets).map(([name, { image }]) => [name, image?.digest]));

const RUNS: Readonly<Record<string, [run: Shape['run'], says: Readonly<Record<string, unknown>>]>> = {
  web: [
    {
      kind: 'service',
      words: (port) => ['uvicorn', 'web.main:app', '--host', '127.0.0.1', '--port', String(port)],
    },
    { status: 'ok', nothing: '0.00 EUR' },
  ],
  worker: [
    { kind: 'command', words: ['--currency', 'CHF', '{name: first, prices: [1.10, 2.205]}'] },
    { totals: { first: '3.30 CHF' } },
  ],
  report: [{ kind: 'command', words: ['one=1', 'two=2.25'] }, { page: '1. one: 1.0;2. two: 2.2;' }],
};

test('the monorepo: images that run, made once, found the second time, and after a change only what it touches', async () => {
  await using shop = await monorepo('shop');
  await git(shop.path, 'init', '--quiet');
  await git(shop.path, 'add', '--all');
  await git(shop.path, 'commit', '--quiet', '--message', 'first');
  const first = await baked(['--push'], shop.at());
  assert.deepEqual(Object.keys(first), ['base', 'report', 'web', 'worker']);
  assert.deepEqual(
    Object.values(first).map(({ way }) => way),
    ['composed', 'composed', 'composed', 'composed'],
  );
  assert.deepEqual(
    Object.values(first).map(({ steps }) => steps.total),
    [1, 0, 0, 0],
    'what has to run of the base is run once',
  );
  const made = Object.values(first).flatMap(({ layers }) => layers?.made.map(({ title }) => title) ?? []);
  const wheels = made.filter((title) => /^(?:bucket-|pydantic|pyyaml|uvicorn)/.test(title));
  assert.deepEqual([...new Set(wheels)].sort(), [...wheels].sort(), 'each dependency layer is made once');
  for (const [name, [how, says]] of Object.entries(RUNS))
    assert.deepEqual(await answerOf(`${shop.registry}/${name}:1`, how), says, name);

  const second = await baked(['--push'], shop.at(NOBODY));
  assert.deepEqual(digests(second), digests(first));
  for (const [name, { builder, bytes, layers }] of Object.entries(second)) {
    assert.deepEqual([name, builder, bytes.pulled], [name, null, 0]);
    assert.ok((bytes.pushed ?? 0) < 20_000, `${name} sends ${bytes.pushed} bytes`);
    assert.ok(
      layers?.made.every((layer) => layer.bytes < 4096),
      'small ones are written again, which is no more than looking',
    );
  }

  const library = join(shop.path, 'libs', 'money', 'money', '__init__.py');
  await writeFile(library, (await readFile(library, 'utf8')).replace('0.01', '0.1'));
  await git(shop.path, 'commit', '--quiet', '--all', '--message', 'second');
  const third = await baked(['--push'], shop.at(NOBODY));
  assert.deepEqual(
    third.base?.image,
    first.base?.image,
    'it is the same after a commit that does not touch it',
  );
  for (const name of ['web', 'worker', 'report']) {
    const [before, after] = await Promise.all([
      imageOf(`${shop.registry}/${name}@${first[name]?.image?.digest}`),
      imageOf(`${shop.registry}/${name}:1`),
    ]);
    const known = new Set(before.manifest.layers.map(({ digest }) => digest));
    const added = after.manifest.layers.filter(({ digest }) => !known.has(digest));
    assert.ok(added.length <= 3 && added.every(({ size }) => size < 2048), `${name}: ${added.length} layers`);
    assert.deepEqual(
      third[name]?.layers?.made.filter(({ title }) => !title.startsWith('COPY')),
      [],
      name,
    );
    assert.equal(third[name]?.bytes.pulled, 0, name);
  }
  assert.ok(RUNS.worker);
  const [how] = RUNS.worker;
  assert.deepEqual(await answerOf(`${shop.registry}/worker:1`, how), { totals: { first: '3.3 CHF' } });
  assert.match(third.worker?.changes.join('; ') ?? '', /COPY libs\/money\/money money\/: changed/);
});

test('the monorepo by its compose file is the same, and as buildx bake makes it', async () => {
  await using shop = await monorepo('compose');
  const byBake = await baked(['--push'], shop.at());
  const options = ['-f', 'compose.yaml', '--push'];
  const byCompose = await baked([...options, 'web', 'worker', 'report'], shop.at({ TAG: '2' }));
  assert.deepEqual(digests(byCompose), digests(byBake));
  const whole = await baked([...options, 'base', 'report'], shop.at({ TAG: '3' }));
  assert.deepEqual(whole.base?.image?.references, [`${shop.registry}/base:3`], 'asked for, so pushed');
  const layersOf = async (name: string) =>
    (await imageOf(`${shop.registry}/${name}:3`)).config.rootfs.diff_ids;
  const base = await layersOf('base');
  assert.deepEqual((await layersOf('report')).slice(0, base.length), base, 'and used from there');

  const plain = `${own}/plain`;
  const buildx = await run(['buildx', 'bake', '--push', '--provenance=false', '--progress=plain'], {
    cwd: shop.path,
    env: { ...process.env, REGISTRY: plain, TAG: '1' },
  });
  assert.equal(buildx.exitCode, 0, buildx.stderr);
  for (const name of ['web', 'worker', 'report']) {
    const [ours, theirs] = [`${shop.registry}/${name}:1`, `${plain}/${name}:1`];
    const compared = await layerwright(['verify', ours, '--against', theirs, '--run-noise']);
    assert.equal(compared.exitCode, 0, compared.stdout);
    const labels = async (image: string) => (await imageOf(image)).config.config?.Labels;
    assert.deepEqual(await labels(ours), await labels(theirs));
  }
});

test('a group, a member of a matrix, an override, a pattern; and what is written for others', async () => {
  await using shop = await monorepo('parts');
  const files = ['--metadata-file', 'metadata.json', '--image-definitions', 'images.json'];
  const one = await baked(
    [
      '--push',
      '--set',
      '*.tags=',
      '--set',
      `web.tags=${shop.registry}/front:{date}`,
      '--set',
      'web.labels.extra=1',
      ...files,
      'online',
    ],
    shop.at(),
  );
  assert.deepEqual(Object.keys(one), ['base', 'web'], 'nothing else of the files is built');
  const date = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  const reference = `${shop.registry}/front:${date}`;
  const image = await imageOf(reference);
  assert.equal(one.web?.image?.digest, image.digest);
  assert.deepEqual(image.config.config?.Labels, {
    'org.opencontainers.image.title': 'monorepo',
    extra: '1',
    service: 'web',
  });
  const read = async (name: string) => JSON.parse(await readFile(join(shop.path, name), 'utf8'));
  const metadata = await read('metadata.json');
  assert.deepEqual(Object.keys(metadata), ['base', 'web']);
  assert.deepEqual(
    [metadata.web['containerimage.digest'], metadata.web['image.name'], metadata.web.layerwright],
    [image.digest, reference, one.web],
  );
  assert.deepEqual(await read('images.json'), [{ name: 'front', imageUri: reference }]);

  const containers = ['--container-name', 'worker=jobs', '--container-name', 'web=front'];
  await baked(['--push', ...files, ...containers, 'w*'], shop.at());
  assert.deepEqual(await read('images.json'), [
    { name: 'front', imageUri: `${shop.registry}/web:1` },
    { name: 'jobs', imageUri: `${shop.registry}/worker:1` },
  ]);
});

test('what is not pushed is solved, the image of a target handed on by a directory', async () => {
  await using shop = await monorepo('local');
  const targets = await baked(['--set', 'report.output=type=local,dest=out', 'report'], shop.at());
  assert.deepEqual(
    Object.values(targets).map(({ way }) => way),
    ['solved', 'solved'],
  );
  const output = (...path: string[]) => readFile(join(shop.path, 'out', ...path), 'utf8');
  assert.match(await output('app', 'report', '__main__.py'), /The report/);
  assert.match(await output('etc', 'passwd'), /^app:x:10001/m, 'what the base ran is there');
});

test('a secret, a Dockerfile in the bake file, a directory as a context, and what has to be run', async () => {
  await using project = await projectOf({
    'docker-bake.hcl': `
target "default" {
  contexts = { lib = "./lib" }
  dockerfile-inline = <<EOT
FROM python:3.11-slim
COPY --from=lib word /word
RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = "s3cr3t" && echo "\${"$"}{HOME} $NONCE" > /made
EOT
  args = { NONCE = "${randomUUID()}" }
  tags = ["${own}/secret:1"]
  secret = ["id=token,env=THE_TOKEN"]
}
`,
    'lib/word': 'word\n',
  });
  const { default: result } = await baked(['--push'], { cwd: project.path, env: { THE_TOKEN: 's3cr3t' } });
  assert.equal(result?.way, 'solved');
  assert.equal((await imageOf(`${own}/secret:1`)).digest, result?.image?.digest);
});

/** A bake file of targets that each have a Dockerfile of these lines. */
function inline(
  targets: Readonly<Record<string, string>>,
  more: Readonly<Record<string, object>> = {},
): string {
  const entries = Object.entries(targets).map(([name, lines]) => [
    name,
    {
      'dockerfile-inline': `FROM python:3.11-slim\n${lines}\n`,
      tags: [`${own}/${name}:1`],
      ...more[name],
    },
  ]);
  return JSON.stringify({
    group: { default: { targets: Object.keys(targets) } },
    target: Object.fromEntries(entries),
  });
}

test('targets are built side by side', async () => {
  const id = `meet-${randomUUID().slice(0, 8)}`;
  const meet = (own: string, other: string) =>
    `RUN --mount=type=cache,id=${id},target=/meet touch /meet/${own} && timeout 120 sh -c 'until [ -e /meet/${other} ]; do sleep 0.2; done'`;
  await using project = await projectOf({
    'docker-bake.json': inline({ left: meet('left', 'right'), right: meet('right', 'left') }),
  });
  const { exitCode, stderr } = await layerwright(['bake', '--push'], { cwd: project.path });
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /^left {2}\| (?:composed|solved) in /m);
  assert.match(stderr, /^right \| (?:composed|solved) in /m);
  for (const name of ['left', 'right']) await imageOf(`${own}/${name}:1`);
});

test('the first target that fails ends the others, and says which it is', async () => {
  await using project = await projectOf({
    'docker-bake.json': inline(
      {
        'a-slow': 'RUN sleep 600',
        'b-wrong': 'RUN sleep 3 && echo the reason && exit 3',
        'c-waits': 'LABEL c=1',
      },
      {
        'c-waits': { 'dockerfile-inline': 'FROM wrong\nLABEL c=1\n', contexts: { wrong: 'target:b-wrong' } },
      },
    ),
  });
  const began = performance.now();
  const stderr = await refused(
    ['--push', '--metadata-file', 'm.json'],
    { cwd: project.path },
    1,
    'RUN_FAILED',
  );
  assert.ok(performance.now() - began < 500_000, 'nobody waits for what is ended');
  assert.match(stderr, /^error: target "b-wrong": /m);
  assert.match(stderr, /the reason/);
  assert.match(stderr, /^a-slow {2}\| ended$/m);
  assert.match(stderr, /^b-wrong \| failed$/m);
  assert.doesNotMatch(stderr, /^c-waits/m);
  const client = registryClient(testHost(), registry);
  for (const name of ['a-slow', 'b-wrong', 'c-waits'])
    assert.equal(await client.headManifest(parseReference(`${own}/${name}:1`).path, '1'), undefined);
  await assert.rejects(readFile(join(project.path, 'm.json')), { code: 'ENOENT' });
});

test('--print prints what buildx prints, without builder, Docker or their configuration', async () => {
  await using shop = await monorepo('print');
  const env = {
    BUILDX_BUILDER: undefined,
    BUILDX_CONFIG: join(shop.path, 'none'),
    DOCKER_HOST: 'tcp://127.0.0.1:1',
  };
  const args = ['--print', '--push', '--set', '*.args.X=1', '--var', 'TAG=7', 'web'];
  const ours = await layerwright(['bake', ...args], shop.at(env));
  assert.equal(ours.exitCode, 0, ours.stderr);
  const theirs = await run(['buildx', 'bake', ...args], {
    cwd: shop.path,
    env: { ...process.env, REGISTRY: shop.registry },
  });
  assert.equal(ours.stdout, theirs.stdout);
  assert.match(ours.stdout, /\/web:7"/);
});

test('what is wrong with the files or what is asked of them', async () => {
  await using shop = await monorepo('wrong');
  assert.match(await refused(['nothing'], shop.at(), 1, 'TARGET_UNKNOWN'), /"nothing"/);
  await refused(['-f', 'missing.hcl'], shop.at(), 2, 'BAKE_FILE_MISSING');
  assert.match(
    await refused(['--set', 'web.context=/'], shop.at(), 2, 'BAKE_NOT_ALLOWED'),
    /--allow fs\.read=\/$/m,
  );
  await refused(['https://git.example/x.git'], shop.at(), 2, 'BAKE_UNSUPPORTED');
  await refused(['--push', '--set', 'web.tags=', 'web'], shop.at(), 2, 'TAG_MISSING');
  await writeFile(join(shop.path, 'docker-bake.hcl'), 'target "x" {\n  tags = [\n}\n');
  assert.match(await refused([], shop.at(), 1, 'BAKE_FILE_INVALID'), /docker-bake\.hcl:/);
  await using empty = await temporaryDirectory();
  await refused([], { cwd: empty.path }, 2, 'BAKE_FILE_MISSING');
});
