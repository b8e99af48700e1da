import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineStatus, engineStop } from '../../src/commands/engine.ts';
import { answers, type Buildkitd, startBuildkitd, stopBuildkitd } from '../../src/engine/buildkitd.ts';
import { buildkitdConfig } from '../../src/engine/buildkitd-config.ts';
import { mountPointsBelow } from '../../src/engine/buildkitd-mounts.ts';
import { acquireBuildkitd, sharedBuildkitdStatus } from '../../src/engine/buildkitd-shared.ts';
import type { BuildkitTools } from '../../src/engine/find.ts';
import { ensureBuildkit } from '../../src/engine/install.ts';
import { provisionRunc } from '../../src/engine/runc.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { isRunning } from '../../src/host/daemon.ts';
import { kindOf, temporaryDirectory } from '../../src/host/files.ts';
import { processHost } from '../../src/host/host.ts';
import { plainSteps } from '../../src/host/steps.ts';

const host = processHost(new AbortController().signal);
let tools: BuildkitTools;
before(async () => {
  tools = await ensureBuildkit(host, plainSteps(host));
});

/** Runs `RUN buildctl ARGS` in a build from scratch: buildctl is static, so no base image is needed. */
async function buildStep(directory: string, address: string, args: readonly string[]) {
  const context = join(directory, 'context');
  await mkdir(context, { recursive: true });
  await copyFile(tools.buildctl.path, join(context, 'buildctl'));
  await writeFile(
    join(context, 'Dockerfile'),
    `FROM scratch\nCOPY buildctl /\nRUN ${JSON.stringify(['/buildctl', ...args])}\n`,
  );
  const local = ['context', 'dockerfile'].flatMap((name) => ['--local', `${name}=${context}`]);
  return await host.run([
    ...[tools.buildctl.path, '--addr', address, 'build', '--progress=plain'],
    ...['--frontend=dockerfile.v0', ...local],
  ]);
}

function optionsIn(directory: string, configToml = buildkitdConfig()) {
  return {
    tools,
    root: join(directory, 'root'),
    socket: join(directory, 'b.sock'),
    configToml,
    logFile: join(directory, 'log'),
  };
}

async function assertGone(daemon: Buildkitd): Promise<void> {
  assert.equal(isRunning(daemon), false);
  assert.deepEqual(await mountPointsBelow(daemon.root), []);
  assert.equal(await kindOf(daemon.socket), undefined);
}

/** Command lines of all processes that name this directory. */
async function processesNaming(directory: string): Promise<string[]> {
  const result = await host.run(['ps', '-eo', 'args']);
  return result.stdout.split('\n').filter((line) => line.includes(directory));
}

test('a buildkitd starts, runs a step, and leaves nothing behind', async () => {
  await using directory = await temporaryDirectory();
  const daemon = await startBuildkitd(host, optionsIn(directory.path));
  try {
    assert.equal(await answers(host, tools, daemon.address), true);
    const result = await buildStep(directory.path, daemon.address, ['--version']);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stderr, /buildctl github.com\/moby\/buildkit/);
    const environment = await readFile(`/proc/${daemon.pid}/environ`, 'utf8');
    assert.doesNotMatch(environment, /AWS_|TOKEN|SECRET|PASSWORD/i);
  } finally {
    await stopBuildkitd(host, daemon);
  }
  await assertGone(daemon);
  assert.deepEqual(await processesNaming(directory.path), []);
  // Stopping twice does no harm.
  await stopBuildkitd(host, daemon);
  assert.equal(await answers(host, tools, daemon.address), false);
});

test('the runc that we compile starts the containers of a build', async () => {
  await using directory = await temporaryDirectory();
  const runtime = await provisionRunc(host, plainSteps(host));
  const options = { ...optionsIn(directory.path), tools: { ...tools, runtime } };
  const daemon = await startBuildkitd(host, options);
  try {
    const result = await buildStep(directory.path, daemon.address, ['--version']);
    assert.equal(result.exitCode, 0, result.stderr);
  } finally {
    await stopBuildkitd(host, daemon);
  }
  await assertGone(daemon);
});

test('two daemons run side by side', async () => {
  await using directory = await temporaryDirectory();
  const daemons = await Promise.all(
    ['one', 'two'].map((name) => startBuildkitd(host, optionsIn(join(directory.path, name)))),
  );
  await Promise.all(daemons.map((daemon) => stopBuildkitd(host, daemon)));
  for (const daemon of daemons) await assertGone(daemon);
});

test('a configuration that BuildKit refuses is told with its own words', async () => {
  await using directory = await temporaryDirectory();
  await assert.rejects(startBuildkitd(host, optionsIn(directory.path, 'no such = toml')), (error) => {
    assert.ok(error instanceof LayerwrightError);
    assert.deepEqual([error.code, error.exit], ['BUILDKITD_FAILED', 2]);
    assert.match(error.message, /toml/);
    assert.match(error.hint ?? '', /log/);
    return true;
  });
  assert.deepEqual(await processesNaming(directory.path), []);
});

test('an interruption while starting leaves nothing running', async () => {
  await using directory = await temporaryDirectory();
  const controller = new AbortController();
  const interrupted = new Error('interrupted');
  const starting = startBuildkitd(processHost(controller.signal), optionsIn(directory.path));
  setTimeout(() => controller.abort(interrupted), 40);
  await assert.rejects(starting);
  assert.deepEqual(await processesNaming(directory.path), []);
});

test('after kill -9 in the middle of a step a new one starts on the same root', async () => {
  await using directory = await temporaryDirectory();
  const first = await startBuildkitd(host, optionsIn(directory.path));
  // A step that waits for a socket which never comes.
  const waiting = ['--wait', '--timeout', '600', '--addr', 'unix:///never.sock', 'debug', 'workers'];
  const building = buildStep(directory.path, first.address, waiting);
  const stepRuns = async () =>
    (await host.run(['ps', '-eo', 'args'])).stdout.includes(`/buildctl ${waiting.join(' ')}`);
  while (!(await stepRuns())) await sleep(50);
  process.kill(first.pid, 'SIGKILL');
  assert.notEqual((await building).exitCode, 0);
  assert.notDeepEqual(await mountPointsBelow(first.root), [], 'the crash leaves the mounts of the step');

  const second = await startBuildkitd(host, optionsIn(directory.path));
  try {
    assert.equal(await stepRuns(), false, 'the step of the crashed daemon is ended');
    const result = await buildStep(directory.path, second.address, ['--version']);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stderr, /COPY buildctl \/\n#\d+ CACHED/);
  } finally {
    await stopBuildkitd(host, second);
  }
  await assertGone(second);
});

/** A build in another process; resolves once it has joined. */
async function otherBuild(env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; started: boolean }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'builder-process.ts')], {
    env: { ...env, PATH: [dirname(tools.buildkitd.path), dirname(tools.runtime.path), env.PATH].join(':') },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, started: (JSON.parse(line) as { started: boolean }).started };
  }
  throw new Error('the other build ended without joining');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** A cache directory of its own, so that a builder of the user is left alone; stopped whatever happens. */
async function ownCache() {
  const directory = await temporaryDirectory();
  const own = { ...host, env: { ...host.env, LAYERWRIGHT_CACHE_DIR: directory.path } };
  return {
    host: own,
    async [Symbol.asyncDispose]() {
      await engineStop(own, { force: true });
      await directory[Symbol.asyncDispose]();
    },
  };
}

test('concurrent builds share one buildkitd, and the last one out stops it', async () => {
  await using own = await ownCache();
  const builds = await Promise.all([1, 2, 3].map(() => otherBuild(own.host.env)));
  assert.deepEqual(builds.map(({ started }) => started).sort(), [false, false, true]);
  const status = await sharedBuildkitdStatus(own.host);
  assert.equal(status.running, true);
  assert.deepEqual(
    [...status.users].sort(),
    builds.map(({ child }) => child.pid ?? 0).sort((a, b) => String(a).localeCompare(String(b))),
  );
  await assert.rejects(
    engineStop(own.host),
    (error) => error instanceof LayerwrightError && error.code === 'BUILDKITD_BUSY' && error.exit === 2,
  );

  for (const [index, { child }] of builds.entries()) {
    assert.equal((await sharedBuildkitdStatus(own.host)).users.length, 3 - index);
    child.stdin?.end();
    await ended(child);
    assert.equal(child.exitCode, 0);
  }
  assert.deepEqual(
    [(await sharedBuildkitdStatus(own.host)).running, await mountPointsBelow(status.root)],
    [false, []],
  );
});

test('builds that were killed do not hold the daemon, engine stop ends what they left', async () => {
  await using own = await ownCache();
  const { child } = await otherBuild(own.host.env);
  child.kill('SIGKILL');
  await ended(child);
  const leftover = await sharedBuildkitdStatus(own.host);
  assert.deepEqual([leftover.running, leftover.users], [true, []]);

  const joined = await acquireBuildkitd(own.host, tools);
  assert.equal(joined.started, false, 'a socket that answers is used');
  await joined.release();
  await joined.release();
  assert.equal((await sharedBuildkitdStatus(own.host)).running, false);

  const again = await otherBuild(own.host.env);
  again.child.kill('SIGKILL');
  await ended(again.child);
  const stopped = await engineStop(own.host);
  assert.equal(stopped.record.stopped, true);
  assert.match(stopped.text, /Stopped buildkitd/);
  assert.equal((await engineStop(own.host)).record.stopped, false);
});

test('a daemon that was killed is replaced', async () => {
  await using own = await ownCache();
  const first = await acquireBuildkitd(own.host, tools);
  process.kill((await sharedBuildkitdStatus(own.host)).pid ?? 0, 'SIGKILL');
  while ((await sharedBuildkitdStatus(own.host)).running) await sleep(20);
  assert.equal(await kindOf(first.socket), 'other', 'its socket is still there');
  const second = await acquireBuildkitd(own.host, tools);
  assert.equal(second.started, true);
  assert.equal(await answers(own.host, tools, second.address), true);
  await first.release();
  assert.equal((await sharedBuildkitdStatus(own.host)).running, true, 'the second build still uses it');
  await second.release();
  assert.equal((await sharedBuildkitdStatus(own.host)).running, false);
});

test('another configuration waits for nobody if nobody builds, and breaks off no build', async () => {
  await using own = await ownCache();
  await using directory = await temporaryDirectory();
  const config = join(directory.path, 'buildkitd.toml');
  await writeFile(config, buildkitdConfig({ registries: [{ host: 'registry.example', http: true }] }));
  const other = { ...own.host, env: { ...own.host.env, LAYERWRIGHT_BUILDKITD_CONFIG: config } };
  const first = await acquireBuildkitd(own.host, tools);
  await assert.rejects(
    acquireBuildkitd(other, tools),
    (error) => error instanceof LayerwrightError && error.code === 'BUILDKITD_BUSY' && error.exit === 75,
  );
  await first.release();
  const second = await acquireBuildkitd(other, tools);
  assert.equal(second.started, true);
  await second.release();
  await rm(config);
  await assert.rejects(
    acquireBuildkitd(other, tools),
    (error) => error instanceof LayerwrightError && error.code === 'BUILDKITD_CONFIG_MISSING',
  );
});

test('engine status tells where each tool comes from and whether the daemon runs', async () => {
  await using own = await ownCache();
  const bin = [dirname(tools.buildkitd.path), dirname(tools.runtime.path)].join(':');
  const env = { ...own.host.env, PATH: `${bin}:/usr/bin:/bin`, BUILDX_BUILDER: undefined };
  const bare = { ...own.host, env };
  const daemon = await acquireBuildkitd(bare, tools);
  const { record, text } = await engineStatus(bare);
  await daemon.release();
  assert.equal(record.schemaVersion, 1);
  assert.ok(record.tools.some(({ name, path }) => name === 'buildkitd' && path === tools.buildkitd.path));
  assert.deepEqual([record.daemon.running, record.daemon.users], [true, [process.pid]]);
  assert.match(text, /buildkitd runs \(process \d+\).*used by 1 build\n/);
  assert.deepEqual(JSON.parse(JSON.stringify(record)), record, 'plain data');
});
