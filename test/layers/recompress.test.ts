import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { temporaryDirectory } from '../../src/host/files.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { compressedLayer } from '../../src/layers/recompress.ts';
import { tarOf } from '../verify/tar.ts';

const archive = tarOf([{ path: 'a', content: 'a'.repeat(300_000) }]);
const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const KINDS = {
  plain: [MEDIA.layer, (bytes: Buffer) => bytes],
  gzip: [MEDIA.layerGzip, (bytes: Buffer) => gzipSync(bytes, { level: 1 })],
  zstd: [MEDIA.layerZstd, (bytes: Buffer) => zstdCompressSync(bytes)],
} as const;

for (const [kind, [mediaType, compress]] of Object.entries(KINDS))
  for (const compression of ['gzip', 'zstd'] as const)
    test(`a layer that is ${kind} as ${compression}`, async () => {
      await using directory = await temporaryDirectory('lw-recompress-');
      const file = join(directory.path, 'blob');
      const bytes = compress(archive);
      await writeFile(file, bytes);
      const made = await compressedLayer(file, mediaType, { compression, directory: directory.path });
      const written = await readFile(made.file);
      assert.deepEqual([made.diffId, made.tarBytes], [digestOf(archive), archive.length]);
      assert.deepEqual(made.descriptor, {
        mediaType: compression === 'gzip' ? MEDIA.layerGzip : MEDIA.layerZstd,
        digest: digestOf(written),
        size: written.length,
      });
      assert.deepEqual(compression === 'gzip' ? gunzipSync(written) : zstdDecompressSync(written), archive);
      // What BuildKit has compressed and pushed is not compressed and pushed once more.
      assert.equal(made.file === file, kind === compression);
      assert.deepEqual(await readFile(file), bytes);
    });

test('a layer that is not what it says is no layer', async () => {
  await using directory = await temporaryDirectory('lw-recompress-');
  const file = join(directory.path, 'blob');
  await writeFile(file, gzipSync(archive).subarray(0, 200));
  const into = { compression: 'gzip', directory: directory.path } as const;
  await assert.rejects(compressedLayer(file, MEDIA.layerGzip, into), { code: 'LAYER_UNREADABLE' });
});
