import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTar, type StreamedEntry } from '../../src/image/tar-read-stream.ts';
import { inPieces } from '../verify/sample.ts';
import { type TarLine, tarOf } from '../verify/tar.ts';

async function entriesOf(archive: Buffer): Promise<readonly (StreamedEntry & { readonly text: string })[]> {
  const entries = [];
  for await (const { entry, content } of readTar(inPieces(archive))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    entries.push({ ...entry, text: Buffer.concat(chunks).toString('latin1') });
  }
  return entries;
}

/** Sets bytes of the first header and mends its checksum. */
function edited(archive: Buffer, at: number, bytes: Buffer): Buffer {
  const copy = Buffer.from(archive);
  bytes.copy(copy, at);
  copy.fill(' ', 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return copy;
}

test('all that a header says comes out', async () => {
  const lines: readonly TarLine[] = [
    { path: './bin', type: 'directory', mode: 0o2775, gid: 50 },
    { path: '/bin/file', content: 'x'.repeat(1000), mode: 0o4711, uid: 1000, mtime: 12 },
    { path: 'bin/link', type: 'symlink', link: '../x' },
    { path: 'bin/hard', type: 'hardlink', link: './bin/file' },
    { path: 'null', type: 'character', device: [1, 3] },
    { path: 'pipe', type: 'fifo' },
  ];
  const found = await entriesOf(tarOf(lines));
  assert.deepEqual(
    found.map(({ path, type, mode, uid, gid, size, link, device }) =>
      [path, type, mode.toString(8), uid, gid, size, link, device].join(' ').trim(),
    ),
    [
      'bin directory 2775 0 50 0',
      'bin/file file 4711 1000 0 1000',
      'bin/link symlink 777 0 0 0 ../x',
      'bin/hard hardlink 644 0 0 0 bin/file',
      'null character 644 0 0 0  1:3',
      'pipe fifo 644 0 0 0',
    ],
  );
  assert.equal(found[1]?.text, 'x'.repeat(1000));
  assert.equal(found[1]?.mtime, 12);
});

test('extended headers outrank plain ones: long and foreign names, large numbers, attributes with any byte', async () => {
  const long = `${'d/'.repeat(120)}ü`;
  const attribute = Buffer.from([0, 0x0a, 0x3d, 0xff]);
  const [entry] = await entriesOf(
    tarOf([
      { path: long, xattrs: { 'security.capability': attribute }, pax: { uid: '3000000', mtime: '5.75' } },
    ]),
  );
  assert.equal(entry?.path, long);
  assert.deepEqual([entry?.uid, entry?.mtime], [3_000_000, 5]);
  assert.deepEqual(Buffer.from(entry?.xattrs['security.capability'] ?? '', 'latin1'), attribute);
});

test('an extended header counts for the next entry only', async () => {
  const entries = await entriesOf(tarOf([{ path: 'a', pax: { uid: '7' } }, { path: 'b' }]));
  assert.deepEqual(
    entries.map(({ uid }) => uid),
    [7, 0],
  );
});

test("GNU's long names and binary numbers are read", async () => {
  const long = 'n'.repeat(300);
  const head = edited(tarOf([{ path: '././@LongLink', content: `${long}\0` }]), 156, Buffer.from('L'));
  const file = edited(
    tarOf([{ path: 'short', content: 'x' }]),
    108,
    Buffer.from([0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0]),
  );
  const [entry, ...more] = await entriesOf(Buffer.concat([head.subarray(0, -1024), file]));
  assert.deepEqual([entry?.path, entry?.uid, more.length], [long, 3_000_000, 0]);
});

test('names that are no UTF-8 stay different', async () => {
  const name = (byte: number) => edited(tarOf([{ path: 'xx' }]), 1, Buffer.from([byte])).subarray(0, -1024);
  const entries = await entriesOf(Buffer.concat([name(0xe4), name(0xf6), Buffer.alloc(1024)]));
  assert.equal(new Set(entries.map(({ path }) => path)).size, 2);
});

test('content that nobody reads is passed over', async () => {
  const paths: string[] = [];
  for await (const { entry } of readTar(
    inPieces(tarOf([{ path: 'a', content: 'x'.repeat(5000) }, { path: 'b' }])),
  ))
    paths.push(entry.path);
  assert.deepEqual(paths, ['a', 'b']);
});

test('what is no proper archive is refused: damaged, cut short, upwards, sparse, a type that nobody knows', async () => {
  const good = tarOf([{ path: 'file', content: 'x' }]);
  const flipped = Buffer.from(good);
  flipped[0] = 0x78;
  for (const [name, archive] of Object.entries({
    flipped,
    short: good.subarray(0, 600),
    upwards: tarOf([{ path: 'a/../../b' }]),
    sparse: tarOf([{ path: 'a', pax: { 'GNU.sparse.major': '1' } }]),
    type: edited(good, 156, Buffer.from('S')),
    octal: edited(good, 124, Buffer.from('9')),
    pax: edited(tarOf([{ path: 'x', content: '9 no\n' }]), 156, Buffer.from('x')),
  }))
    await assert.rejects(entriesOf(archive), { code: 'LAYER_UNREADABLE' }, name);
});
