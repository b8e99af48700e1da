import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAUNCHER } from '../commands/launch.ts';
import { SITE } from './base-image.ts';
import { leftIn, type Workshop, workshop } from './workshop.ts';

const MODULE = { name: 'demo.py', content: 'version = "1.0"\n' };
const LARGE = { name: 'large.bin', content: Buffer.alloc(3_000_000, 'x'), stored: true };
const EPOCH = ['--source-date-epoch', '1700000000'];

function environment(shop: Workshop, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const all = { ...process.env, ...shop.env, ...more };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Starts a build in a process group of its own. */
function started(shop: Workshop): ChildProcess {
  return spawn(
    process.execPath,
    [LAUNCHER, 'build', '--push', '--way', 'composed', '-t', `${shop.app}:1`, ...EPOCH, shop.project.path],
    { env: environment(shop), stdio: 'ignore', detached: true },
  );
}

/** Kills a build, with all that it has started, when it has come to a point. */
async function killedAt(shop: Workshop, isThere: () => boolean): Promise<void> {
  const child = started(shop);
  const end = once(child, 'exit');
  while (!isThere()) {
    assert.equal(child.exitCode, null, 'it is still building');
    await sleep(5);
  }
  process.kill(-(child.pid as number), 'SIGKILL');
  await end;
}

/** Holds a request back for longer than the build lives. */
const HELD = { delayMs: 3_000 };

const MOMENTS: Readonly<Record<string, (shop: Workshop) => () => boolean>> = {
  'while it downloads a wheel': ({ index }) => {
    let held = false;
    index.intercept = (request, response) => {
      const [file] = index.files.values();
      if (held || !request.url?.includes('/files/') || request.headers.range !== undefined || !file)
        return false;
      held = true;
      response.writeHead(200, { 'content-length': file.bytes.length });
      response.write(file.bytes.subarray(0, 1000));
      return true;
    };
    return () => held;
  },
  'while it makes layers': ({ registry }) => {
    return () => registry.requests.some(({ method, path }) => method === 'PUT' && path.includes('/lw-lock-'));
  },
  'while it uploads a layer': ({ registry }) => {
    const path = /\/v2\/app\/blobs\/uploads\//;
    registry.faults.push({ when: { method: 'PUT', path, nth: 3 }, effect: HELD });
    return () => registry.requests.filter((one) => one.method === 'PUT' && path.test(one.path)).length >= 3;
  },
  'before the image has its name': ({ registry }) => {
    const path = /\/v2\/app\/manifests\/1$/;
    registry.faults.push({ when: { method: 'PUT', path }, effect: HELD });
    return () => registry.requests.some((one) => one.method === 'PUT' && path.test(one.path));
  },
};

for (const [when, hold] of Object.entries(MOMENTS))
  test(`a build that is killed ${when}: the next one is right, and leaves nothing behind`, async () => {
    await using shop = await workshop();
    shop.index.add({ name: 'demo' }, [MODULE, LARGE]);
    await killedAt(shop, hold(shop));
    shop.registry.faults.length = 0;
    const left = await leftIn(shop);
    await shop.built(EPOCH);
    assert.deepEqual(await leftIn(shop), left, 'only what the killed one had');
    const image = await shop.image();
    assert.ok(image.holds(`${SITE}/demo.py`, MODULE.content));
    assert.equal(image.tree.entries.get(`${SITE}/large.bin`)?.size, LARGE.content.length);
    await using fresh = await workshop();
    fresh.index.add({ name: 'demo' }, [MODULE, LARGE]);
    await fresh.built(EPOCH);
    const layers = ({ config }: typeof image) => config.rootfs.diff_ids;
    assert.deepEqual(layers(image), layers(await fresh.image()), 'as if nothing had happened');
  });

test('a build that is interrupted ends soon, with 130, and leaves nothing behind', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE, LARGE]);
  const path = /\/v2\/app\/blobs\/uploads\//;
  shop.registry.faults.push({ when: { method: 'PUT', path }, effect: HELD });
  const child = started(shop);
  const end = once(child, 'exit');
  while (!shop.registry.requests.some((one) => one.method === 'PUT' && path.test(one.path))) await sleep(5);
  child.kill('SIGINT');
  assert.deepEqual(await end, [130, null]);
  assert.deepEqual(await leftIn(shop), []);
});

test('two builds that make the same layers at the same time', async () => {
  await using shop = await workshop();
  const names = Array.from({ length: 12 }, (_, at) => `demo${at}`);
  for (const name of names)
    shop.index.add({ name }, [{ name: `${name}.py`, content: 'x = 1\n'.repeat(500) }]);
  await shop.project.write({ 'requirements.txt': names.map((name) => `${name}==1.0\n`).join('') });
  const [one, two] = await Promise.all([shop.built(EPOCH), shop.built([...EPOCH, '-t', `${shop.app}:2`])]);
  const image = await shop.image();
  assert.equal((await shop.image(`${shop.app}:2`)).digest, image.digest);
  assert.equal(one.image?.digest, two.image?.digest);
  for (const name of names) assert.ok(image.tree.entries.has(`${SITE}/${name}.py`), name);
  assert.deepEqual(await leftIn(shop), []);
  const { layers } = await shop.built(EPOCH);
  assert.ok(
    layers?.made.every(({ title }) => !title.includes('demo')),
    'each was kept',
  );
});

test('composing starts uv to resolve and Python to compile, and nothing else', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  const log = join(shop.temporary, '..', 'spawned');
  await writeFile(log, '');
  const hook = join(import.meta.dirname, 'spawn-log.mjs');
  const env = { NODE_OPTIONS: `--import ${hook}`, SPAWN_LOG: log };
  const programs = async () => {
    const lines = (await readFile(log, 'utf8')).trim().split('\n').filter(Boolean);
    await writeFile(log, '');
    return lines.map((line) => (JSON.parse(line) as readonly string[]).map((one) => basename(one)));
  };
  await shop.built(EPOCH, { env });
  const first = await programs();
  assert.ok(first.length > 0);
  for (const [program = ''] of first) assert.match(program, /^(?:uv|python3\.11)$/);
  await shop.project.write({ 'app.py': 'print("changed")\n' });
  await shop.built(EPOCH, { env });
  assert.deepEqual(await programs(), [], 'what is found needs no program');
});

test('nobody in particular can compose: no root, no builder, no home', {
  skip: process.getuid?.() !== 0 && 'only root can become somebody else',
}, async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  const nobody = 65_534;
  const home = await mkdtemp(join(tmpdir(), 'lw-nobody-'));
  try {
    const bin = join(home, 'bin');
    await mkdir(bin);
    for (const name of await readdir(shop.env.PATH as string)) {
      await copyFile(join(shop.env.PATH as string, name), join(bin, name)).catch(() => {});
      await chmod(join(bin, name), 0o755);
    }
    await chmod(shop.project.path, 0o755);
    for (const path of [home, join(home, 'bin')]) await chown(path, nobody, nobody);
    const env = environment(shop, {
      ...{ HOME: '/nonexistent', LAYERWRIGHT_CACHE_DIR: join(home, 'cache'), TMPDIR: home },
      PATH: `${bin}:${shop.env.PATH}`,
    });
    const child = spawn(
      process.execPath,
      [LAUNCHER, 'build', '--push', '--way', 'composed', '-t', `${shop.app}:1`, shop.project.path],
      { env, cwd: home, uid: nobody, gid: nobody, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let words = '';
    child.stderr?.on('data', (chunk) => {
      words += chunk;
    });
    const [code] = await once(child, 'exit');
    assert.equal(code, 0, words);
    assert.ok((await shop.image()).holds(`${SITE}/demo.py`, MODULE.content));
    assert.deepEqual((await readdir(home)).sort(), ['bin', 'cache']);
  } finally {
    await rm(home, { recursive: true });
  }
});
