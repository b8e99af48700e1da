import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { run } from '../src/host/exec.ts';
import { temporaryDirectory } from '../src/host/files.ts';
import { makeDependencyLayer } from '../src/layers/dependency-layer.ts';
import type { MadeLayer } from '../src/layers/layer.ts';
import { makeAuthority } from './support/certificates.ts';
import { closedAddress } from './support/http-server.ts';
import { layerRequest, writeWheel } from './support/wheel.ts';

const root = join(import.meta.dirname, '..');
const MAX_BYTES = 5_000_000;

/** What `npm pack` makes, and an empty folder that it was installed into, with neither network nor install scripts. */
let archive: string;
let folder: string;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  directory = await temporaryDirectory('lw-package-');
  folder = directory.path;
  await ok(['npm', 'pack', '--pack-destination', folder], root);
  const [name = ''] = (await readdir(folder)).filter((entry) => entry.endsWith('.tgz'));
  archive = join(folder, name);
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  await ok(['npm', 'install', '--offline', '--ignore-scripts', archive], folder);
});

after(() => directory[Symbol.asyncDispose]());

async function ok(command: readonly string[], cwd: string): Promise<string> {
  const result = await run(command, { cwd, env: process.env });
  assert.equal(result.exitCode, 0, `${command.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

function installed(...args: string[]): Promise<string> {
  return ok([process.execPath, join(folder, 'node_modules', '.bin', 'layerwright'), ...args], folder);
}

test('the package is small and has no sources, tests or install scripts', async () => {
  const { size } = await stat(archive);
  assert.ok(size <= MAX_BYTES, `${size} bytes`);
  const members = (await ok(['tar', '-tzf', archive], root)).trimEnd().split('\n');
  assert.deepEqual(
    members.filter((member) => /^package\/(?:src|test|testbed|demo|examples|scripts|tools)\//.test(member)),
    [],
  );
  const manifest = JSON.parse(await ok(['tar', '-xzOf', archive, 'package/package.json'], root)) as {
    scripts: Record<string, string>;
    dependencies?: object;
  };
  assert.deepEqual(
    Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)?install$/.test(name)),
    [],
  );
  assert.equal(manifest.dependencies, undefined, 'all is bundled');
});

test('it runs in an empty folder, with the pinned modules of the engine beside it', async () => {
  const version = (await installed('--version')).trim();
  const { default: manifest } = await import('../package.json', { with: { type: 'json' } });
  assert.equal(version, manifest.version);
  const status = JSON.parse(await installed('engine', 'status', '--json')) as { schemaVersion: number };
  assert.equal(status.schemaVersion, 1);
  for (const module of ['go', 'go-runc'])
    await stat(join(folder, 'node_modules', 'layerwright', 'dist', module, 'go.sum'));
});

test('it is a typed library', async () => {
  await writeFile(
    join(folder, 'use.mts'),
    [
      "import { type BuildResult, build, EXIT, processHost, toBuildRequest } from 'layerwright';",
      'const host = processHost(new AbortController().signal);',
      "const request = toBuildRequest(host.env, '.', { tag: ['registry.example/app:1'] });",
      'export const result: Promise<BuildResult> = build(host, request);',
      '// @ts-expect-error exit codes are numbers',
      'export const code: string = EXIT.usage;',
      '',
    ].join('\n'),
  );
  await typeChecked('use.mts');
});

async function typeChecked(file: string): Promise<void> {
  await ok(
    [
      ...[process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc')],
      ...['--noEmit', '--strict', '--target', 'es2024', '--lib', 'es2024,esnext.disposable'],
      ...[
        '--module',
        'nodenext',
        '--types',
        'node',
        '--typeRoots',
        join(root, 'node_modules', '@types'),
        file,
      ],
    ],
    folder,
  );
}

test('it has a registry for the tests of others, typed and running', async () => {
  await writeFile(
    join(folder, 'registry.test.mts'),
    [
      "import assert from 'node:assert/strict';",
      "import { test } from 'node:test';",
      "import { type Fault, startRegistry } from 'layerwright/testing';",
      "test('it answers', async () => {",
      '  const faults: Fault[] = [{ when: { nth: 2 }, effect: { status: 503 } }];',
      '  await using registry = await startRegistry({ faults });',
      '  const get = async () => (await fetch(`http://${registry.address}/v2/`)).status;',
      '  assert.deepEqual([await get(), await get()], [200, 503]);',
      '  // @ts-expect-error a status is a number',
      '  const status: string | undefined = registry.requests[0]?.status;',
      '  assert.equal(status, 200);',
      '});',
      '',
    ].join('\n'),
  );
  await typeChecked('registry.test.mts');
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const result = await run([process.execPath, '--test', 'registry.test.mts'], { cwd: folder, env });
  assert.equal(result.exitCode, 0, result.stdout);
});

test('the thread that makes layers is a file of its own beside what starts it', async () => {
  const own = await temporaryDirectory();
  try {
    const wheel = await writeWheel(own.path, [{ name: 'demo.py', content: 'x = 1\n' }]);
    const dist = join(folder, 'node_modules', 'layerwright', 'dist');
    const worker = new Worker(join(dist, 'layer-worker.js'));
    const answer = once(worker, 'message');
    worker.postMessage({ make: layerRequest([wheel]), directory: own.path });
    const [{ made }] = (await answer) as [{ made: MadeLayer }];
    await worker.terminate();
    const expected = await makeDependencyLayer(layerRequest([wheel]), own.path);
    assert.equal(made.diffId, expected.diffId);
  } finally {
    await own[Symbol.asyncDispose]();
  }
});

test('on a Node that is too old it says so in one line', async () => {
  const old =
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })";
  const launcher = join(folder, 'node_modules', 'layerwright', 'bin', 'layerwright.js');
  const result = await run(
    [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(old)}`, launcher, '--version'],
    { cwd: folder },
  );
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /^layerwright: this is Node 20\.19\.0, but 22\.18 or newer is needed: .*\n$/);
  assert.ok(!result.stderr.trimEnd().includes('\n'));
});

test('in a checkout an old Node hands over to the one that npm ci brought', async () => {
  const old =
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })";
  const launcher = pathToFileURL(join(root, 'bin', 'layerwright.js'));
  const result = await run(
    [
      process.execPath,
      '--import',
      `data:text/javascript,${encodeURIComponent(old)}`,
      launcher.pathname,
      '--version',
    ],
    { cwd: folder },
  );
  assert.deepEqual([result.exitCode, result.stderr], [0, '']);
  assert.match(result.stdout, /^\d+\.\d+\.\d+\n$/);
});

test('what is loaded on demand works in the bundle too: configuration, networks, stores, AWS', async () => {
  const own = await temporaryDirectory();
  const at = (name: string) => join(own.path, name);
  try {
    await writeFile(at('Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    await writeFile(at('layerwright.yml'), 'build:\n  compression: gzip\n');
    await writeFile(at('ca.pem'), makeAuthority().cert);
    const bundle = join(folder, 'node_modules', 'layerwright', 'bin', 'layerwright.js');
    const command = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
      run([process.execPath, bundle, ...args], { cwd: own.path, env: { ...process.env, ...env } });

    const config = await command(['config', '--ca', 'ca.pem']);
    assert.equal(config.exitCode, 0, config.stderr);
    assert.match(config.stdout, /build\.compression +gzip +layerwright\.yml:2/);
    const save = await command(['cache', 'save', '--key', 'k', '--store', 's3://bucket/x', '.'], {
      AWS_ENDPOINT_URL_S3: `http://${await closedAddress()}`,
    });
    assert.match(save.stderr, /connection refused|not saved/);
    assert.equal(save.exitCode, 0, save.stderr);
    const generated = await command(['ci', 'generate', 'codebuild', '--force']);
    assert.equal(generated.exitCode, 0, generated.stderr);
    await writeFile(
      at('buildspec.yml'),
      'version: 0.2\nenv:\n  parameter-store:\n    P: name\nphases:\n  build:\n    commands:\n      - echo $P\n',
    );
    const aws = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };
    const closed = `http://${await closedAddress()}`;
    const ci = await command(['ci', 'run'], { ...aws, AWS_ENDPOINT_URL_SSM: closed });
    assert.match(ci.stderr, /UNREACHABLE/);
    assert.equal(ci.exitCode, 75, ci.stderr);
  } finally {
    await own[Symbol.asyncDispose]();
  }
});
