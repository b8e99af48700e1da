import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ArtifactFiles } from '../../../src/ci/buildspec/buildspec.ts';
import { writeArtifacts } from '../../../src/ci/run/artifacts.ts';
import { projectOf } from '../../commands/launch.ts';

const WANTED: ArtifactFiles = {
  files: ['**/*'],
  name: undefined,
  discardPaths: false,
  baseDirectory: undefined,
  excludePaths: [],
};

/** The tree of the example in the reference, artifacts/base-directory. */
const TREE = {
  'my-build-1/my-file-1.txt': '1',
  'my-build-2/my-file-2.txt': '2',
  'my-build-2/my-subdirectory/my-file-3.txt': '3',
};

/** Writes artifacts of a project into `out`; the files of the primary one. */
async function files(tree: Readonly<Record<string, string>>, wanted: Partial<ArtifactFiles>) {
  await using project = await projectOf(tree);
  const places = { source: project.path, target: join(project.path, 'out'), targetIsOurs: false };
  const [primary] = await writeArtifacts(
    { ...WANTED, ...wanted, secondary: {} },
    places,
    async (text) => text.replace('$(date)', 'today'),
    () => {},
  );
  assert.ok(primary);
  for (const file of primary.files) await readFile(join(primary.directory, file));
  return primary.files;
}

// Build specification reference, artifacts/base-directory: its two examples.
test('files are found below a base directory, which is not part of the artifact', async () => {
  assert.deepEqual(await files(TREE, { files: ['*/my-file-3.txt'], baseDirectory: 'my-build-2' }), [
    'my-subdirectory/my-file-3.txt',
  ]);
  assert.deepEqual(await files(TREE, { baseDirectory: 'my-build*', discardPaths: true }), [
    'my-file-1.txt',
    'my-file-2.txt',
    'my-file-3.txt',
  ]);
});

// Build specification reference, artifacts/exclude-paths.
test('excluded paths are left out', async () => {
  const tree = { 'a.txt': '', 'b/a.txt': '', '.git/config': '', 'b/.hidden': '' };
  assert.deepEqual(await files(tree, { excludePaths: ['**/.*/**/*', '**/.*'] }), ['a.txt', 'b/a.txt']);
  assert.deepEqual(await files(tree, { files: ['*.txt', 'b/**/*'], excludePaths: ['b/.*'] }), [
    'a.txt',
    'b/a.txt',
  ]);
});

test('an earlier artifact is no part of the next one, and ours is emptied and hidden from git', async () => {
  await using project = await projectOf({ 'a.txt': '1' });
  const places = {
    source: project.path,
    target: join(project.path, '.layerwright', 'artifacts'),
    targetIsOurs: true,
  };
  const write = (wanted: Partial<ArtifactFiles>) =>
    writeArtifacts(
      { ...WANTED, ...wanted, secondary: {} },
      places,
      async (text) => text,
      () => {},
    );
  await write({});
  await project.write({ 'b.txt': '22' });
  const [again] = await write({});
  assert.deepEqual([again?.files, again?.bytes], [['a.txt', 'b.txt'], 3]);
  await write({ files: ['b.txt'] });
  await assert.rejects(readFile(join(places.target, 'a.txt')));
  assert.equal(await readFile(join(project.path, '.layerwright', '.gitignore'), 'utf8'), '*\n');
});

// Build specification reference, artifacts/name and artifacts/secondary-artifacts.
test('names are expanded; secondary artifacts have directories of their own', async () => {
  await using project = await projectOf(TREE);
  const target = join(project.path, 'out');
  const written = await writeArtifacts(
    {
      ...WANTED,
      name: '/builds/$(date)/web',
      secondary: { docs: { ...WANTED, files: ['my-build-1/*'] } },
    },
    { source: project.path, target, targetIsOurs: false },
    async (text) => text.replace('$(date)', 'today'),
    () => {},
  );
  assert.deepEqual(
    written.map(({ identifier, name, directory }) => [identifier, name, directory]),
    [
      [null, '/builds/today/web', join(target, 'builds/today/web')],
      ['docs', null, join(target, 'docs')],
    ],
  );
});

test('what cannot be written is told in the words of CodeBuild', async () => {
  await assert.rejects(files({ a: '' }, { files: ['b'] }), { message: 'no matching artifact paths found' });
  await assert.rejects(
    files({ a: '' }, { baseDirectory: 'b' }),
    /no matching base directory path found for b/,
  );
  await assert.rejects(files({ a: '' }, { name: '../../x' }), /leads out of the directory/);
});
