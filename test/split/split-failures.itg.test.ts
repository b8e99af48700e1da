import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/registry.ts';
import { built, LAUNCHER, layerwright } from '../commands/launch.ts';
import { codeOf, type ReadImage, readImage } from '../compose/workshop.ts';
import { type LocalProject, localProject, MODULES, SITE, textOf } from './local-project.ts';

const LIMIT = { timeout: 400_000 };

function app({ address }: TestRegistry, tag = '1'): string {
  return `${address}/app:${tag}`;
}

function build(registry: TestRegistry, { path }: LocalProject, tag?: string) {
  return built(['--push', '-t', app(registry, tag), path]);
}

/** The image, which has to have everything. */
async function whole(registry: TestRegistry, tag?: string, code = 'import alpha, beta, gamma\n') {
  const image = await readImage(app(registry, tag));
  for (const name of MODULES) {
    assert.ok(image.holds(`${SITE}/${name}/__init__.py`, textOf(name)), name);
    assert.equal(image.tree.entries.get(`${SITE}/${name}/data.bin`)?.size, 700_000);
  }
  assert.ok(image.holds('app/app.py', code));
  return image;
}

/** The digest of the layer that has a module. */
function layerOf({ tree, manifest }: ReadImage, name: string): string {
  const { layer } = tree.entries.get(`${SITE}/${name}/data.bin`) ?? {};
  return manifest.layers[layer ?? -1]?.digest as string;
}

/** Holds a request back for longer than the build lives. */
const HELD = { delayMs: 3_000 };

const MOMENTS = {
  'while it sends a layer': { method: 'PUT', path: /\/v2\/app\/blobs\/uploads\//, nth: 4 },
  'before the segment has its name': { method: 'PUT', path: /\/manifests\/lw-solved-/, nth: 1 },
  'before what is known of the segment is kept': { method: 'PUT', path: /\/manifests\/lw-base-/, nth: 2 },
} as const;

for (const [when, moment] of Object.entries(MOMENTS))
  test(`a build that is killed ${when}: the next one is right`, LIMIT, async () => {
    await using registry = await startRegistry();
    await using project = await localProject();
    registry.faults.push({ when: moment, effect: HELD });
    const child = spawn(process.execPath, [LAUNCHER, 'build', '--push', '-t', app(registry), project.path], {
      stdio: 'ignore',
      detached: true,
    });
    const end = once(child, 'exit');
    const reached = () =>
      registry.requests.filter(({ method, path }) => method === moment.method && moment.path.test(path))
        .length >= moment.nth;
    while (!reached()) {
      assert.equal(child.exitCode, null, 'it is still building');
      await sleep(5);
    }
    process.kill(-(child.pid as number), 'SIGKILL');
    await end;
    registry.faults.length = 0;
    const { segments } = await build(registry, project);
    assert.ok(segments.some(({ kind }) => kind === 'split'));
    await whole(registry);
  });

for (const how of ['deleted', 'cut off'] as const)
  test(
    `a layer of a split segment that was ${how} in the registry: noticed, and the image is right`,
    LIMIT,
    async () => {
      await using registry = await startRegistry();
      await using project = await localProject();
      await build(registry, project);
      const layer = layerOf(await whole(registry), 'beta');
      const bytes = (await registry.blobs.read(layer)) as Uint8Array;
      if (how === 'deleted') await registry.blobs.remove(layer);
      else await registry.blobs.replace(layer, bytes.subarray(0, bytes.length - 5));
      await project.writeText('app.py', 'import beta\n');
      const { segments } = await build(registry, project, '2');
      await whole(registry, '2', 'import beta\n');
      assert.deepEqual(
        segments.filter(({ kind }) => kind === 'split').map(({ outcome }) => outcome),
        ['solved'],
        'it was solved once more',
      );
      const again = await build(registry, project, '3');
      assert.equal(again.builder, null, 'and that is found from then on');
      await whole(registry, '3', 'import beta\n');
    },
  );

/** Runs a build whose temporary files have this much room, in MB. */
async function inRoomOf(megabytes: number, registry: TestRegistry, { path }: LocalProject) {
  await using directory = await temporaryDirectory('lw-room-');
  const room = join(directory.path, 'room');
  await mkdir(room);
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', room]);
  assert.equal(mounted.exitCode, 0, mounted.stderr);
  try {
    const result = await layerwright(['build', '--push', '-t', app(registry), path], {
      env: { TMPDIR: room },
    });
    return { ...result, left: await readdir(room) };
  } finally {
    await run(['umount', '--lazy', room]);
  }
}

test(
  'a disk that is full: 75, with the directory that has to have room; nothing is left, nothing was named',
  LIMIT,
  async () => {
    await using registry = await startRegistry();
    await using project = await localProject({ bytes: 12_000_000 });
    // In the first there is no room for what BuildKit exports, in the second for that, and not for what is laid out anew.
    for (const [megabytes, place] of [
      [50, 'layout'],
      [150, String.raw`[0-9a-f]+\.content`],
    ] as const) {
      const { exitCode, stderr, left } = await inRoomOf(megabytes, registry, project);
      assert.deepEqual([exitCode, codeOf({ stderr })], [75, 'DISK_FULL'], `${megabytes} MB: ${stderr}`);
      assert.match(
        stderr,
        new RegExp(`^error: no space left on this machine's disk, for /\\S+/${place} `, 'm'),
      );
      assert.match(stderr, /^hint: .* set TMPDIR/m);
      assert.doesNotMatch(stderr, /internal error|\n {4}at /);
      assert.deepEqual(left, []);
      const named = registry.requests.filter(
        ({ method, path }) => method === 'PUT' && /\/manifests\/(?:1$|lw-solved-)/.test(path),
      );
      assert.deepEqual(named, []);
    }
  },
);
