import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { pushedImageBytes } from '../../src/registry/image-size.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

const anonymous = () => testHost({ env: { DOCKER_CONFIG: '/nonexistent' } });
const pushed = { 'containerimage.digest': 'sha256:image' };

/** A registry with these manifests by digest. */
function registry(manifests: Readonly<Record<string, unknown>>) {
  return httpServer((request, response) => {
    const found = manifests[request.url?.split('/').at(-1) ?? ''];
    response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? {}));
  });
}

const layers = (...sizes: number[]) => ({ layers: sizes.map((size) => ({ size })) });

test('the size of an image is the sum of its layers', async () => {
  await using server = await registry({ 'sha256:image': { config: { size: 999 }, ...layers(100, 20, 3) } });
  assert.equal(await pushedImageBytes(anonymous(), `${server.address}/team/app:1`, pushed), 123);
  assert.deepEqual(server.requests, ['GET /v2/team/app/manifests/sha256:image']);
});

test('of several platforms all count', async () => {
  await using server = await registry({
    'sha256:image': { manifests: [{ digest: 'sha256:amd64' }, { digest: 'sha256:arm64' }] },
    'sha256:amd64': layers(100),
    'sha256:arm64': layers(20, 3),
  });
  assert.equal(await pushedImageBytes(anonymous(), `${server.address}/app:1`, pushed), 123);
});

test('an image without layers has no bytes, one that the registry does not have is no such image', async () => {
  await using server = await registry({ 'sha256:image': layers() });
  assert.equal(await pushedImageBytes(anonymous(), `${server.address}/app:1`, pushed), 0);
  const gone = { 'containerimage.digest': 'sha256:gone' };
  assert.equal(await pushedImageBytes(anonymous(), `${server.address}/app:1`, gone), undefined);
});

test('half a sum is none', async () => {
  await using server = await registry({
    'sha256:image': { manifests: [{ digest: 'sha256:amd64' }, { digest: 'sha256:gone' }] },
    'sha256:amd64': layers(100),
  });
  assert.equal(await pushedImageBytes(anonymous(), `${server.address}/app:1`, pushed), undefined);
});

test('an image that only --output named is found by the name in the metadata', async () => {
  await using server = await registry({ 'sha256:image': layers(7) });
  const named = { ...pushed, 'image.name': `${server.address}/app:1,${server.address}/app:2` };
  assert.equal(await pushedImageBytes(anonymous(), undefined, named), 7);
  assert.equal(await pushedImageBytes(anonymous(), undefined, pushed), undefined);
});

test('a registry that does not tell fails no build, an interrupt does', async () => {
  const tag = `${await closedAddress()}/app:1`;
  assert.equal(await pushedImageBytes(anonymous(), tag, pushed), undefined);
  assert.equal(await pushedImageBytes(anonymous(), tag, {}), undefined);
  const host = anonymous();
  await using server = await httpServer(() => host.abort());
  await assert.rejects(
    pushedImageBytes(host, `${server.address}/app:1`, pushed),
    (error) => error instanceof LayerwrightError && error.code === 'INTERRUPTED',
  );
});
