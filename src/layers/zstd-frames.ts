import { layerUnreadable } from '../image/layer-unreadable.ts';

const MAGIC = 0xfd2fb528;

/** True if a blob begins with a zstd frame, or with one that is to be skipped. */
export function isZstd(head: Buffer): boolean {
  return head.length >= 4 && (head.readUInt32LE(0) === MAGIC || isSkippable(head.readUInt32LE(0)));
}

function isSkippable(magic: number): boolean {
  return magic >>> 4 === 0x184d2a5;
}

/**
 * The same bytes in pieces none of which goes on past the end of a frame, frames to be skipped left out. Node's decompressor
 * (24.21) drops without a word what follows the end of a frame in the same piece; layers of several frames are common (podman's
 * zstd:chunked, pzstd). The format is that of RFC 8878.
 *
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) for what is no zstd frame, or one that is cut off
 */
export async function* zstdFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const splitter = frameSplitter();
  for await (const piece of source)
    yield* splitter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  if (!splitter.atEnd()) throw layerUnreadable('its last zstd frame is cut off');
}

/** What comes next in a frame. */
interface Part {
  /** Bytes of it. */
  readonly bytes: number;
  /** Whether it belongs to what is decompressed. */
  readonly kept: boolean;
  /** What comes after it; with its bytes if it is one that has to be looked at. */
  readonly next: (bytes: Buffer) => Part;
  readonly looked: boolean;
}

const passedOver = (bytes: number, kept: boolean, next: () => Part): Part => ({
  bytes,
  kept,
  next,
  looked: false,
});

const looked = (bytes: number, kept: boolean, next: (bytes: Buffer) => Part): Part => ({
  ...{ bytes, kept, next, looked: true },
});

function frameSplitter() {
  let part = frameStart();
  let left = part.bytes;
  let seen: Buffer = Buffer.alloc(0);
  return {
    atEnd: () => part.next === onMagic && seen.length === 0,
    *push(piece: Buffer): Generator<Buffer> {
      let from = 0;
      for (let at = 0; at < piece.length; ) {
        const step = Math.min(left, piece.length - at);
        if (part.looked) seen = Buffer.concat([seen, piece.subarray(at, at + step)]);
        left -= step;
        at += step;
        if (!part.kept) from = at;
        while (left === 0) {
          const held = part.next === onMagic ? seen : undefined;
          part = part.next(seen);
          left = part.bytes;
          seen = Buffer.alloc(0);
          if (held && part.kept) yield held;
          if (part.next !== onMagic) continue;
          // A frame has ended.
          if (from < at) yield piece.subarray(from, at);
          from = at;
        }
      }
      if (from < piece.length) yield piece.subarray(from);
    },
  };
}

/** The first four bytes are held back until it is known whether the frame is one to be skipped. */
function frameStart(): Part {
  return looked(4, false, onMagic);
}

function onMagic(bytes: Buffer): Part {
  const magic = bytes.readUInt32LE(0);
  if (isSkippable(magic))
    return looked(4, false, (size) => passedOver(size.readUInt32LE(0), false, frameStart));
  if (magic !== MAGIC) throw layerUnreadable('something in it is no zstd frame');
  return looked(1, true, onDescriptor);
}

function onDescriptor(bytes: Buffer): Part {
  const descriptor = bytes[0] as number;
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const content = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const checksum = (descriptor & 4) !== 0 ? 4 : 0;
  return passedOver((single ? 0 : 1) + dictionary + content, true, () => blockStart(checksum));
}

/** @param checksum bytes of the checksum after the last block */
function blockStart(checksum: number): Part {
  return looked(3, true, (bytes) => {
    const header = bytes.readUIntLE(0, 3);
    const last = (header & 1) !== 0;
    // A block of the type 1 is one byte that is repeated.
    const size = ((header >> 1) & 3) === 1 ? 1 : header >> 3;
    return passedOver(size, true, () =>
      last ? passedOver(checksum, true, frameStart) : blockStart(checksum),
    );
  });
}
