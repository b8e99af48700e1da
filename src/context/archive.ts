const MAGIC: readonly (readonly number[])[] = [
  [0x42, 0x5a, 0x68], // bzip2
  [0x1f, 0x8b, 0x08], // gzip
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], // xz
  [0x28, 0xb5, 0x2f, 0xfd], // zstd
];
const BLOCK = 512;
const CHECKSUM = { start: 148, end: 156 };

/**
 * True if `ADD` may unpack a file that begins so: BuildKit looks at the content, whatever the name is. A compressed file that
 * is no archive counts as one here.
 *
 * @param head the first 512 bytes
 */
export function mayBeArchive(head: Uint8Array): boolean {
  if (MAGIC.some((magic) => magic.every((byte, at) => head[at] === byte))) return true;
  // A skippable frame of zstd: 0x184D2A50 to 0x184D2A5F, little-endian.
  if (head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 && ((head[0] ?? 0) & 0xf0) === 0x50)
    return true;
  return head.length >= BLOCK && hasTarChecksum(head);
}

function hasTarChecksum(block: Uint8Array): boolean {
  const written = Buffer.from(block.subarray(CHECKSUM.start, CHECKSUM.end)).toString('latin1');
  const digits = /^[ \0]*([0-7]+)[ \0]*$/.exec(written)?.[1];
  if (digits === undefined) return false;
  const sum = (value: (byte: number) => number) =>
    block.reduce(
      (total, byte, at) => total + (at >= CHECKSUM.start && at < CHECKSUM.end ? 0x20 : value(byte)),
      0,
    );
  const expected = Number.parseInt(digits, 8);
  // Old programs took the bytes as signed numbers.
  return expected === sum((byte) => byte) || expected === sum((byte) => (byte << 24) >> 24);
}
