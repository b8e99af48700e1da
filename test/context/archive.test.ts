import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { mayBeArchive } from '../../src/context/archive.ts';
import { tarEntryHeader } from '../../src/layers/tar-entry.ts';

const header = tarEntryHeader(
  { path: 'x', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, link: '' },
  1_500_000_000,
);

test('ADD may unpack what begins as an archive or as something compressed', () => {
  assert.equal(mayBeArchive(header), true);
  assert.equal(mayBeArchive(gzipSync('x')), true);
  assert.equal(mayBeArchive(zstdCompressSync('x')), true);
  assert.equal(mayBeArchive(Buffer.from('BZh91AY')), true);
  assert.equal(mayBeArchive(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0])), true);
  assert.equal(mayBeArchive(Buffer.from([0x53, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])), true);
});

test('the checksum of an old archive counts bytes as signed numbers', () => {
  const old = Buffer.from(header);
  old.write('caf\xe9', 0, 'latin1');
  assert.equal(mayBeArchive(old), false);
  const signed = old.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : (byte << 24) >> 24), 0);
  old.write(`${signed.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  assert.equal(mayBeArchive(old), true);
});

test('ADD copies everything else', () => {
  assert.equal(mayBeArchive(Buffer.alloc(0)), false);
  assert.equal(mayBeArchive(Buffer.alloc(512)), false);
  assert.equal(mayBeArchive(Buffer.from('import os\n'.repeat(100)).subarray(0, 512)), false);
  assert.equal(mayBeArchive(header.subarray(0, 511)), false);
});
