import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFile, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { freePort } from '../../testbed/processes.ts';
import { built, layerwright, testbedVariable } from '../commands/launch.ts';
import { wheelParts } from '../support/wheel.ts';
import { zipOf } from '../support/zip.ts';
import { GREETINGS } from './private-index.ts';
import { answerOf } from './run-image.ts';
import { exampleDirectory } from './shapes.ts';

const DEVPI = 'devpi-server==6.20.3';
const START_MS = 60_000;

/** A real devpi on loopback with a user `team` and an index of theirs without bases. */
interface Devpi extends AsyncDisposable {
  readonly address: string;
  readonly password: string;
}

async function devpi(directory: string): Promise<Devpi> {
  const programs = join(directory, 'venv');
  await ran(['uv', 'venv', '--quiet', programs]);
  await ran(['uv', 'pip', 'install', '--quiet', '--python', join(programs, 'bin', 'python'), DEVPI]);
  const state = join(directory, 'state');
  await ran([join(programs, 'bin', 'devpi-init'), '--serverdir', state, '--no-root-pypi']);
  const port = await freePort();
  const server = spawn(
    join(programs, 'bin', 'devpi-server'),
    ['--serverdir', state, '--host', '127.0.0.1', '--port', String(port)],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => server.on('exit', resolve));
  const address = `127.0.0.1:${port}`;
  const password = randomUUID();
  const stop = async () => {
    server.kill();
    await ended;
  };
  try {
    await answering(`http://${address}/+api`);
    await put(address, '/team', undefined, { password });
    await put(address, '/team/dev', password, { type: 'stage', bases: [] });
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, password, [Symbol.asyncDispose]: stop };
}

async function ran(words: readonly string[]): Promise<void> {
  const result = await run([...words], { env: process.env });
  assert.equal(result.exitCode, 0, result.stderr);
}

async function answering(url: string): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    assert.ok(performance.now() < deadline, 'devpi answers');
    await sleep(100);
  }
}

function basic(password: string): string {
  return `Basic ${Buffer.from(`team:${password}`).toString('base64')}`;
}

async function put(address: string, path: string, password: string | undefined, body: object) {
  const headers = {
    'content-type': 'application/json',
    ...(password === undefined ? {} : { authorization: basic(password) }),
  };
  const answer = await fetch(`http://${address}${path}`, {
    ...{ method: 'PUT', headers, body: JSON.stringify(body) },
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}

/** As twine uploads. */
async function upload({ address, password }: Devpi): Promise<void> {
  const wheel = { name: 'company-greetings', version: '2.1.0' };
  const bytes = zipOf(wheelParts([{ name: 'company_greetings.py', content: GREETINGS }], wheel));
  const form = new FormData();
  for (const [name, value] of Object.entries({ ':action': 'file_upload', protocol_version: '1', ...wheel }))
    form.append(name, value);
  form.append('filetype', 'bdist_wheel');
  form.append('content', new Blob([new Uint8Array(bytes)]), 'company_greetings-2.1.0-py3-none-any.whl');
  const answer = await fetch(`http://${address}/team/dev/`, {
    ...{ method: 'POST', headers: { authorization: basic(password) }, body: form },
  });
  assert.ok(answer.ok, `upload: ${answer.status} ${await answer.text()}`);
}

test('private index: a real devpi with a netrc secret', async () => {
  await using directory = await temporaryDirectory();
  await using server = await devpi(directory.path);
  await upload(server);
  const project = join(directory.path, 'private');
  await cp(exampleDirectory('private'), project, { recursive: true });
  const netrc = join(directory.path, 'netrc');
  await writeFile(netrc, `machine 127.0.0.1\n  login team\n  password ${server.password}\n`);
  const reference = `${testbedVariable('LW_REGISTRY')}/devpi-${randomUUID().slice(0, 8)}/greetings`;
  const index = `http://${server.address}/team/dev/+simple/`;
  const words = ['--build-arg', `INDEX_URL=${index}`, '--secret', `id=netrc,src=${netrc}`, project];

  const first = await built(['--push', '-t', `${reference}:1`, ...words]);
  assert.deepEqual(
    first.segments.map(({ kind }) => kind),
    ['composed'],
  );
  const run = { kind: 'service', words: (port: number) => ['python', '-m', 'app', String(port)] } as const;
  assert.deepEqual(await answerOf(`${reference}:1`, run), { status: 'ok', greetings: '2.1.0' });
  const verified = await layerwright(['verify', `${reference}:1`, ...words]);
  assert.equal(verified.exitCode, 0, `${verified.stdout}\n${verified.stderr}`);

  await appendFile(join(project, 'app', '__main__.py'), '# Changed.\n');
  await server[Symbol.asyncDispose]();
  const second = await built(['--push', '-t', `${reference}:2`, ...words]);
  assert.equal(second.builder, null, 'neither a builder nor the index is needed for a changed line');
});
