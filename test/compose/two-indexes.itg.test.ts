import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, createDeflateRaw, constants as zlib } from 'node:zlib';
import { runWatched } from '../../bench/peak-memory.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { LAUNCHER } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { packageIndex } from '../support/package-index.ts';
import type { ZipPart } from '../support/zip.ts';
import { SITE } from './base-image.ts';
import { workshop } from './workshop.ts';

const MIB = 1024 ** 2;

/** More than numbers of 32 bits with a sign can count. */
const LARGE = { block: 64 * MIB, times: 40 };

/** As torch has them: a library of 2.5 GiB, here of nothing but zeros. */
async function largeLibrary(name: string): Promise<ZipPart> {
  const block = Buffer.alloc(LARGE.block);
  const packer = createDeflateRaw({ level: 1 });
  const pieces: Buffer[] = [];
  packer.on('data', (piece: Buffer) => pieces.push(piece));
  const flushed = new Promise<void>((resolve) =>
    packer.write(block, () => packer.flush(zlib.Z_FULL_FLUSH, resolve)),
  );
  await flushed;
  // What follows a full flush stands for itself: a block may be there any number of times.
  const packed = Buffer.concat(pieces);
  const last = Buffer.from([0x03, 0x00]);
  let crc = 0;
  for (let at = 0; at < LARGE.times; at++) crc = crc32(block, crc);
  const size = LARGE.block * LARGE.times;
  const said = { size, crc };
  const whole = Buffer.concat([...Array.from({ length: LARGE.times }, () => packed), last]);
  return { name, packed: whole, local: said, central: said };
}

test('torch comes from an index of its own, beside what comes from another, and is never held in memory', async () => {
  await using shop = await workshop();
  await using own = await packageIndex();
  const base = `${own.url.replace('/simple', '')}/simple`;
  shop.index.add({ name: 'demo' });
  // The other index has a version that must not be taken.
  shop.index.add({ name: 'torch', version: '9.0' });
  own.add({ name: 'torch', version: '2.5.0+cpu', metadata: 'Requires-Dist: small' }, [
    { name: 'torch/__init__.py', content: 'version = "2.5.0"\n' },
    await largeLibrary('torch/lib/libtorch_cpu.so'),
  ]);
  own.add({ name: 'small' });
  await shop.project.write({
    Dockerfile: `FROM ${shop.base}
RUN pip install --no-cache-dir torch==2.5.0+cpu --index-url ${base}
RUN pip install --no-cache-dir demo --index-url ${shop.index.url}
`,
  });
  const words = ['build', '--json', '--push', '--way', 'composed', '-t', `${shop.app}:1`, shop.project.path];
  const env = { ...shop.env, PATH: `${shop.env.PATH}:/bin` };
  const watched = await runWatched(testHost(), [process.execPath, LAUNCHER, ...words], { env });
  assert.equal(watched.exitCode, 0, watched.stderr);
  const result = JSON.parse(watched.stdout) as BuildResult;
  assert.equal(result.builder, null);
  const image = await shop.image();
  const library = image.tree.entries.get(`${SITE}/torch/lib/libtorch_cpu.so`);
  assert.equal(library?.size, LARGE.block * LARGE.times);
  for (const name of ['torch-2.5.0+cpu', 'small-1.0', 'demo-1.0'])
    assert.ok(image.tree.entries.has(`${SITE}/${name}.dist-info/METADATA`), name);
  assert.ok(!shop.index.requests.some((one) => one.includes('torch')), 'each step asks its own index');
  assert.ok(
    watched.peakMemoryBytes < 300 * MIB,
    `${Math.round(watched.peakMemoryBytes / MIB)} MiB were resident`,
  );
});
