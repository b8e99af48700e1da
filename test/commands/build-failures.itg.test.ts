import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBuildkitd, stopBuildkitd } from '../../src/engine/buildkitd.ts';
import { buildkitdConfig } from '../../src/engine/buildkitd-config.ts';
import { ensureBuildkit } from '../../src/engine/install.ts';
import { type RunResult, run } from '../../src/host/exec.ts';
import { findOnPath, temporaryDirectory } from '../../src/host/files.ts';
import { plainSteps } from '../../src/host/steps.ts';
import { testHost } from '../support/host.ts';
import { closedAddress } from '../support/http-server.ts';
import { type Fault, registryProxy } from '../support/registry-proxy.ts';
import { built, LAUNCHER, layerwright, projectOf, SERVICE, testbedVariable } from './launch.ts';

const registry = testbedVariable('LW_REGISTRY');
const own = `run-${randomUUID().slice(0, 8)}`;
const service = await projectOf(SERVICE);
const tiny = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
after(async () => {
  await service[Symbol.asyncDispose]();
  await tiny[Symbol.asyncDispose]();
});

/** The error as a user sees it, and as a program reads it. */
function assertRefused(result: RunResult, exit: number, code: string, ...said: readonly RegExp[]): void {
  assert.equal(result.exitCode, exit, `${result.stdout}${result.stderr}`);
  assert.match(result.stderr, new RegExp(`^error: .*\\[${code}\\]$`, 'm'));
  for (const pattern of said) assert.match(result.stderr, pattern);
  assert.doesNotMatch(result.stderr, /internal error|\n {4}at /, 'no stack');
}

async function refused(
  args: readonly string[],
  ...expected: [number, string, ...RegExp[]]
): Promise<RunResult> {
  const result = await layerwright(['build', ...args]);
  assertRefused(result, ...expected);
  return result;
}

test('no Dockerfile', async () => {
  await using empty = await projectOf({ 'Dockerfile.prod': 'FROM scratch\n' });
  await refused([empty.path], 2, 'NO_DOCKERFILE', /^hint: There is Dockerfile\.prod: name it with -f /m);
});

test('a Dockerfile that does not parse: file, line and what was expected', async () => {
  await using wrong = await projectOf({ Dockerfile: 'FROM scratch\n\nCOPPY . .\n' });
  const result = await layerwright(['build', '.'], { cwd: wrong.path });
  assertRefused(
    result,
    1,
    'DOCKERFILE_INVALID',
    /^error: Dockerfile:3: unknown instruction COPPY \(did you mean COPY\?\); expected one of/m,
  );
  // What only BuildKit can know is told in its words, with its excerpt of the file.
  await using flags = await projectOf({ Dockerfile: 'FROM scratch\nCOPY --form=x . .\n' });
  await refused([flags.path], 1, 'DOCKERFILE_INVALID', /unknown flag: --form/i, />>> COPY --form=x/);
});

test('unknown stage', async () => {
  await refused(
    ['--target', 'finale', service.path],
    1,
    'STAGE_UNKNOWN',
    /Stages: base, dependencies, final\. Did you mean final\?/,
  );
});

test('no context', async () => {
  await refused([join(service.path, 'nowhere')], 2, 'NO_CONTEXT', /no build context at/);
  await refused([join(service.path, 'app.py')], 2, 'NO_CONTEXT', /is no directory/);
});

test('a tag that is no reference', async () => {
  await refused(
    ['-t', 'Registry.example/UPPER:1', tiny.path],
    2,
    'BAD_REFERENCE',
    /Repository names are lower case/,
  );
  await refused(
    ['-t', `${registry}/x:{commit}`, tiny.path],
    2,
    'TAG_PLACEHOLDER_UNKNOWN',
    /Known: \{sha\}, \{branch\}, \{date\}/,
  );
});

test('a flag that is not known, with --json too', async () => {
  const result = await layerwright(['build', '--puhs', '.']);
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /unknown option '--puhs'\n\(Did you mean --push\?\)/);
  const json = await layerwright(['build', '--json', join(service.path, 'nowhere')]);
  const { outcome, error } = JSON.parse(json.stdout) as { outcome: string; error: Record<string, unknown> };
  assert.deepEqual([outcome, error.code, error.temporary], ['failed', 'NO_CONTEXT', false]);
});

test('a registry that is not there', async () => {
  const result = await refused(
    ['--push', '-t', `${await closedAddress()}/x:1`, tiny.path],
    75,
    'UNREACHABLE',
    /connection refused/,
  );
  assert.doesNotMatch(result.stderr, /COPY Dockerfile/, 'found out before anything is built');
});

/** Builds and pushes through a registry that fails as told. */
async function pushThrough(fault: (method: string, path: string) => Fault | undefined) {
  await using proxy = await registryProxy(registry, fault);
  // A manifest that is there already is not pushed again.
  const reference = `${proxy.address}/${own}/faulty-${randomUUID().slice(0, 8)}:1`;
  const result = await layerwright(['build', '--push', '-t', reference, '--json', tiny.path]);
  return { result, requests: [...proxy.requests] };
}

const isUpload = (method: string, path: string) => method === 'POST' && path.includes('/blobs/uploads/');
const isTag = (method: string, path: string) => method === 'PUT' && path.endsWith('/manifests/1');

test('push without permission, and without login', async () => {
  const denied = await pushThrough((method, path) =>
    isUpload(method, path)
      ? { status: 403, code: 'DENIED', message: 'requested access is denied' }
      : undefined,
  );
  assertRefused(
    denied.result,
    2,
    'REGISTRY_DENIED',
    /requested access is denied/,
    /^hint: Log in with: docker login 127\.0\.0\.1:\d+$/m,
  );
  const withLogin = testbedVariable('LW_REGISTRY_AUTH');
  await refused(
    ['--push', '-t', `${withLogin}/${own}/x:1`, tiny.path],
    2,
    'REGISTRY_DENIED',
    /HTTP 401/,
    /docker login/,
  );
});

for (const status of [429, 500]) {
  test(`a registry that answers ${status} is asked again, and then given up`, async () => {
    const { result, requests } = await pushThrough((method, path) =>
      isUpload(method, path) ? { status, code: 'TOOMANYREQUESTS' } : undefined,
    );
    assertRefused(result, 75, 'REGISTRY_TEMPORARY', new RegExp(`HTTP ${status}`));
    assert.ok(requests.filter((line) => line.startsWith('POST ')).length >= 3, requests.join('\n'));
    const { error } = JSON.parse(result.stdout) as { error: { temporary: boolean } };
    assert.equal(error.temporary, true);
  });

  test(`a registry that answers ${status} for a moment only does not fail the build`, async () => {
    let left = 2;
    const { result, requests } = await pushThrough((method, path) =>
      isUpload(method, path) && left-- > 0 ? { status, code: 'TOOMANYREQUESTS' } : undefined,
    );
    assert.equal(result.exitCode, 0, result.stderr);
    assert.ok(requests.some((line) => line.startsWith('PUT ') && line.endsWith('/manifests/1')));
  });
}

test('a registry that fails in the middle of the push is tried again', async () => {
  let left = 1;
  const { result } = await pushThrough((method, path) =>
    isTag(method, path) && left-- > 0 ? { status: 503, code: 'UNAVAILABLE' } : undefined,
  );
  assert.equal(result.exitCode, 0, result.stderr);
});

test('a repository that does not exist', async () => {
  const { result } = await pushThrough((_method, path) =>
    path.includes('/faulty-')
      ? {
          status: 404,
          code: 'NAME_UNKNOWN',
          message: "The repository with name 'faulty' does not exist in the registry",
        }
      : undefined,
  );
  assertRefused(
    result,
    2,
    'REPOSITORY_UNKNOWN',
    /does not exist in the registry/,
    /^hint: Create the repository first/m,
  );
});

test('a repository whose tags cannot be moved', async () => {
  const { result } = await pushThrough((method, path) =>
    isTag(method, path)
      ? {
          status: 400,
          code: 'TAG_INVALID',
          message:
            "The image tag '1' already exists in the 'faulty' repository and cannot be overwritten because the tag is immutable.",
        }
      : undefined,
  );
  assertRefused(result, 2, 'TAG_IMMUTABLE', /^hint: .*\{sha\}.*--cache-repo/m);
});

test('no builder and none to be had', async () => {
  await refused(
    ['--builder', 'nobody', tiny.path],
    2,
    'NO_BUILDER',
    /no builder is called "nobody"/,
    /^hint: .*buildx ls/m,
  );
  await using bare = await temporaryDirectory();
  const node = await findOnPath('node', process.env);
  assert.ok(node);
  await mkdir(join(bare.path, 'bin'));
  await symlink(process.execPath, join(bare.path, 'bin', 'node'));
  const env = {
    PATH: join(bare.path, 'bin'),
    DOCKER_CONFIG: join(bare.path, 'docker'),
    BUILDX_BUILDER: undefined,
    BUILDX_CONFIG: undefined,
    DOCKER_HOST: undefined,
    LAYERWRIGHT_CACHE_DIR: join(bare.path, 'cache'),
    LAYERWRIGHT_DOWNLOAD_BASE: `http://${await closedAddress()}`,
  };
  const result = await layerwright(['build', tiny.path], { env });
  assertRefused(
    result,
    75,
    'ENGINE_UNAVAILABLE',
    /buildx is not there and cannot be provisioned/,
    /no Go toolchain on PATH/,
    /^hint: .*Docker with buildx/m,
  );
});

test('a step that fails: its output, its place, exit 1', async () => {
  await using failing = await projectOf({
    Dockerfile: 'FROM python:3.11-slim\nRUN echo "no space left for jokes: 401 Unauthorized" && exit 3\n',
  });
  await refused([failing.path], 1, 'RUN_FAILED', /exit code: 3/, /no space left for jokes/, /Dockerfile:2/);
});

test('a file that is not in the context, and an image that is not in the registry', async () => {
  await using missing = await projectOf({ Dockerfile: 'FROM scratch\nCOPY nowhere /\n' });
  await refused([missing.path], 1, 'CONTEXT_FILE_MISSING', /\/nowhere is not in the build context/);
  await using unknown = await projectOf({ Dockerfile: `FROM ${registry}/no/such:image\n` });
  await refused([unknown.path], 1, 'IMAGE_UNKNOWN', /No image .*no\/such:image in that registry/);
});

test('--load without a Docker', async () => {
  const gone = { DOCKER_HOST: 'unix:///nowhere.sock' };
  const result = await layerwright(['build', '--load', '-t', 'tiny:1', tiny.path], { env: gone });
  assertRefused(result, 2, 'NO_BUILDER', /docker/i);
});

test('a full disk in the builder', async () => {
  const host = testHost();
  const tools = await ensureBuildkit(host, plainSteps(host));
  await using directory = await temporaryDirectory('lw-full-');
  const root = join(directory.path, 'root');
  await mkdir(root);
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', root]);
  assert.equal(mounted.exitCode, 0, mounted.stderr);
  try {
    const daemon = await startBuildkitd(host, {
      tools,
      root,
      socket: join(directory.path, 'b.sock'),
      configToml: buildkitdConfig(),
      logFile: join(directory.path, 'log'),
    });
    try {
      const env = { BUILDX_CONFIG: join(directory.path, 'buildx') };
      await using big = await projectOf({ Dockerfile: 'FROM scratch\nCOPY big /\n' });
      await writeFile(join(big.path, 'big'), Buffer.alloc(60_000_000, 1));
      const create = ['buildx', 'create', '--name', 'full', '--driver', 'remote', daemon.address];
      assert.equal((await run(create, { env: { ...process.env, ...env } })).exitCode, 0);
      const result = await layerwright(['build', '--builder', 'full', big.path], { env });
      assertRefused(result, 75, 'DISK_FULL', /no space left on device/, /^hint: .*prune/m);
    } finally {
      await stopBuildkitd(host, daemon);
    }
  } finally {
    await run(['umount', '--lazy', root]);
  }
});

test('Ctrl-C in the middle: 130, nothing is left running, and the next build works', async () => {
  const marker = `sleep ${300 + Math.floor(Math.random() * 1_000_000) / 1_000_000}`;
  await using slow = await projectOf({ Dockerfile: `FROM python:3.11-slim\nRUN ${marker}\n` });
  const running = async () =>
    (await run(['ps', '-eo', 'args'])).stdout.split('\n').filter((line) => line.includes(marker));
  const controller = new AbortController();
  const building = interruptible(['build', '--json', slow.path], controller.signal);
  while ((await running()).length === 0) await sleep(50);
  controller.abort();
  const result = await building;
  assert.equal(result.exitCode, 130, result.stderr);
  assert.match(result.stderr, /^interrupted$/m);
  assert.equal((JSON.parse(result.stdout) as { outcome: string }).outcome, 'interrupted');
  for (let tries = 0; (await running()).length > 0 && tries < 100; tries++) await sleep(50);
  assert.deepEqual(await running(), []);
  const again = await built([tiny.path]);
  assert.equal(again.outcome, 'built');
});

/** Runs the command and, on abort, sends it what a terminal sends at Ctrl-C; unlike `run`, tells how it ended. */
async function interruptible(args: readonly string[], signal: AbortSignal): Promise<RunResult> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    said.stdout += String(text);
  });
  child.stderr.on('data', (text) => {
    said.stderr += String(text);
  });
  signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
  const [code] = (await once(child, 'close')) as [number | null];
  return { exitCode: code ?? -1, ...said };
}
