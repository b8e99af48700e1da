import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { ImageManifest } from '../../src/image/oci.ts';
import { parseReference } from '../../src/image/reference.ts';
import { registryClient } from '../../src/registry/client.ts';
import { built, layerwright, testbedVariable } from '../commands/launch.ts';
import { exampleDirectory } from '../examples/shapes.ts';
import { testHost } from '../support/host.ts';

const own = `${testbedVariable('LW_REGISTRY')}/split-${randomUUID().slice(0, 8)}`;

async function layersOf(reference: string): Promise<readonly string[]> {
  const { domain, path, tag } = parseReference(reference);
  const found = await registryClient(testHost(), domain).manifest(path, tag ?? '');
  assert.ok(found, `${reference} is in the registry`);
  return (found.content as ImageManifest).layers.map(({ digest }) => digest);
}

/** A copy of an example, to be changed. */
async function projectLike(folder: string): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, folder);
  await cp(exampleDirectory(folder), path, { recursive: true });
  return { ...directory, path };
}

test('what is installed twice is laid out in the same layers; of a changed package only its own is pushed', async () => {
  await using project = await projectLike('plugins');
  const reference = (tag: string) => `${own}/plugins:${tag}`;
  const build = (tag: string, ...flags: string[]) =>
    built(['--push', '-t', reference(tag), ...flags, project.path]);
  const first = await build('1');
  assert.ok(first.segments.some(({ kind }) => kind === 'split'));
  const before = await layersOf(reference('1'));

  const again = await build('2', '--no-cache');
  assert.ok(
    again.segments.some(({ outcome }) => outcome === 'solved'),
    'it was run once more',
  );
  const after = await layersOf(reference('2'));
  const others = after.filter((digest) => !before.includes(digest));
  assert.ok(
    others.length <= 1,
    `only caches and logs may differ: ${others.length} of ${after.length} layers`,
  );

  const file = join(project.path, 'plugins', 'dates.txt');
  const text = await readFile(file, 'utf8');
  const bumped = text.replace(/^(python-dateutil)==.*$/m, '$1==2.8.2');
  assert.notEqual(bumped, text);
  await writeFile(file, bumped);
  const third = await build('3');
  const pushed = third.bytes.pushed ?? Number.POSITIVE_INFINITY;
  assert.ok(pushed < (first.image?.compressedBytes ?? 0) / 50, `${pushed} B for one package`);
  const fresh = (await layersOf(reference('3'))).filter((digest) => !before.includes(digest));
  assert.ok(fresh.length <= 5, `${fresh.length} layers are new: the package's, the rest, caches, copies`);
});

test('--way split runs what would be composed, and the image is the same', async () => {
  await using project = await projectLike('venv');
  const reference = `${own}/venv:1`;
  const result = await built(['--push', '-t', reference, '--way', 'split', project.path]);
  assert.deepEqual(
    result.segments.filter(({ kind }) => kind !== 'composed').map(({ kind, stage }) => [kind, stage]),
    [['split', 'builder']],
  );
  const verified = await layerwright(['verify', reference, project.path]);
  assert.equal(verified.exitCode, 0, `${verified.stdout}\n${verified.stderr}`);
  // The stage that copies the environment has its layers, not one copy of all.
  assert.ok((await layersOf(reference)).length > 12);
  await writeFile(join(project.path, 'app', 'more.py'), '# A comment.\n');
  const second = await built(['--push', '-t', `${own}/venv:2`, '--way', 'split', project.path]);
  assert.equal(second.builder, null, 'a changed line runs nothing');
});
