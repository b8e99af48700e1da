import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { globSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ImageManifest, MEDIA } from '../../src/image/oci.ts';
import { registryClient } from '../../src/registry/client.ts';
import { built, projectOf, testbedVariable } from '../commands/launch.ts';
import { type RegistryImage, registryImage } from '../facts/registry-image.ts';
import { testHost } from '../support/host.ts';
import { packageIndex, sha256 } from '../support/package-index.ts';
import { tarOf } from '../verify/tar.ts';
import { type ReadImage, readImage } from './workshop.ts';

const MODULE = { name: 'demo.py', content: 'version = "1.0"\n' };
const EPOCH = ['--source-date-epoch', '1700000000'];
const run = `run-${randomUUID().slice(0, 8)}`;
const registry = testbedVariable('LW_REGISTRY');

function demoIn({ tree, manifest }: ReadImage): { readonly digest: string; readonly sha256: string } {
  const found = [...tree.entries].find(([path]) => path.endsWith('-packages/demo.py'));
  assert.ok(found, 'demo is installed');
  return { digest: manifest.layers[found[1].layer]?.digest as string, sha256: found[1].sha256 };
}

/** Pushes the official image with these archives as more layers, as a later build of it. */
async function pushBaseOn(
  official: RegistryImage,
  repository: string,
  archives: readonly Buffer[],
): Promise<void> {
  const client = registryClient(testHost(), registry);
  const put = async (mediaType: string, content: Buffer) => {
    const descriptor = { mediaType, digest: `sha256:${sha256(content)}`, size: content.length };
    await client.putBlob(repository, { ...descriptor, content });
    return descriptor;
  };
  const { manifest, config } = official;
  for (const { digest } of manifest.layers)
    assert.ok(await client.mountBlob(repository, digest, 'library/python'));
  const image = {
    ...config,
    rootfs: {
      type: 'layers',
      diff_ids: [...config.rootfs.diff_ids, ...archives.map((one) => `sha256:${sha256(one)}`)],
    },
    history: [...(config.history ?? []), ...archives.map(() => ({ created_by: 'patch' }))],
  };
  const patched: ImageManifest = {
    ...{ schemaVersion: 2, mediaType: MEDIA.manifest },
    config: await put(MEDIA.config, Buffer.from(JSON.stringify(image))),
    layers: [...manifest.layers, ...(await Promise.all(archives.map((one) => put(MEDIA.layer, one))))],
  };
  await client.putManifest(repository, 'latest', patched, MEDIA.manifest);
}

test('the official base is patched under its tag: no dependency layer is made, and nothing else changes', async () => {
  await using index = await packageIndex();
  index.add({ name: 'demo' }, [MODULE]);
  const [base, app] = [`${run}/python`, `${registry}/${run}/patched`];
  const official = await registryImage(registry, 'library/python', '3.11-slim');
  await pushBaseOn(official, base, []);
  await using project = await projectOf({
    Dockerfile: `FROM ${registry}/${base}:latest\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --index-url ${index.url} -r requirements.txt\nCOPY app.py .\n`,
    'requirements.txt': 'demo==1.0\n',
    'app.py': 'import demo\n',
  });
  const build = () => built(['--push', '--way', 'composed', ...EPOCH, '-t', `${app}:1`, project.path]);
  await build();
  const first = await readImage(`${app}:1`);
  await pushBaseOn(official, base, [
    tarOf([
      { path: 'etc', type: 'directory' },
      { path: 'etc/issue', content: 'patched\n' },
    ]),
  ]);
  const asked = index.requests.length;
  const { layers } = await build();
  const second = await readImage(`${app}:1`);
  assert.equal(layers?.found, 1);
  assert.ok(layers?.made.every(({ title }) => !title.includes('demo')));
  assert.equal(index.requests.length, asked, 'the index is not asked');
  assert.deepEqual(demoIn(second), demoIn(first));
  assert.ok(second.holds('etc/issue', 'patched\n'));
  const rest = (image: ReadImage) =>
    [...image.tree.entries.values()]
      .filter(({ path }) => path !== 'etc/issue')
      .map((one) => ({ ...one, layer: 0 }));
  assert.deepEqual(rest(second), rest(first));
});

test('a layer that is cut off in the storage of a real registry is noticed and comes under another digest', async () => {
  await using index = await packageIndex();
  index.add({ name: 'demo' }, [{ ...MODULE, content: `version = "${randomUUID()}"\n` }]);
  const app = `${registry}/${run}/damaged`;
  await using project = await projectOf({
    Dockerfile: `FROM ${registry}/library/python:3.11-slim\nCOPY requirements.txt .\nRUN pip install --index-url ${index.url} -r requirements.txt\n`,
    'requirements.txt': 'demo==1.0\n',
  });
  const build = () => built(['--push', '--way', 'composed', ...EPOCH, '-t', `${app}:1`, project.path]);
  await build();
  const before = await readImage(`${app}:1`);
  const { digest, sha256 } = demoIn(before);
  const directory = join(testbedVariable('LW_TESTBED_DIR'), 'registry');
  const [file, ...more] = globSync(`**/blobs/sha256/*/${digest.slice('sha256:'.length)}/data`, {
    cwd: directory,
  });
  assert.ok(file !== undefined && more.length === 0);
  const bytes = await readFile(join(directory, file));
  await writeFile(join(directory, file), bytes.subarray(0, bytes.length - 9));
  await build();
  const image = await readImage(`${app}:1`);
  assert.equal(demoIn(image).sha256, sha256);
  assert.notEqual(demoIn(image).digest, digest);
  assert.deepEqual(image.config.rootfs, before.config.rootfs);
  const { layers } = await build();
  assert.equal(layers?.found, 2, 'the dependencies, and the requirement file below them');
});

test('what cannot be composed is left to BuildKit, with the reason: a distribution without a wheel', async () => {
  const app = `${registry}/${run}/source-only`;
  await using project = await projectOf({
    Dockerfile: `FROM ${registry}/library/python:3.11-slim\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY app.py /app/\n`,
    'requirements.txt': 'docopt==0.6.2\n',
    'app.py': 'import docopt\n',
  });
  const { segments, way } = await built(['--push', ...EPOCH, '-t', `${app}:1`, project.path]);
  assert.equal(way, 'composed');
  const [solved, composed] = segments;
  assert.deepEqual([solved?.kind, solved?.toLine, composed?.kind], ['solved', 3, 'composed']);
  const [reason] = solved && 'reasons' in solved ? solved.reasons : [];
  assert.deepEqual([reason?.place?.replace(/.*\//, ''), reason?.instruction], ['Dockerfile:3', 'RUN']);
  assert.match(reason?.reason ?? '', /docopt/);
  const { tree } = await readImage(`${app}:1`);
  assert.ok([...tree.entries.keys()].some((path) => path.endsWith('-packages/docopt.py')));
  assert.ok(tree.entries.has('app/app.py'));
});

test('an argument of the build decides what a solved segment comes to, also when it is declared in it', async () => {
  const app = `${registry}/${run}/argument`;
  await using project = await projectOf({
    Dockerfile: `FROM ${registry}/library/python:3.11-slim\nARG WHO=nobody\nRUN echo "$WHO" > /who\nCOPY app.py /app/\n`,
    'app.py': '',
  });
  for (const who of ['one', 'two', 'one']) {
    await built(['--push', ...EPOCH, '--build-arg', `WHO=${who}`, '-t', `${app}:1`, project.path]);
    assert.ok((await readImage(`${app}:1`)).holds('who', `${who}\n`), who);
  }
});

test('a solved segment whose layer is gone from the registry is solved again', async () => {
  const app = `${registry}/${run}/solved`;
  const word = randomUUID();
  await using project = await projectOf({
    Dockerfile: `FROM ${registry}/library/python:3.11-slim\nRUN echo ${word} > /word\nCOPY app.py /app/\n`,
    'app.py': '',
  });
  const build = () => built(['--push', ...EPOCH, '-t', `${app}:1`, project.path]);
  const outcomes = async () => (await build()).segments.map((one) => ('outcome' in one ? one.outcome : ''));
  assert.deepEqual(await outcomes(), ['solved', 'composed']);
  assert.deepEqual(await outcomes(), ['reused', 'composed']);
  const { tree, manifest } = await readImage(`${app}:1`);
  const digest = manifest.layers[tree.entries.get('word')?.layer ?? -1]?.digest ?? '';
  const directory = join(testbedVariable('LW_TESTBED_DIR'), 'registry');
  const [file] = globSync(`**/blobs/sha256/*/${digest.slice('sha256:'.length)}/data`, { cwd: directory });
  assert.ok(file !== undefined, digest);
  await rm(join(directory, file));
  assert.deepEqual(await outcomes(), ['solved', 'composed']);
  assert.ok((await readImage(`${app}:1`)).holds('word', `${word}\n`));
});
