import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { isZstd, zstdFrames } from '../../src/layers/zstd-frames.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

const skipped = (content: string): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a5e, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, Buffer.from(content)]);
};

/** Frames as a stream makes them: neither size nor, without the flag, checksum in them. */
async function streamed(content: Buffer, checksum: 0 | 1): Promise<Buffer> {
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: checksum } });
  compress.end(content);
  const found: Buffer[] = [];
  for await (const piece of compress) found.push(piece as Buffer);
  return Buffer.concat(found);
}

const noise = Buffer.from(
  Array.from({ length: 300_000 }, (_, at) => (Math.imul(at, 2654435761) >>> 13) & 0xff),
);

test('pieces end where a frame ends, and frames to be skipped are left out', async () => {
  const frames = [
    zstdCompressSync(Buffer.alloc(0)),
    zstdCompressSync('x'),
    zstdCompressSync(Buffer.alloc(400_000)),
    await streamed(noise, 1),
    await streamed(Buffer.from('y'.repeat(1000)), 0),
    zstdCompressSync(noise.subarray(0, 70_000)),
  ];
  const whole = Buffer.concat([
    skipped('first'),
    ...frames.flatMap((frame) => [frame, skipped('')]),
    skipped('last'),
  ]);
  for (const size of [1, 3, 100, 4096, whole.length]) {
    const ends = new Set<number>();
    const found: Buffer[] = [];
    let total = 0;
    for await (const piece of zstdFrames(pieces(whole, size))) {
      found.push(piece);
      total += piece.length;
      ends.add(total);
    }
    assert.ok(Buffer.concat(found).equals(Buffer.concat(frames)), `in pieces of ${size}`);
    let end = 0;
    for (const frame of frames) {
      end += frame.length;
      assert.ok(ends.has(end), `in pieces of ${size}, at ${end}`);
    }
  }
  assert.equal(
    frames.map((frame) => zstdDecompressSync(frame).length).join(),
    '0,1,400000,300000,1000,70000',
  );
});

test('what is cut off, or no frame, is refused', async () => {
  const frame = zstdCompressSync('some text');
  const read = async (bytes: Buffer) => {
    for await (const _piece of zstdFrames(pieces(bytes, 5)));
  };
  for (let length = 1; length < frame.length; length++)
    await assert.rejects(read(frame.subarray(0, length)), { code: 'LAYER_UNREADABLE' }, `${length} bytes`);
  await assert.rejects(read(Buffer.concat([frame, Buffer.from('garbage')])), { code: 'LAYER_UNREADABLE' });
  await assert.rejects(read(skipped('only').subarray(0, 10)), { code: 'LAYER_UNREADABLE' });
  await read(Buffer.concat([frame, skipped('x')]));
});

test('a blob is known by its first bytes', () => {
  assert.deepEqual(
    [zstdCompressSync('x'), skipped('x'), Buffer.from('\x1f\x8b\x08\x00'), Buffer.from('(')].map(isZstd),
    [true, true, false, false],
  );
});
