import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { findBuildx, findUv } from '../../src/engine/find.ts';
import { engineDirectory, toolPlatform } from '../../src/engine/find-kept.ts';
import { firstWay, goWay, releaseWay } from '../../src/engine/provision.ts';
import { type ReleasedTool, releaseAsset } from '../../src/engine/releases.ts';
import { LayerwrightError, usageError } from '../../src/errors.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';
import { ANSWERS, program, putPrograms } from './programs.ts';

/** This package vouches for no file: what is tested is the list of the operator. */
const NO_SUMS = new Map<string, string>();
const BUILDX = program(ANSWERS.buildx('0.38.2'));

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

async function pathOf(tool: ReleasedTool): Promise<string> {
  const asset = releaseAsset(tool, await toolPlatform());
  assert.ok(asset, `${tool} has a release for the machine of the tests`);
  return asset.path;
}

/** A host that provisions into a fresh directory, from a mirror. */
function hostFor(directory: string, env: NodeJS.ProcessEnv) {
  return testHost({
    env: { PATH: process.env.PATH, HOME: directory, LAYERWRIGHT_CACHE_DIR: join(directory, 'cache'), ...env },
  });
}

const provisionBuildx = (host: ReturnType<typeof hostFor>) =>
  releaseWay(host, silentSteps, 'buildx', ['buildx'], NO_SUMS).get();

async function failure(work: Promise<unknown>): Promise<LayerwrightError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof LayerwrightError, String(error));
    return error;
  }
  assert.fail('should have failed');
}

/** Everything that provisioning left behind, lock files aside. */
async function kept(host: ReturnType<typeof hostFor>): Promise<string[]> {
  try {
    return await readdir(engineDirectory(host.env));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT');
    return [];
  }
}

test('a mirror in a directory, with SHA256SUMS at its root, provisions buildx', async () => {
  await using directory = await temporaryDirectory();
  const mirror = join(directory.path, 'mirror with space');
  const path = await pathOf('buildx');
  await mkdir(dirname(join(mirror, path)), { recursive: true });
  await writeFile(join(mirror, path), BUILDX);
  await writeFile(join(mirror, 'SHA256SUMS'), `${sha256(BUILDX)}  ${path}\n`);
  const host = hostFor(directory.path, { LAYERWRIGHT_DOWNLOAD_BASE: pathToFileURL(mirror).href });
  const bin = await provisionBuildx(host);
  assert.equal(await readFile(join(bin, 'buildx'), 'utf8'), BUILDX);
  const found = await findBuildx(testHost({ env: { ...host.env, PATH: '' } }));
  assert.deepEqual([found?.from, found?.version], ['release', '0.38.2']);
});

test('an archive is unpacked, whatever its top directory is called', async () => {
  await using directory = await temporaryDirectory();
  const path = await pathOf('uv');
  await putPrograms(join(directory.path, 'uv-some-target'), {
    uv: ANSWERS.plain('uv 0.13.9 (abc 2026-10-01)'),
  });
  const archive = join(directory.path, 'uv.tar.gz');
  const tar = await run(['tar', '-czf', archive, '-C', directory.path, 'uv-some-target']);
  assert.equal(tar.exitCode, 0, tar.stderr);
  const bytes = await readFile(archive);
  await using server = await httpServer((request, response) => {
    response.end(request.url === `/mirror/${path}` ? bytes : `${sha256(bytes)}  ${path.split('/').at(-1)}\n`);
  });
  const host = hostFor(directory.path, { LAYERWRIGHT_DOWNLOAD_BASE: `http://${server.address}/mirror` });
  await releaseWay(host, silentSteps, 'uv', ['uv'], NO_SUMS).get();
  assert.deepEqual(await kept(host), [
    (await toolPlatform()).os === 'linux' ? `uv-0.13.9-linux-${(await toolPlatform()).arch}-release` : '',
  ]);
  const found = await findUv(testHost({ env: { ...host.env, PATH: '' } }));
  assert.deepEqual([found?.from, found?.version], ['release', '0.13.9']);
});

test('without a known checksum nothing is downloaded', async () => {
  await using directory = await temporaryDirectory();
  await using server = await httpServer((_request, response) => {
    response.statusCode = 404;
    response.end();
  });
  const host = hostFor(directory.path, { LAYERWRIGHT_DOWNLOAD_BASE: `http://${server.address}` });
  const error = await failure(provisionBuildx(host));
  assert.deepEqual([error.code, error.exit], ['CHECKSUM_UNKNOWN', 2]);
  assert.deepEqual(server.requests, ['GET /SHA256SUMS']);

  const plain = hostFor(directory.path, {});
  const unreachable = testHost({ env: plain.env, fetch: () => assert.fail('must not download') });
  assert.equal((await failure(provisionBuildx(unreachable))).code, 'CHECKSUM_UNKNOWN');
});

test('a wrong checksum is an error, nothing is kept, and nothing else is tried', async () => {
  await using directory = await temporaryDirectory();
  await using server = await httpServer((_request, response) => void response.end('something else'));
  const sums = join(directory.path, 'sums');
  await writeFile(sums, `${sha256(BUILDX)}  ${await pathOf('buildx')}\n`);
  const host = hostFor(directory.path, {
    LAYERWRIGHT_DOWNLOAD_BASE: `http://${server.address}`,
    LAYERWRIGHT_DOWNLOAD_SHA256SUMS: sums,
  });
  const next = { name: 'next', get: () => assert.fail('must not be tried') };
  const way = releaseWay(host, silentSteps, 'buildx', ['buildx'], NO_SUMS);
  const error = await failure(firstWay(host, silentSteps, 'buildx', [way, next]));
  assert.deepEqual([error.code, error.exit], ['CHECKSUM_MISMATCH', 2]);
  assert.match(error.message, new RegExp(`${sha256('something else')}.*${sha256(BUILDX)}`));
  assert.deepEqual(await kept(host), []);
});

test('429, 503 and a broken connection are tried again', async () => {
  await using directory = await temporaryDirectory();
  let attempt = 0;
  await using server = await httpServer((_request, response) => {
    attempt += 1;
    if (attempt === 1) response.writeHead(429).end();
    else if (attempt === 2) {
      // Half a body, then the connection breaks.
      response.writeHead(200, { 'content-length': BUILDX.length });
      response.write(BUILDX.slice(0, 5), () => response.destroy());
    } else if (attempt === 3) response.writeHead(503).end();
    else response.end(BUILDX);
  });
  const sums = join(directory.path, 'sums');
  await writeFile(sums, `${sha256(BUILDX)}  ${await pathOf('buildx')}\n`);
  const host = hostFor(directory.path, {
    LAYERWRIGHT_DOWNLOAD_BASE: `http://${server.address}/`,
    LAYERWRIGHT_DOWNLOAD_SHA256SUMS: pathToFileURL(sums).href,
  });
  const bin = await provisionBuildx(host);
  assert.equal(await readFile(join(bin, 'buildx'), 'utf8'), BUILDX);
  assert.equal(server.requests.length, 4);
});

test('errors are told apart: not there, forbidden, unreachable, damaged lists, bad settings', async () => {
  await using directory = await temporaryDirectory();
  const sums = join(directory.path, 'sums');
  await writeFile(sums, `${sha256(BUILDX)}  ${await pathOf('buildx')}\n`);
  await writeFile(join(directory.path, 'damaged'), '<html>');
  await using server = await httpServer((request, response) => {
    response.writeHead(request.headers.authorization ? 403 : 404).end();
  });
  const closed = await closedAddress();
  const codeOf = async (base: string, list = sums) => {
    const host = hostFor(directory.path, {
      LAYERWRIGHT_DOWNLOAD_BASE: base,
      LAYERWRIGHT_DOWNLOAD_SHA256SUMS: list,
    });
    const error = await failure(provisionBuildx(host));
    assert.deepEqual(await kept(host), []);
    assert.doesNotMatch(error.message, /s3cret/);
    return [error.code, error.exit];
  };
  assert.deepEqual(await codeOf(`http://${server.address}`), ['RELEASE_NOT_THERE', 2]);
  assert.deepEqual(await codeOf(`http://me:s3cret@${server.address}`), ['DOWNLOAD_FAILED', 2]);
  assert.deepEqual(await codeOf(`http://${closed}`), ['DOWNLOAD_FAILED', 75]);
  assert.deepEqual(await codeOf('ftp://mirror'), ['DOWNLOAD_BASE_INVALID', 2]);
  assert.deepEqual(await codeOf(`http://${server.address}`, join(directory.path, 'damaged')), [
    'DOWNLOAD_SUMS_INVALID',
    2,
  ]);
  assert.deepEqual(await codeOf(`http://${server.address}`, join(directory.path, 'none')), [
    'DOWNLOAD_SUMS_INVALID',
    2,
  ]);
});

test('a release that does not run here is not kept', async () => {
  await using directory = await temporaryDirectory();
  const broken = '#!/bin/sh\necho "wrong C library" >&2\nexit 127\n';
  await using server = await httpServer((_request, response) => void response.end(broken));
  const sums = join(directory.path, 'sums');
  await writeFile(sums, `${sha256(broken)}  ${await pathOf('buildx')}\n`);
  const host = hostFor(directory.path, {
    LAYERWRIGHT_DOWNLOAD_BASE: `http://${server.address}`,
    LAYERWRIGHT_DOWNLOAD_SHA256SUMS: sums,
  });
  const error = await failure(provisionBuildx(host));
  assert.equal(error.code, 'PROGRAM_BROKEN');
  assert.match(error.message, /wrong C library/);
  assert.deepEqual(await kept(host), []);
});

test('two processes that provision at once download once', async () => {
  await using directory = await temporaryDirectory();
  await using server = await httpServer((_request, response) => {
    // Slow enough for the second process to come in between.
    setTimeout(() => response.end(BUILDX), 500);
  });
  const sums = join(directory.path, 'sums');
  await writeFile(sums, `${sha256(BUILDX)}  ${await pathOf('buildx')}\n`);
  const host = hostFor(directory.path, {
    LAYERWRIGHT_DOWNLOAD_BASE: `http://${server.address}`,
    LAYERWRIGHT_DOWNLOAD_SHA256SUMS: sums,
  });
  const script = join(import.meta.dirname, 'provision-buildx.ts');
  const results = await Promise.all(
    [1, 2].map(() => host.run([process.execPath, script], { env: host.env })),
  );
  for (const result of results) {
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stdout, /buildx-0\.38\.2-.*-release\/bin/);
  }
  assert.equal(server.requests.length, 1);
});

test('ways are tried in order, and all reasons are told if none works', async () => {
  const host = testHost();
  const refuses = (code: string, exit: 2 | 75) => ({
    name: code,
    get: async () => {
      throw new LayerwrightError(`no: ${code}`, { code, exit, hint: `Mend ${code}.` });
    },
  });
  const works = { name: 'works', get: async () => '/bin' };
  assert.equal(await firstWay(host, silentSteps, 'x', [refuses('A', 2), works]), '/bin');
  const lasting = await failure(firstWay(host, silentSteps, 'x', [refuses('A', 2), refuses('B', 2)]));
  assert.deepEqual([lasting.code, lasting.exit], ['ENGINE_UNAVAILABLE', 2]);
  assert.match(lasting.message, /no: A; no: B/);
  assert.equal(lasting.hint, 'Mend A. Mend B.');
  const passing = await failure(firstWay(host, silentSteps, 'x', [refuses('A', 2), refuses('B', 75)]));
  assert.equal(passing.exit, 75);
  const bug = { name: 'bug', get: () => Promise.reject(new TypeError('bug')) };
  await assert.rejects(firstWay(host, silentSteps, 'x', [bug, works]), TypeError);
  const wrong = { name: 'sum', get: () => Promise.reject(usageError('CHECKSUM_MISMATCH', 'wrong')) };
  assert.equal((await failure(firstWay(host, silentSteps, 'x', [wrong, works]))).code, 'CHECKSUM_MISMATCH');
});

test('without Go the Go build says what to install', async () => {
  await using directory = await temporaryDirectory();
  const host = hostFor(directory.path, { PATH: '' });
  const error = await failure(goWay(host, silentSteps, 'buildx', ['x']).get());
  assert.deepEqual([error.code, error.exit], ['GO_MISSING', 2]);
  assert.deepEqual(await kept(host), []);
});
