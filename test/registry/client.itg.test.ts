import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { getArtifact, putArtifact } from '../../src/cache/artifacts.ts';
import { registryRepository } from '../../src/cache/repository.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { registryClient } from '../../src/registry/client.ts';
import { testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { blobOf, environmentFor, failing, read } from '../support/registry.ts';

const QUICK = { retries: 1, firstDelayMs: 100 };
const own = `client/${randomUUID().slice(0, 8)}`;
const login = (name: string) =>
  [testbedVariable(`${name}_USER`), testbedVariable(`${name}_PASSWORD`)] as const;

/** The testbed's registries: open to all, with a login as ECR's, with tokens. */
const REGISTRIES = {
  LW_REGISTRY: undefined,
  LW_REGISTRY_AUTH: login('LW_REGISTRY_AUTH'),
  LW_REGISTRY_TOKEN: login('LW_REGISTRY_TOKEN'),
} as const;

for (const [name, who] of Object.entries(REGISTRIES)) {
  const clientOf = (known: readonly [string, string] | undefined) => {
    const requests: string[] = [];
    const host = testHost({
      env: environmentFor(testbedVariable(name), known),
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        requests.push(`${init?.method ?? 'GET'} ${response.status}`);
        return response;
      },
    });
    return { host, requests, client: registryClient(host, testbedVariable(name), QUICK) };
  };

  test(`${name}: blobs and manifests go there and come back`, async () => {
    const { client, requests } = clientOf(who);
    const [config, layer] = [blobOf(300), blobOf(3_000_000, 65_536)];
    await client.checkPush(`${own}/a`);
    assert.equal(await client.putBlob(`${own}/a`, config), 'sent');
    assert.equal(await client.putBlob(`${own}/a`, layer, { ifMissing: true }), 'sent');
    assert.equal(await client.putBlob(`${own}/a`, layer, { ifMissing: true }), 'there');
    assert.equal(await client.statBlob(`${own}/a`, layer.digest), 3_000_000);
    assert.ok((await read(await client.openBlob(`${own}/a`, layer.digest))).equals(layer.bytes));
    const part = await read(await client.openBlob(`${own}/a`, layer.digest, { range: [7, 1_000_000] }));
    assert.ok(part.equals(layer.bytes.subarray(7, 1_000_001)));

    const image = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, digest: config.digest, size: config.size },
      layers: [{ mediaType: MEDIA.layerZstd, digest: layer.digest, size: layer.size }],
    };
    const digest = await client.putManifest(`${own}/a`, 'v1', image, MEDIA.manifest);
    assert.deepEqual((await client.manifest(`${own}/a`, 'v1'))?.content, image);
    const head = await client.headManifest(`${own}/a`, digest);
    assert.deepEqual([head?.digest, head?.mediaType], [digest, MEDIA.manifest]);
    assert.equal(await client.headManifest(`${own}/a`, 'v2'), undefined);

    assert.equal(await client.mountBlob(`${own}/b`, layer.digest, `${own}/a`), true);
    assert.equal(await client.mountBlob(`${own}/b`, blobOf(1).digest, `${own}/a`), false);
    assert.equal(await client.putBlob(`${own}/b`, config, { mountFrom: `${own}/a` }), 'mounted');
    const refused = requests.filter((one) => one.endsWith(' 401') && !one.startsWith('DELETE'));
    assert.ok(refused.length <= 1, `asked for the login once: ${refused.join()}`);
  });

  test(`${name}: a manifest whose blobs are not there`, async () => {
    const { client } = clientOf(who);
    const there = blobOf(10);
    await client.putBlob(`${own}/c`, there);
    const missing = blobOf(11).digest;
    const config = { mediaType: MEDIA.config, digest: there.digest, size: 10 };
    const layers = [{ mediaType: MEDIA.layer, digest: missing, size: 11 }];
    const image = { schemaVersion: 2, mediaType: MEDIA.manifest, config, layers };
    const put = client.putManifest(`${own}/c`, 'v1', image, MEDIA.manifest);
    const error = await failing(put, 'MANIFEST_BLOB_UNKNOWN', 75);
    assert.deepEqual((error.cause as { digests: string[] }).digests, [missing]);
  });

  test(`${name}: a proxy that takes no large bodies: in parts`, async () => {
    const address = testbedVariable(name);
    const host = testHost({
      env: environmentFor(address, who),
      fetch: (input, init) => {
        const { method, headers } = { method: 'GET', ...init };
        const length = Number(new Headers(headers).get('content-length') ?? 0);
        return method === 'PUT' && length > 1_000_000
          ? Promise.resolve(new Response('<html>', { status: 413 }))
          : fetch(input, init);
      },
    });
    const client = registryClient(host, address, QUICK);
    const blob = blobOf(40_000_000, 100_000);
    assert.equal(await client.putBlob(`${own}/d`, blob), 'sent');
    assert.ok((await read(await client.openBlob(`${own}/d`, blob.digest))).equals(blob.bytes));
  });

  test(`${name}: artifacts`, async () => {
    const { host, client } = clientOf(who);
    const repository = registryRepository(host, `${testbedVariable(name)}/${own}/cache`, client);
    const blob = blobOf(1000);
    const layer = {
      descriptor: { mediaType: MEDIA.layerZstd, digest: blob.digest, size: 1000 },
      content: blob.content,
    };
    for (const layers of [[layer], []]) {
      const tag = `lw-${layers.length}`;
      assert.equal((await getArtifact(repository, tag, 'thing')).outcome, 'miss');
      const put = await putArtifact(repository, tag, { kind: 'thing', config: { a: 1 }, layers });
      assert.equal(put.outcome, 'put', JSON.stringify(put));
      const found = await getArtifact(repository, tag, 'thing');
      assert.ok(found.outcome === 'hit');
      assert.deepEqual(found.artifact.config, { a: 1 });
      assert.equal(found.artifact.layers.length, layers.length);
    }
    if (who === undefined) return;
    const nobody = clientOf(undefined);
    const closed = registryRepository(nobody.host, repository.name, nobody.client);
    const put = await putArtifact(closed, 'lw-1', { kind: 'thing', config: {}, layers: [] });
    assert.equal(put.outcome, 'unauthorized');
  });
}
