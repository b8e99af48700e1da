import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pullOf, type StoredImage } from '../../bench/image-bytes.ts';

function image(manifest: string, config: string, layers: Readonly<Record<string, number>>): StoredImage {
  return {
    manifest: { digest: manifest, size: 1_000 },
    config: { digest: config, size: 5_000 },
    layers: Object.entries(layers).map(([digest, size]) => ({ digest, size })),
  };
}

const before = image('m1', 'c1', { base: 30_000_000, packages: 250_000_000, app: 40_000 });

test('a node that has nothing fetches all', () => {
  assert.deepEqual(pullOf(before, undefined), {
    imageBytes: 280_046_000,
    pullBytes: 280_046_000,
    layers: 3,
    newLayers: 3,
  });
});

test('a node that has the image before fetches manifest, config and the layers that changed', () => {
  const after = image('m2', 'c2', { base: 30_000_000, packages: 250_000_000, 'app changed': 41_000 });
  assert.deepEqual(pullOf(after, before), {
    imageBytes: 280_047_000,
    pullBytes: 47_000,
    layers: 3,
    newLayers: 1,
  });
});

test('a node fetches nothing of an image that it has', () => {
  assert.deepEqual(pullOf(before, before), {
    imageBytes: 280_046_000,
    pullBytes: 0,
    layers: 3,
    newLayers: 0,
  });
});

test('a layer that is in the image twice is fetched once', () => {
  const { layers, ...rest } = image('m', 'c', { empty: 32 });
  assert.equal(pullOf({ ...rest, layers: [...layers, ...layers] }, undefined).pullBytes, 6_032);
});
