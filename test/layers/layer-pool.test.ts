import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { LayerwrightError } from '../../src/errors.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { makeDependencyLayer } from '../../src/layers/dependency-layer.ts';
import type { WheelFile } from '../../src/layers/layer.ts';
import { layerPool } from '../../src/layers/layer-pool.ts';
import { layerRequest, writeWheel } from '../support/wheel.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let wheels: readonly WheelFile[];
before(async () => {
  temporary = await temporaryDirectory();
  wheels = await Promise.all(
    Array.from({ length: 12 }, (_, at) =>
      writeWheel(temporary.path, [{ name: `m${at}.txt`, content: 'x'.repeat(at * 50_000), stored: true }], {
        name: `demo${at}`,
      }),
    ),
  );
});
after(() => temporary[Symbol.asyncDispose]());

test('layers made side by side on threads are those made one after another', async () => {
  const directory = await mkdtemp(join(temporary.path, 'pool-'));
  const pool = layerPool({ size: 3, directory });
  const layers = await Promise.all(wheels.map((wheel) => pool.make(layerRequest([wheel]))));
  await pool.close();
  for (const [at, wheel] of wheels.entries()) {
    const alone = await makeDependencyLayer(layerRequest([wheel]), temporary.path);
    const { file: _, ...rest } = layers[at] as (typeof layers)[number];
    const { file: __, ...expected } = alone;
    assert.deepEqual(rest, expected);
  }
  assert.equal((await readdir(directory)).length, wheels.length);
});

test('of those that wait the largest is begun first, whatever the order of asking', async () => {
  const pool = layerPool({ size: 1, directory: temporary.path });
  const finished: string[] = [];
  const make = async (wheel: WheelFile) => {
    await pool.make(layerRequest([wheel]));
    finished.push(wheel.name);
  };
  await Promise.all(wheels.slice(0, 6).map(make));
  await pool.close();
  // Which one is begun first is a matter of whose size is known first.
  const rest = finished.slice(1);
  assert.deepEqual(
    rest,
    rest.toSorted((a, b) => (a < b ? 1 : -1)),
  );
});

test('an error crosses the threads as it is, and the pool goes on', async () => {
  const pool = layerPool({ size: 1, directory: temporary.path });
  const broken = join(temporary.path, 'broken.whl');
  await writeFile(broken, 'no zip');
  const [wheel] = wheels as [WheelFile];
  const failing = pool.make(layerRequest([{ ...wheel, file: broken }]));
  const fine = pool.make(layerRequest([wheel]));
  await assert.rejects(failing, (error) => {
    assert.ok(error instanceof LayerwrightError);
    assert.equal(error.code, 'WHEEL_INVALID');
    assert.equal(error.exit, 1);
    assert.equal(error.temporary, false);
    assert.match(error.message, /demo0 1\.0 is no valid wheel: it is no zip archive/);
    assert.match(error.hint ?? '', /Pin another version/);
    return true;
  });
  assert.equal((await fine).entries.at(-1)?.path.endsWith('m0.txt'), true);
  // What is no error of ours stays none: a bug, with the stack of the thread.
  const bug = layerRequest([wheel], { directories: null as unknown as Record<string, never> });
  await assert.rejects(pool.make(bug), (error) => {
    assert.ok(error instanceof Error && !(error instanceof LayerwrightError));
    assert.match(error.stack ?? '', /dependency-layer|layer-directories/);
    return true;
  });
  await pool.close();
});

for (const stop of ['close', 'abort'] as const)
  test(`${stop} rejects what is not done, and leaves no file of it`, async () => {
    const directory = await mkdtemp(join(temporary.path, `${stop}-`));
    const aborting = new AbortController();
    const pool = layerPool({ size: 2, directory, signal: aborting.signal });
    const settled = Promise.allSettled(wheels.map((wheel) => pool.make(layerRequest([wheel]))));
    await new Promise((wake) => setImmediate(wake));
    if (stop === 'abort') aborting.abort();
    await pool.close();
    const results = await settled;
    const rejected = results.filter((one) => one.status === 'rejected');
    assert.ok(rejected.length > 0);
    for (const { reason } of rejected) assert.equal(reason.code, 'INTERRUPTED');
    assert.equal((await readdir(directory)).length, results.length - rejected.length);
    await assert.rejects(pool.make(layerRequest(wheels)), { code: 'INTERRUPTED' });
  });

test('an idle pool that nobody closed does not keep the process alive; bundled, it finds its thread', async () => {
  const entry = join(temporary.path, 'use.ts');
  const root = join(import.meta.dirname, '..', '..');
  const [wheel] = wheels;
  await writeFile(
    entry,
    `import { layerPool } from ${JSON.stringify(join(root, 'src/layers/layer-pool.ts'))};
const pool = layerPool({ size: 1, directory: ${JSON.stringify(temporary.path)} });
const layer = await pool.make(${JSON.stringify(layerRequest([wheel as WheelFile]))});
process.stdout.write(layer.diffId);
`,
  );
  const outdir = join(temporary.path, 'bundle');
  await mkdir(outdir);
  await writeFile(join(outdir, 'package.json'), '{"type": "module"}');
  await build({
    entryPoints: [
      { in: entry, out: 'use' },
      { in: join(root, 'src/layers/layer-worker.ts'), out: 'layer-worker' },
    ],
    ...{ outdir, bundle: true, splitting: true, platform: 'node', format: 'esm', logLevel: 'silent' },
  });
  const expected = await makeDependencyLayer(layerRequest([wheel as WheelFile]), temporary.path);
  for (const program of [entry, join(outdir, 'use.js')]) {
    const result = await run([process.execPath, program], { timeoutMs: 60_000 });
    assert.equal(result.exitCode, 0, result.stderr);
    assert.equal(result.stdout, expected.diffId);
  }
});
