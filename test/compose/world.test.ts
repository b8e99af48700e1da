import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registryRepository } from '../../src/cache/repository.ts';
import { hostPlatform } from '../../src/commands/compose/platforms.ts';
import { keeper } from '../../src/compose/keep/keeper.ts';
import { registriesOf } from '../../src/compose/registries.ts';
import { openImages } from '../../src/compose/world.ts';
import { startRegistry } from '../../src/testing/registry.ts';
import { testHost } from '../support/host.ts';
import { OFFICIAL_311, pushBase } from './base-image.ts';

test('of an image upon another that was read in the run only what it adds is pulled', async () => {
  await using registry = await startRegistry();
  const host = testHost({ env: { DOCKER_CONFIG: '/nonexistent' } });
  const [base, upon] = [`${registry.address}/python:3.11`, `${registry.address}/shop/base:1`];
  await pushBase(base);
  await pushBase(upon, [OFFICIAL_311, [{ path: 'added', content: 'by the target\n' }]]);
  const pulled: [string, number][] = [];
  const images = openImages({
    ...{ registries: registriesOf(host), alsoWanted: () => false },
    keeper: keeper(registryRepository(host, `${registry.address}/cache`), true),
    pulling(name, bytes, work) {
      pulled.push([name, bytes]);
      return work();
    },
  });
  const sizes = async (reference: string) =>
    (await images.base(reference, hostPlatform())).layers.map(({ blob }) => blob.descriptor.size);
  const [[below], [, added]] = [await sizes(base), await sizes(upon)];
  assert.deepEqual(
    pulled.map(([, bytes]) => bytes),
    [below, added],
  );
  const { files } = await images.base(upon, hostPlatform());
  assert.equal(files.index.get('added')?.type, 'file');
  assert.equal(files.index.get('usr/local/bin/python3.11')?.mode, 0o755);
  assert.equal(files.layers.length, 2);
});
