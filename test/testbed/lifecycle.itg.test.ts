import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../src/host/exec.ts';
import { kindOf, temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { readState } from '../../testbed/state.ts';
import { openTestbed, startTestbed, stopTestbed } from '../../testbed/testbed.ts';
import { testHost } from '../support/host.ts';
import { buildText, inTestbed, leftovers } from './support.ts';

const host = testHost();
const cli = (...args: string[]) => [
  process.execPath,
  join(import.meta.dirname, '../../testbed/cli.ts'),
  ...args,
];

test('two testbeds at once, and one ends without the other', async () => {
  await using one = await temporaryDirectory('lw-one-');
  await using other = await temporaryDirectory('lw-other-');
  const start = (dir: string) =>
    startTestbed(host, { dir, parts: ['registry', 's3', 'builder'] }, silentSteps);
  const [first, second] = await Promise.all([start(one.path), start(other.path)]);
  try {
    assert.notEqual(first.env.LW_REGISTRY, second.env.LW_REGISTRY);
    await buildText(second, 'FROM scratch\nLABEL a=b\n', [
      '--push',
      '-t',
      `${second.env.LW_REGISTRY}/only-here:1`,
    ]);
    const tags = (testbed: typeof first) => fetch(`http://${testbed.env.LW_REGISTRY}/v2/only-here/tags/list`);
    assert.equal((await tags(first)).status, 404);
    await first.stop();
    assert.deepEqual(await leftovers(one.path), []);
    assert.equal((await tags(second)).status, 200);
  } finally {
    await first.stop();
    await second.stop();
  }
  assert.deepEqual(await leftovers(other.path), []);
  assert.deepEqual(await readdir(other.path), []);
});

test('down after its parts were killed in the middle of a build leaves no process and no mount', async () => {
  await using directory = await temporaryDirectory('lw-killed-');
  const parts = ['registry', 'images', 'builder'] as const;
  const testbed = await startTestbed(host, { dir: directory.path, parts }, silentSteps);
  const build = buildText(testbed, 'FROM python:3.11-slim\nRUN echo started && sleep 300\n').catch(String);
  await until(async () =>
    (await leftovers(directory.path)).some(
      (line) => line.includes('/builder/') && !line.includes('buildkitd'),
    ),
  );
  const state = await readState(testbed.dir);
  assert.ok(state?.builders.builder?.daemon);
  for (const { pid } of [...state.services, state.builders.builder.daemon]) process.kill(pid, 'SIGKILL');
  assert.match(await build, /failed/);
  await stopTestbed(host, testbed.dir, silentSteps);
  assert.deepEqual(await leftovers(testbed.dir), []);
  assert.deepEqual(await readdir(testbed.dir), []);
});

test('up that was killed half way is cleared away by the next one, which is then not disturbed by a third', async () => {
  await using directory = await temporaryDirectory('lw-half-');
  const up = cli('up', '--parts', 'registry,s3,aws,builder', '--dir', directory.path);
  const [file = '', ...args] = up;
  const killed = spawn(file, args, { stdio: 'ignore' });
  await until(async () => ((await readState(directory.path))?.services.length ?? 0) > 0);
  killed.kill('SIGKILL');
  await once(killed, 'close');
  assert.notDeepEqual(await leftovers(directory.path), []);
  await assert.rejects(openTestbed(host, directory.path, silentSteps), { code: 'TESTBED_MISSING' });

  const second = await run(up);
  assert.equal(second.exitCode, 0, second.stderr);
  assert.equal(second.stdout, '', 'stdout is for data');
  const env = await readFile(join(directory.path, 'env'), 'utf8');
  const third = await run(up);
  assert.equal(third.exitCode, 2);
  assert.match(third.stderr, /TESTBED_UP/);
  assert.equal(await readFile(join(directory.path, 'env'), 'utf8'), env);

  const down = await run(cli('down', '--dir', directory.path));
  assert.equal(down.exitCode, 0, down.stderr);
  assert.deepEqual(await leftovers(directory.path), []);
  assert.equal(
    (await run(cli('down', '--dir', directory.path))).exitCode,
    0,
    'a second down finds nothing to do',
  );
});

test('an interrupted up ends what it started, and says 130', async () => {
  await using directory = await temporaryDirectory('lw-interrupted-');
  const [file = '', ...args] = cli('up', '--parts', 'registry,s3,aws,builder', '--dir', directory.path);
  const child = spawn(file, args, { stdio: 'ignore' });
  await until(async () => ((await readState(directory.path))?.services.length ?? 0) > 0);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [130, null]);
  assert.deepEqual(await leftovers(directory.path), []);
  assert.equal(await kindOf(join(directory.path, 'env')), undefined);
});

test('a directory with files of somebody else keeps them', async () => {
  await using directory = await temporaryDirectory('lw-mixed-');
  const testbed = await startTestbed(host, { dir: directory.path, parts: ['builder'] }, silentSteps);
  await inTestbed(testbed, ['sh', '-c', 'echo mine > "$0/mine"', directory.path]);
  await testbed.stop();
  assert.deepEqual(await readdir(directory.path), ['mine']);
});

test('a wrong part is told at once', async () => {
  const result = await run(cli('up', '--parts', 'registry,moon', '--dir', '/nowhere'));
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /"moon" is none of registry, s3, aws, downloads, images, builder, docker/);
  assert.equal(await kindOf('/nowhere'), undefined);
});

/** Waits until something is so; a minute at most. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (await isSo()) return;
    await sleep(50);
  }
  assert.fail('it did not come so within a minute');
}
