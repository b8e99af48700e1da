import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parseFacts, serialiseFacts } from '../../src/facts/facts-file.ts';
import { type ImageFacts, readImageFacts } from '../../src/facts/image-facts.ts';
import { scanLayer } from '../../src/facts/layer-scan.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { type RawHeader, rawTar } from '../image/tar-archives.ts';

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** An image of archives in memory, and which of its blobs were asked for. */
function imageOf(archives: readonly Buffer[], compress: (bytes: Buffer) => Buffer = gzipSync) {
  const blobs = archives.map(compress);
  const layers = blobs.map(
    (blob): Descriptor => ({ mediaType: MEDIA.layerGzip, digest: digestOf(blob), size: blob.length }),
  );
  const config: ImageConfig = {
    ...{ architecture: 'arm64', os: 'linux', config: {} },
    rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
  };
  const manifest: ImageManifest = {
    ...{ schemaVersion: 2, mediaType: MEDIA.manifest, layers },
    config: { mediaType: MEDIA.config, digest: digestOf(Buffer.from('')), size: 0 },
  };
  const asked: string[] = [];
  const openBlob = async (digest: string): Promise<AsyncIterable<Uint8Array>> => {
    asked.push(digest);
    return pieces(blobs[layers.findIndex((layer) => layer.digest === digest)] as Buffer);
  };
  return { manifest, config, openBlob, asked };
}

const read = (image: ReturnType<typeof imageOf>, lower?: ImageFacts) =>
  readImageFacts(image, image.manifest, image.config, lower);

const PASSWD: RawHeader = { name: 'etc/passwd', content: 'root:x:0:0::/root:\n' };
const CONFIG: RawHeader = { name: 'etc/pip.conf', content: '[global]\nno-cache-dir = true\n' };

test('a layer is read however it is compressed, with both its digests', async () => {
  const tar = rawTar(
    PASSWD,
    { name: 'big', content: Buffer.alloc(300_000, 'x') },
    { name: 'last', content: 'x' },
  );
  const frames = (bytes: Buffer) =>
    Buffer.concat([
      // A frame to be skipped in front, as some programs write them, and two frames of content.
      Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]),
      zstdCompressSync(bytes.subarray(0, 1000)),
      zstdCompressSync(bytes.subarray(1000)),
    ]);
  const members = (bytes: Buffer) =>
    Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
  for (const compress of [gzipSync, zstdCompressSync, members, frames, (bytes: Buffer) => bytes])
    for (const size of [1, 1000, 1e6]) {
      const blob = compress(tar);
      if (size === 1 && blob.length > 5000) continue;
      const scan = await scanLayer(pieces(blob, size), MEDIA.layer, (path) => path === 'etc/passwd');
      assert.deepEqual(
        scan.entries.map(({ path }) => path),
        ['etc/passwd', 'big', 'last'],
      );
      assert.deepEqual([...scan.contents.keys()], ['etc/passwd']);
      assert.deepEqual([scan.diffId, scan.digest], [digestOf(tar), digestOf(blob)], compress.name);
    }
});

test('what is no layer is told from what could not be fetched', async () => {
  const blob = gzipSync(rawTar(PASSWD));
  const scan = (bytes: Uint8Array, mediaType: string = MEDIA.layerGzip) =>
    scanLayer(pieces(bytes), mediaType, () => true);
  const unreadable = { code: 'LAYER_UNREADABLE' };
  await assert.rejects(scan(blob, 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted'), unreadable);
  await assert.rejects(scan(blob, MEDIA.config), unreadable);
  await assert.rejects(scan(blob.subarray(0, blob.length - 20)), unreadable);
  await assert.rejects(scan(zstdCompressSync(rawTar(PASSWD)).subarray(0, 60)), unreadable);
  await assert.rejects(scan(Buffer.from('<html>no layer</html>'.repeat(100))), unreadable);
  const lost = new Error('connection lost');
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield blob.subarray(0, 30);
    throw lost;
  }
  await assert.rejects(
    scanLayer(failing(), MEDIA.layerGzip, () => true),
    lost,
  );
});

test('layers are applied in order, and contents follow them', async () => {
  const image = imageOf([
    rawTar(
      PASSWD,
      CONFIG,
      { name: 'opt/pip.conf', content: '1' },
      { name: 'usr/pip.conf', content: 'a' },
      { name: 'x/pip.conf', content: 'x' },
    ),
    rawTar(
      { name: 'etc/.wh.pip.conf' },
      { name: 'opt/pip.conf', content: '22' },
      { name: 'usr/pip.conf', type: '2', link: 'x' },
      { name: 'x/.wh..wh..opq' },
    ),
    rawTar(
      { name: 'b/pip.conf', type: '1', link: 'opt/pip.conf' },
      { name: 'c/pip.conf', content: 'index-url = https://user:word@host/\n' },
      { name: 'd/pip.conf', content: Buffer.alloc(3 * 1024 ** 2, 'x') },
    ),
  ]);
  const facts = await read(image);
  assert.deepEqual(
    [...facts.contents],
    [
      ['etc/passwd', PASSWD.content],
      ['opt/pip.conf', '22'],
      ['b/pip.conf', '22'],
    ],
    'no login is kept, and nothing large',
  );
  assert.deepEqual([facts.architecture, facts.os], ['arm64', 'linux']);
  assert.deepEqual(facts.layers, image.config.rootfs.diff_ids);
  assert.equal(facts.index.get('c/pip.conf')?.type, 'file', 'though it is there');
  assert.deepEqual(facts.index.children('x'), []);
});

test('of an image on top of a known one only the new layers are read', async () => {
  const archives = [rawTar(PASSWD), rawTar(CONFIG), rawTar({ name: 'etc/.wh.pip.conf' }, { name: 'new' })];
  const lower = await read(imageOf(archives.slice(0, 2)));
  const known = parseFacts(serialiseFacts(lower));
  const image = imageOf(archives);
  const facts = await read(image, known);
  assert.deepEqual(image.asked, [image.manifest.layers[2]?.digest]);
  const whole = await read(imageOf(archives));
  assert.deepEqual(serialiseFacts(facts), serialiseFacts(whole));
  assert.equal(lower.contents.has('etc/pip.conf'), true, 'the known facts stay what they are');

  const other = imageOf([rawTar(PASSWD), rawTar(PASSWD), rawTar(CONFIG)]);
  await read(other, known);
  assert.equal(other.asked.length, 3, 'another image is read as a whole');
});

test('a layer that is not what the image says is refused', async () => {
  const image = imageOf([rawTar(PASSWD), rawTar(CONFIG)]);
  const other = gzipSync(rawTar(PASSWD, PASSWD));
  const corrupt = { code: 'BLOB_CORRUPT', exit: 1 };
  await assert.rejects(read({ ...image, openBlob: async () => pieces(other) }), corrupt);
  const packed = image.config.rootfs.diff_ids.map((_, at) =>
    zstdCompressSync(at === 0 ? rawTar(PASSWD) : rawTar(CONFIG)),
  );
  const openBlob = async (digest: string) =>
    pieces(packed[image.manifest.layers.findIndex((layer) => layer.digest === digest)] as Buffer);
  await assert.rejects(read({ ...image, openBlob }), corrupt, 'the same archive in other bytes');
  const diff_ids = [...image.config.rootfs.diff_ids].reverse();
  const swapped = { ...image, config: { ...image.config, rootfs: { type: 'layers' as const, diff_ids } } };
  await assert.rejects(read(swapped), corrupt);
  const fewer = {
    ...image,
    config: { ...image.config, rootfs: { type: 'layers' as const, diff_ids: diff_ids.slice(1) } },
  };
  await assert.rejects(read(fewer), { code: 'LAYER_UNREADABLE' });
});

test('when one layer fails, the others are not read to their end', async () => {
  const image = imageOf([rawTar(PASSWD), rawTar(CONFIG)]);
  let open = 0;
  const openBlob = async (digest: string): Promise<AsyncIterable<Uint8Array>> => {
    if (digest === image.manifest.layers[0]?.digest) throw new Error('no such blob');
    return (async function* () {
      open++;
      try {
        const gzip = gzipSync(Buffer.alloc(10));
        for (;;) {
          yield gzip;
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        open--;
      }
    })();
  };
  await assert.rejects(read({ ...image, openBlob }), /no such blob/);
  assert.equal(open, 0, 'and nothing is left open');
});

test('facts are kept as one file, the same for the same facts', async () => {
  const facts = await read(imageOf([rawTar(PASSWD, CONFIG, { name: 'ä', type: '2', link: 'ü' })]));
  const bytes = serialiseFacts(facts);
  const again = parseFacts(bytes);
  assert.deepEqual(again && [...again.index.entries()], [...facts.index.entries()]);
  assert.deepEqual(again && { ...again, index: 0, contents: new Map(again.contents) }, {
    ...facts,
    index: 0,
  });
  assert.deepEqual(again && serialiseFacts(again), bytes);
  const shuffled = { ...facts, contents: new Map([...facts.contents].reverse()) };
  assert.deepEqual(serialiseFacts(shuffled), bytes);
});

test('a damaged file of facts is none', async () => {
  const facts = await read(imageOf([rawTar(PASSWD, CONFIG)], zstdCompressSync));
  const bytes = serialiseFacts(facts);
  assert.ok(parseFacts(bytes));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] as number) ^ 0x41;
    const parsed = parseFacts(damaged);
    // A bit of the frame's header may mean nothing; then all is as it was.
    if (parsed) assert.deepEqual(serialiseFacts(parsed), bytes, `byte ${at}`);
  }
  const longer = Buffer.concat([zstdDecompressSync(bytes), Buffer.from('x')]);
  assert.equal(parseFacts(zstdCompressSync(longer)), undefined);
  assert.ok(parseFacts(zstdCompressSync(longer.subarray(0, -1))));
  for (const length of [0, 1, 20, bytes.length - 1])
    assert.equal(parseFacts(bytes.subarray(0, length)), undefined);
  for (const text of [
    '',
    'layerwright facts 2\n{}\n',
    'layerwright facts 1\n',
    'layerwright facts 1\n{"index":5}\n',
    'layerwright facts 1\nnull\n',
  ])
    assert.equal(parseFacts(zstdCompressSync(Buffer.from(text))), undefined, text);
  assert.equal(parseFacts(Buffer.from('no zstd')), undefined);
});
