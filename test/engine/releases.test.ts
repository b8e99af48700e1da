import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allReleaseAssets, packagedSums, parseSums, releaseAsset, sumOf } from '../../src/engine/releases.ts';

const A = 'a'.repeat(64);
const B = 'B'.repeat(64);
const linux = { os: 'linux', arch: 'amd64', musl: false } as const;

test('release files have the paths that GitHub has', () => {
  assert.equal(
    releaseAsset('buildkit', linux)?.path,
    'moby/buildkit/releases/download/v0.34.2/buildkit-v0.34.2.linux-amd64.tar.gz',
  );
  assert.equal(
    releaseAsset('buildx', { ...linux, os: 'darwin', arch: 'arm64' })?.path,
    'docker/buildx/releases/download/v0.38.2/buildx-v0.38.2.darwin-arm64',
  );
  assert.equal(
    releaseAsset('uv', linux)?.path,
    'astral-sh/uv/releases/download/0.13.9/uv-x86_64-unknown-linux-gnu.tar.gz',
  );
  assert.match(releaseAsset('uv', { ...linux, musl: true })?.path ?? '', /x86_64-unknown-linux-musl/);
  assert.equal(releaseAsset('buildkit', { ...linux, os: 'darwin' }), undefined);
  assert.equal(allReleaseAssets().length, 2 + 4 + 6);
});

test('the packaged table names pinned files only, with whole checksums', () => {
  const paths = new Set(allReleaseAssets().map(({ path }) => path));
  for (const [path, sum] of packagedSums) {
    assert.ok(paths.has(path), `${path} is no pinned file`);
    assert.match(sum, /^[0-9a-f]{64}$/);
  }
});

test('a list as sha256sum writes it is read', () => {
  const sums = parseSums(`# from the mirror\n${A}  ./x/buildx\r\n\n${B} *with space.tar.gz\n`);
  assert.deepEqual(
    [...(sums ?? [])],
    [
      ['x/buildx', A],
      ['with space.tar.gz', B.toLowerCase()],
    ],
  );
});

test('a list with anything else in it vouches for nothing', () => {
  for (const text of ['<html>', `${A.slice(1)}  x`, `${A}`, `${A}  x\n${B}  x`, `${A}\tx`])
    assert.equal(parseSums(text), undefined, text);
});

test('a sum is found by the whole path before the file name', () => {
  const asset = releaseAsset('buildx', linux);
  assert.ok(asset);
  const name = 'buildx-v0.38.2.linux-amd64';
  assert.equal(sumOf(new Map([[name, 'by name']]), asset), 'by name');
  assert.equal(
    sumOf(
      new Map([
        [name, 'by name'],
        [asset.path, 'by path'],
      ]),
      asset,
    ),
    'by path',
  );
  assert.equal(sumOf(new Map([['buildx-v0.38.1.linux-amd64', 'other']]), asset), undefined);
});
