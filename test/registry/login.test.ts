import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestRegistry } from '../../src/testing/registry.ts';
import { asked, blobOf, failing, withRegistry } from '../support/registry.ts';

const LOGIN = { username: 'me', password: 's:ecret' } as const;
const ME = ['me', 's:ecret'] as const;
const BASIC = { auth: { kind: 'basic', ...LOGIN } } as const;
const BEARER = { auth: { kind: 'bearer', ...LOGIN } } as const;
const IMAGE = 'application/vnd.oci.image.manifest.v1+json';

const of = ({ requests }: TestRegistry, status: number) =>
  requests.filter((one) => one.status === status).length;
const tokensAsked = ({ requests }: TestRegistry) =>
  requests.filter(({ path }) => path.startsWith('/token')).length;

test('a login that was asked for once is shown at once from then on, in every repository', async () => {
  await using bed = await withRegistry(BASIC, ME);
  const { client, registry } = bed;
  await client.putBlob('one', blobOf(10));
  await client.putBlob('two', blobOf(10));
  await client.manifest('three', 'x');
  assert.equal(of(registry, 401), 1);
});

test('a wrong password is shown once', async () => {
  await using bed = await withRegistry(BASIC, ['me', 'other']);
  await failing(bed.client.putBlob('one', blobOf(10)), 'REGISTRY_DENIED', 2);
  assert.equal(bed.registry.requests.length, 2);
  await failing(bed.client.putBlob('one', blobOf(10)), 'REGISTRY_DENIED', 2);
  assert.equal(bed.registry.requests.length, 3);
});

test('a token for each repository, without the registry having to refuse each time', async () => {
  await using bed = await withRegistry(BEARER, ME);
  const { client, registry } = bed;
  await client.manifest('one', 'x');
  assert.deepEqual([of(registry, 401), tokensAsked(registry)], [1, 1]);
  await client.manifest('two', 'x');
  await client.putBlob('two', blobOf(10));
  await client.putBlob('two', blobOf(10));
  assert.deepEqual([of(registry, 401), tokensAsked(registry)], [1, 3], 'two to pull, one to push');
  await client.putBlob('three', blobOf(10));
  await client.statBlob('three', blobOf(10).digest);
  assert.deepEqual([of(registry, 401), tokensAsked(registry)], [1, 4], 'who may push may pull');
});

test('those who ask at the same time share a token', async () => {
  await using bed = await withRegistry(BEARER, ME);
  const { client, registry } = bed;
  await Promise.all(Array.from({ length: 20 }, () => client.manifest('one', 'x')));
  assert.equal(tokensAsked(registry), 1);
  await Promise.all(Array.from({ length: 20 }, () => client.putBlob('two', blobOf(10))));
  assert.deepEqual([tokensAsked(registry), of(registry, 401)], [2, 20]);
});

test('a token that is refused in an upload is replaced, and the content sent again from the beginning', async () => {
  await using bed = await withRegistry(BEARER, ME);
  const { client, registry } = bed;
  const challenge = `Bearer realm="http://${registry.address}/token",service="test-registry"`;
  registry.faults.push({
    when: { method: 'PUT', times: 1 },
    effect: { status: 401, headers: { 'WWW-Authenticate': challenge } },
  });
  const blob = blobOf(1_000_000, 10_000);
  assert.equal(await client.putBlob('one', blob), 'sent');
  assert.ok(blob.bytes.equals((await registry.blobs.read(blob.digest)) ?? Buffer.alloc(0)));
  assert.deepEqual([tokensAsked(registry), of(registry, 202)], [2, 1], 'in the same upload');
});

test('a token is asked for again when it has ended', async () => {
  await using bed = await withRegistry({ auth: { ...BEARER.auth, tokenSeconds: 5 } }, ME);
  const { client, registry } = bed;
  for (let time = 0; time < 3; time++) await client.manifest('one', 'x');
  assert.deepEqual(
    [tokensAsked(registry), of(registry, 401)],
    [3, 1],
    'one of 5 seconds is never good enough',
  );
});

test('who mounts a blob asks to read where it is', async () => {
  await using bed = await withRegistry(BEARER, ME);
  const { client, registry } = bed;
  const blob = blobOf(10);
  await client.putBlob('one', blob);
  assert.equal(await client.mountBlob('two', blob.digest, 'one'), true);
  const token = registry.requests.filter(({ path }) => path.startsWith('/token')).at(-1);
  const scopes = new URL(token?.path ?? '', 'http://x').searchParams.getAll('scope');
  assert.deepEqual(scopes, ['repository:two:pull,push', 'repository:one:pull']);
  assert.equal(of(registry, 401), 1);
});

test('nobody pulls where everybody may, and may not push', async () => {
  await using bed = await withRegistry({ auth: { ...BEARER.auth, anonymousPull: true } });
  const { client, registry } = bed;
  assert.equal(await client.manifest('one', 'x'), undefined);
  await failing(client.putManifest('one', 'x', {}, IMAGE), 'REGISTRY_DENIED', 2);
  assert.ok(asked(registry).every((one) => !one.includes('500')));
});

test('a token server that fails for a moment is asked again', async () => {
  await using bed = await withRegistry(
    {
      ...BEARER,
      faults: [
        { when: { path: /^\/token/, times: 1 }, effect: { status: 500 } },
        { when: { path: /^\/token/, nth: 2, times: 1 }, effect: { reset: true } },
      ],
    },
    ME,
  );
  assert.equal(await bed.client.manifest('one', 'x'), undefined);
});
