import assert from 'node:assert/strict';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findBuildkit, findBuildx, findEngine, findUv } from '../../src/engine/find.ts';
import { keptDirectory, systemOf } from '../../src/engine/find-kept.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';
import { ANSWERS, putPrograms } from './programs.ts';

/** A machine with nothing on PATH but what a test puts there. */
async function machine() {
  const directory = await temporaryDirectory();
  const bin = join(directory.path, 'bin');
  await mkdir(bin);
  const env = {
    PATH: bin,
    HOME: directory.path,
    DOCKER_CONFIG: join(directory.path, 'docker'),
    LAYERWRIGHT_CACHE_DIR: join(directory.path, 'cache'),
  };
  return { ...directory, bin, env, host: testHost({ env }) };
}

test('a bare machine has nothing', async () => {
  await using bare = await machine();
  assert.deepEqual(await findEngine(bare.host), {});
});

test('buildx: Docker with a daemon, then PATH, plugins, Docker without a daemon, what was provisioned', async () => {
  await using there = await machine();
  const kept = join(keptDirectory(there.host, 'buildx', 'go'), 'bin');
  const plugins = join(there.env.DOCKER_CONFIG, 'cli-plugins');
  await putPrograms(kept, { buildx: ANSWERS.buildx('9.9.9') });
  await putPrograms(there.bin, {
    docker: ANSWERS.docker('29.0.0', '0.30.0'),
    buildx: ANSWERS.buildx('0.31.0'),
    'docker-buildx': ANSWERS.buildx('0.32.0'),
  });
  await putPrograms(plugins, { 'docker-buildx': ANSWERS.buildx('0.33.0') });
  const docker = join(there.bin, 'docker');
  assert.deepEqual(await findBuildx(there.host), {
    name: 'buildx',
    command: [docker, 'buildx'],
    path: docker,
    version: '0.30.0',
    from: 'docker',
  });

  await putPrograms(there.bin, { docker: ANSWERS.docker(undefined, '0.30.0') });
  const next = async () => {
    const found = await findBuildx(there.host);
    return [found?.version, found?.from, found?.command.at(-1)];
  };
  assert.deepEqual(await next(), ['0.31.0', 'path', join(there.bin, 'buildx')]);
  await rm(join(there.bin, 'buildx'));
  assert.deepEqual(await next(), ['0.32.0', 'path', join(there.bin, 'docker-buildx')]);
  await rm(join(there.bin, 'docker-buildx'));
  assert.deepEqual(await next(), ['0.33.0', 'path', join(plugins, 'docker-buildx')]);
  await rm(join(plugins, 'docker-buildx'));
  assert.deepEqual(await next(), ['0.30.0', 'docker', 'buildx']);
  await rm(docker);
  assert.deepEqual(await next(), ['0.38.2', 'go', join(kept, 'buildx')]);
});

test('a Docker whose daemon answers but that has no buildx does not hide another', async () => {
  await using there = await machine();
  await putPrograms(there.bin, {
    docker: ANSWERS.docker('29.0.0', undefined),
    buildx: ANSWERS.buildx('0.31.0'),
  });
  assert.equal((await findBuildx(there.host))?.from, 'path');
  assert.equal((await findEngine(there.host)).docker?.version, '29.0.0');
});

test('a buildx that is too old is passed over, one that does not know its version is taken', async () => {
  await using there = await machine();
  await putPrograms(there.bin, { buildx: ANSWERS.buildx('0.11.2') });
  assert.equal(await findBuildx(there.host), undefined);
  await putPrograms(there.bin, { 'docker-buildx': ANSWERS.buildx('0.0.0+unknown') });
  const found = await findBuildx(there.host);
  assert.deepEqual([found?.path, found?.version], [join(there.bin, 'docker-buildx'), 'unknown']);
});

test('BuildKit needs buildkitd, buildctl and a runtime; the one beside buildkitd comes first', async (t) => {
  if (process.platform !== 'linux') return t.skip('BuildKit runs on Linux only');
  await using there = await machine();
  await putPrograms(there.bin, {
    buildkitd: ANSWERS.plain('buildkitd github.com/moby/buildkit v0.29.1 abc'),
  });
  assert.equal(await findBuildkit(there.host), undefined, 'no buildctl');
  await putPrograms(there.bin, {
    buildctl: ANSWERS.plain('buildctl github.com/moby/buildkit v0.29.1 abc'),
  });
  assert.equal(await findBuildkit(there.host), undefined, 'no runtime');
  await putPrograms(there.bin, { crun: ANSWERS.plain('crun version 1.8.1') });
  const runtime = async () => (await findBuildkit(there.host))?.runtime;
  assert.deepEqual([(await runtime())?.name, (await runtime())?.version], ['crun', '1.8.1']);
  await putPrograms(there.bin, { runc: ANSWERS.plain('runc version 1.1.5+ds1') });
  assert.deepEqual([(await runtime())?.name, (await runtime())?.version], ['runc', '1.1.5']);
  await putPrograms(there.bin, { 'buildkit-runc': ANSWERS.plain('runc version 1.3.0') });
  assert.deepEqual([(await runtime())?.name, (await runtime())?.version], ['buildkit-runc', '1.3.0']);
  const found = await findBuildkit(there.host);
  assert.deepEqual(
    [found?.buildkitd.version, found?.buildctl.version, found?.buildkitd.from],
    ['0.29.1', '0.29.1', 'path'],
  );
});

test('a broken program on PATH counts as not there', async () => {
  await using there = await machine();
  await putPrograms(there.bin, { uv: '--version) exit 3 ;;' });
  assert.equal(await findUv(there.host), undefined);
});

test('what was provisioned is recognised when it comes along on PATH, also by a link', async () => {
  await using there = await machine();
  const bin = join(keptDirectory(there.host, 'buildkit', 'go'), 'bin');
  await putPrograms(bin, { buildkitd: '*) exit 1 ;;', buildctl: '*) exit 1 ;;' });
  await putPrograms(there.bin, { runc: ANSWERS.plain('runc version 1.1.5') });
  for (const name of ['buildkitd', 'buildctl']) await symlink(join(bin, name), join(there.bin, name));
  const elsewhere = testHost({ env: { PATH: there.bin, LAYERWRIGHT_CACHE_DIR: '/nonexistent' } });
  if (process.platform !== 'linux') return;
  const found = await findBuildkit(elsewhere);
  assert.deepEqual([found?.buildkitd.version, found?.buildkitd.from], ['0.34.2', 'go']);
});

test('a platform without an engine is refused', () => {
  assert.deepEqual(systemOf('linux', 'arm64'), { os: 'linux', arch: 'arm64' });
  for (const [os, arch] of [
    ['win32', 'x64'],
    ['linux', 'riscv64'],
  ] as const)
    assert.throws(
      () => systemOf(os, arch),
      (error) =>
        error instanceof LayerwrightError && error.code === 'PLATFORM_UNSUPPORTED' && error.exit === 2,
    );
});
