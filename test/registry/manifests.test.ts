import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEDIA } from '../../src/image/oci.ts';
import type { RegistryClient } from '../../src/registry/client.ts';
import { registryClient } from '../../src/registry/client.ts';
import { testHost } from '../support/host.ts';
import { httpServer } from '../support/http-server.ts';
import { asked, blobOf, environmentFor, failing, withRegistry } from '../support/registry.ts';

const GET = { method: 'GET', path: /\/manifests\// } as const;

/** An image with one layer, its blobs pushed if wanted. */
async function imageIn(client: RegistryClient, repository: string, isPushed = true) {
  const [config, layer] = [blobOf(20), blobOf(30)];
  if (isPushed) for (const blob of [config, layer]) await client.putBlob(repository, blob);
  const describe = ({ digest, size }: typeof config, mediaType: string) => ({ mediaType, digest, size });
  return {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: describe(config, MEDIA.config),
    layers: [describe(layer, MEDIA.layer)],
  } as const;
}

test('a manifest is put and found by tag and digest, with and without its content', async () => {
  await using bed = await withRegistry();
  const { client } = bed;
  const image = await imageIn(client, 'team/app');
  const digest = await client.putManifest('team/app', 'v1', image, MEDIA.manifest);
  const bytes = Buffer.from(JSON.stringify(image));
  assert.equal(await client.putManifest('team/app', digest, bytes, MEDIA.manifest), digest);
  for (const reference of ['v1', digest]) {
    const found = await client.manifest('team/app', reference);
    assert.deepEqual(found?.content, image);
    assert.ok(bytes.equals(found?.bytes ?? Buffer.alloc(0)));
    const head = { digest, mediaType: MEDIA.manifest, size: bytes.length };
    assert.deepEqual(await client.headManifest('team/app', reference), head);
  }
  assert.equal(await client.headManifest('team/app', 'v2'), undefined);
  assert.equal(await client.manifest('other', 'v1'), undefined);
});

test('a manifest with other bytes than were asked for or told is not believed', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  const image = await imageIn(client, 'a');
  const digest = await client.putManifest('a', 'v1', image, MEDIA.manifest);
  const other = Buffer.from('{"schemaVersion":2}');
  await registry.blobs.replace(digest, other);
  await failing(client.manifest('a', digest), 'MANIFEST_CORRUPT', 1);
  await failing(client.manifest('a', 'v1'), 'MANIFEST_CORRUPT', 1);
  registry.faults.push({ when: GET, effect: { status: 200, body: other.toString() } });
  await failing(client.manifest('a', digest), 'MANIFEST_CORRUPT', 1);
  assert.equal((await client.manifest('a', 'v1'))?.size, other.length, 'a tag may be anything');
  registry.faults.splice(0, 1, { when: GET, effect: { status: 200, body: '<html>log in</html>' } });
  await failing(client.manifest('a', 'v1'), 'REGISTRY_ANSWER', 1);
});

test('a manifest whose answer breaks off or stands still is asked for again', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  await client.putManifest('a', 'v1', await imageIn(client, 'a'), MEDIA.manifest);
  registry.faults.push(
    { when: { ...GET, times: 1 }, effect: { truncateAfter: 10 } },
    { when: { ...GET, nth: 2, times: 1 }, effect: { stallAfter: 10 } },
    { when: { ...GET, nth: 3, times: 1 }, effect: { reset: true } },
  );
  assert.ok(await client.manifest('a', 'v1'));
  assert.equal(asked(registry).filter((one) => one.startsWith('GET')).length, 4);
});

test('a registry that tells no digest on HEAD is asked for the content', async () => {
  const body = '{"schemaVersion":2}';
  await using server = await httpServer((request, response) => {
    response.writeHead(200, { 'content-type': `${MEDIA.manifest}; charset=utf-8` });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  const client = registryClient(testHost({ env: environmentFor(server.address) }), server.address);
  const head = await client.headManifest('a', 'v1');
  assert.deepEqual([head?.size, head?.mediaType], [body.length, MEDIA.manifest]);
  assert.match(head?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(server.requests, ['HEAD /v2/a/manifests/v1', 'GET /v2/a/manifests/v1']);
});

test('a manifest that names blobs which are not there: which ones', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  const image = await imageIn(client, 'a', false);
  const put = () => client.putManifest('a', 'v1', image, MEDIA.manifest);
  const digests = [image.config.digest, image.layers[0].digest];
  const error = await failing(put(), 'MANIFEST_BLOB_UNKNOWN', 75);
  assert.deepEqual((error.cause as { digests: string[] }).digests, digests);
  assert.equal(error.temporary, false);
  assert.equal(asked(registry).length, 1, 'trying again is of no use');
  for (const [status, code, message, known] of [
    [404, 'BLOB_UNKNOWN', `blob unknown: ${digests[1]}`, [digests[1]]],
    [400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown', []],
    [400, 'UNSUPPORTED', `the layers with digests '${digests[0]}' do not exist`, [digests[0]]],
  ] as const) {
    const body = JSON.stringify({ errors: [{ code, message }] });
    registry.faults.splice(0, 1, { when: { method: 'PUT' }, effect: { status, body } });
    const told = await failing(put(), 'MANIFEST_BLOB_UNKNOWN', 75);
    assert.deepEqual((told.cause as { digests: string[] }).digests, known);
  }
});

test('a manifest that is refused for something else: what the registry says', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  for (const [status, code, message, expected, exit] of [
    [404, 'NAME_UNKNOWN', 'The repository does not exist', 'REPOSITORY_UNKNOWN', 2],
    [400, 'MANIFEST_INVALID', 'no', 'REGISTRY_ANSWER', 1],
    [400, 'TAG_INVALID', "The image tag 'x' already exists and is immutable", 'TAG_IMMUTABLE', 2],
    [403, 'DENIED', 'no', 'REGISTRY_DENIED', 2],
  ] as const) {
    const body = JSON.stringify({ errors: [{ code, message }] });
    registry.faults.splice(0, 1, { when: { method: 'PUT' }, effect: { status, body } });
    const error = await failing(client.putManifest('a', 'v1', {}, MEDIA.manifest), expected, exit);
    if (expected !== 'TAG_IMMUTABLE') assert.ok(error.message.endsWith(message));
  }
});
