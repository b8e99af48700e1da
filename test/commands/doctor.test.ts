import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ok, type Patient, problem, skipped } from '../../src/commands/doctor/check.ts';
import { platformFinding } from '../../src/commands/doctor/engine.ts';
import { checkNode, diskFinding } from '../../src/commands/doctor/machine.ts';
import { clockFinding } from '../../src/commands/doctor/registry.ts';
import { type CheckRecord, doctor, examine } from '../../src/commands/doctor.ts';
import { usageError } from '../../src/errors.ts';
import { kindOf, temporaryDirectory } from '../../src/host/files.ts';
import { ANSWERS, putPrograms } from '../engine/programs.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

/** A project on a machine with nothing on PATH but these programs. */
async function machine(
  t: TestContext,
  { programs = {}, files = {} }: { programs?: Record<string, string>; files?: Record<string, string> },
) {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const cwd = join(directory.path, 'project');
  await mkdir(cwd);
  await putPrograms(join(directory.path, 'bin'), { uv: ANSWERS.plain('uv 0.13.9'), ...programs });
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
  const base = {
    PATH: join(directory.path, 'bin'),
    HOME: directory.path,
    DOCKER_CONFIG: join(directory.path, 'docker'),
    LAYERWRIGHT_CACHE_DIR: join(directory.path, 'cache'),
  };
  return async (flags: Record<string, unknown> = {}, env: NodeJS.ProcessEnv = {}) => {
    const host = testHost({ env: { ...base, ...env }, cwd });
    const asked = { context: '.', options: flags, given: flags };
    const { record, text, exit } = await doctor(host, asked);
    const found = (name: string) => record.checks.find((check) => check.name === name) as CheckRecord;
    const said = (name: string) => `${found(name).status}: ${found(name).found}`;
    return { record, text, exit, found, said, home: directory.path };
  };
}

const DOCKERFILE = { Dockerfile: 'FROM scratch AS one\nCOPY Dockerfile /\n' };
const remote = (status: string, platforms = 'linux/amd64, linux/arm64') =>
  `Name: ci\nDriver: remote\n\nNodes:\nName: ci0\nEndpoint: tcp://10.0.0.1:1\nStatus: ${status}\nPlatforms: ${platforms}\n`;
const buildx = (inspect: string, words = 'inspect') =>
  `${ANSWERS.buildx('0.38.2')}\n"${words}") /bin/cat <<'EOF'\n${inspect}EOF\n;;\n"ls --format {{json .}}") ;;`;
const GOOD = {
  programs: { python3: ANSWERS.plain('Python 3.13.1'), buildx: buildx(remote('running')) },
  files: DOCKERFILE,
};

test('a machine that has everything: no problem, exit 0', async (t) => {
  const examined = await machine(t, GOOD);
  const { record, text, exit, said, found } = await examined();
  assert.deepEqual([record.schemaVersion, record.outcome, exit], [1, 'ok', 0], text);
  assert.equal(said('dockerfile'), 'ok: Dockerfile, 1 stage, builds one');
  assert.match(said('python'), /^ok: 3\.13\.1, \/.*\/bin\/python3$/);
  assert.equal(said('uv'), 'ok: 0.13.9 (PATH)');
  assert.equal(said('buildx'), 'ok: 0.38.2 (PATH)');
  assert.equal(said('builder'), 'ok: "ci" (remote) answers, buildx\'s choice');
  assert.equal(said('platforms'), 'ok: linux/amd64, linux/arm64');
  assert.match(said('docker'), /^skipped: there is no docker on PATH/);
  for (const name of ['tags', 'registry', 'clock', 'layerCache', 'store'])
    assert.deepEqual([found(name).status, found(name).mend], ['skipped', null], name);
});

test('a problem: exit 1, and every problem and warning says what mends it', async (t) => {
  const examined = await machine(t, { files: { 'layerwright.yml': 'buildd: 1\n' } });
  const { record, exit, said, found } = await examined({ tag: ['a:{nope}'] });
  assert.deepEqual([record.outcome, exit], ['problem', 1]);
  assert.equal(
    said('configuration'),
    'problem: layerwright.yml:1:1: unknown key "buildd"; did you mean build?',
  );
  assert.match(said('dockerfile'), /^problem: no Dockerfile at /);
  assert.match(said('tags'), /^problem: .*\{nope\} is not known/);
  assert.match(said('python'), /^warning: /);
  for (const { name, status, mend } of record.checks)
    if (status === 'problem' || status === 'warning') assert.ok(mend, name);
  assert.equal(found('node').mend, null);
});

test('a builder that is named and does not answer, or is not there', async (t) => {
  const programs = { buildx: buildx(remote('inactive'), 'inspect ci') };
  const examined = await machine(t, { programs, files: DOCKERFILE });
  assert.match(
    (await examined({ builder: 'ci' })).said('builder'),
    /^problem: builder "ci" .* does not answer/,
  );
  const { said, found } = await examined({}, { BUILDX_BUILDER: 'nosuch' });
  assert.equal(said('builder'), 'problem: no builder is called "nosuch"');
  assert.match(found('builder').mend ?? '', /docker buildx ls/);
});

test('a Docker beside which a builder would be made: nothing is made', async (t) => {
  const docker = [
    ANSWERS.docker('29.0.0', '0.38.2'),
    `"buildx inspect") printf 'Name: default\\nDriver: docker\\n\\nNodes:\\nStatus: running\\nPlatforms: linux/amd64\\n' ;;`,
    '"buildx ls"*) ;;',
    '"buildx create"*) echo made >"$HOME/made" ;;',
  ].join('\n');
  const examined = await machine(t, { programs: { docker }, files: DOCKERFILE });
  const { said, home } = await examined({ tag: [`${await closedAddress()}/a:1`], push: true });
  assert.equal(said('docker'), 'ok: 29.0.0, its daemon answers');
  assert.match(
    said('builder'),
    /^ok: none that can do it; a build makes "layerwright\S*", a container beside Docker$/,
  );
  assert.equal(said('platforms'), 'ok: linux/amd64');
  assert.equal(said('buildkit'), 'skipped: Docker brings its own');
  assert.equal(await kindOf(join(home, 'made')), undefined);
});

test('a Docker without a daemon says why, and that a build may go without', async (t) => {
  const programs = { ...GOOD.programs, docker: ANSWERS.docker(undefined, undefined) };
  const examined = await machine(t, { programs, files: DOCKERFILE });
  const { said, found, exit } = await examined();
  assert.equal(said('docker'), 'warning: its daemon does not answer: Cannot connect to the Docker daemon');
  assert.match(found('docker').mend ?? '', /privileged mode/);
  assert.equal(exit, 0);
});

/** A registry that lets push, with a clock and a layer cache of its own. */
function registry(answers: { upload?: number; date?: Date; cache?: object } = {}) {
  return httpServer((request, response) => {
    if (answers.date) response.setHeader('date', answers.date.toUTCString());
    const { method, url = '' } = request;
    if (method === 'POST') {
      response.writeHead(answers.upload ?? 202, { location: '/v2/u' });
      response.end('{}');
    } else if (url.includes('/manifests/') && answers.cache) response.end(JSON.stringify(answers.cache));
    else {
      response.writeHead(url === '/v2/' ? 200 : 404);
      response.end('{}');
    }
  });
}

const CACHE = { config: { mediaType: 'application/vnd.buildkit.cacheconfig.v0' }, layers: [{}, {}] };

test('the registry that is pushed to: login, clock and layer cache', async (t) => {
  const examined = await machine(t, GOOD);
  await using server = await registry({ cache: CACHE });
  const tag = `${server.address}/shop/web:{sha}`;
  const { said } = await examined({ tag: [tag], push: true }, { GITHUB_SHA: 'a'.repeat(40) });
  assert.equal(said('tags'), `ok: ${server.address}/shop/web:${'a'.repeat(40)}`);
  assert.equal(said('registry'), `ok: may push to ${server.address}/shop/web`);
  assert.equal(said('clock'), `ok: the same as ${server.address}'s`);
  assert.equal(said('layerCache'), `ok: ${server.address}/shop/web:cache: hit, 2 layers`);
});

test('in CodeBuild the repository is known by ECR_REPOSITORY_URI, without a tag', async (t) => {
  const examined = await machine(t, GOOD);
  await using server = await registry();
  const { said } = await examined({}, { ECR_REPOSITORY_URI: `${server.address}/shop/web` });
  assert.equal(said('registry'), `ok: may push to ${server.address}/shop/web`);
  assert.match(said('layerCache'), /^ok: .*:cache: empty, the next build fills it$/);
});

test('a registry that refuses, one that is not there, and one with another time', async (t) => {
  const examined = await machine(t, GOOD);
  const at = (address: string) => examined({ tag: [`${address}/a:1`], push: true });
  {
    await using server = await registry({ upload: 403 });
    const { said, found, exit } = await at(server.address);
    assert.match(said('registry'), /^problem: .* the registry refuses \(HTTP 403\)/);
    assert.match(found('registry').mend ?? '', /docker login/);
    assert.equal(exit, 1);
  }
  {
    const { said } = await at(await closedAddress());
    assert.match(said('registry'), /^problem: .*connection refused/);
    assert.match(said('clock'), /^skipped: .*connection refused/);
    assert.match(said('layerCache'), /^warning: .*unreadable, /);
  }
  {
    await using server = await registry({ date: new Date(Date.now() + 3_600_000) });
    assert.match((await at(server.address)).said('clock'), /^problem: 3[56]\d\d s behind .*signatures/);
  }
});

test('a store in a directory: written, listed and read; a wrong one says why', async (t) => {
  const examined = await machine(t, GOOD);
  await using directory = await temporaryDirectory();
  const store = `file://${directory.path}`;
  const good = await examined({}, { LAYERWRIGHT_STORE: store });
  assert.equal(good.said('store'), `ok: ${store} can be listed, read and written`);
  await writeFile(join(directory.path, 'file'), '');
  const bad = await examined({}, { LAYERWRIGHT_STORE: `${store}/file` });
  assert.match(bad.said('store'), /^problem: /);
});

test('certificates that cannot be read, a proxy that is none; values are not shown', async (t) => {
  const examined = await machine(t, { ...GOOD, files: { ...DOCKERFILE, 'ca.pem': 'no certificate\n' } });
  assert.match(
    (await examined({ ca: ['ca.pem'] })).said('network'),
    /^problem: .*ca\.pem .*no PEM certificate/,
  );
  assert.match(
    (await examined({}, { SSL_CERT_FILE: '/no/such.pem' })).said('network'),
    /^problem: \/no\/such\.pem/,
  );
  const proxied = await examined({}, { HTTPS_PROXY: 'http://user:hunter2@127.0.0.1:1', NO_PROXY: 'x' });
  assert.equal(proxied.said('network'), 'ok: set: HTTPS_PROXY, NO_PROXY');
  assert.ok(!proxied.text.includes('hunter2'));
  assert.match(
    (await examined({}, { HTTPS_PROXY: 'socks5://x:1' })).said('network'),
    /^problem: HTTPS_PROXY names a socks5/,
  );
});

test('the CI, and what of its file an untrusted build does not listen to', async (t) => {
  const examined = await machine(t, {
    ...GOOD,
    files: { ...DOCKERFILE, 'layerwright.yml': 'build:\n  tags: [a:1]\n  push: true\n' },
  });
  const env = {
    GITHUB_ACTIONS: 'true',
    GITHUB_EVENT_NAME: 'pull_request',
    GITHUB_REF: 'refs/pull/7/merge',
    GITHUB_HEAD_REF: 'topic',
    GITHUB_SHA: 'b'.repeat(40),
  };
  const { said } = await examined({}, env);
  assert.equal(
    said('ci'),
    'ok: GitHub Actions, pull-request 7, branch topic, commit bbbbbbbbbbbb, untrusted',
  );
  assert.match(
    said('configuration'),
    /^warning: layerwright\.yml:2: build\.tags is ignored: .* \(and 1 more warning\)$/,
  );
  assert.match(said('tags'), /^skipped/);
});

const patient = (host = testHost()) => ({ host }) as unknown as Patient;
const check = (look: (patient: Patient) => Promise<ReturnType<typeof ok> | ReturnType<typeof skipped>>) => ({
  group: 'Project' as const,
  title: 'T',
  mend: 'do this',
  seconds: 0.05,
  look,
});

test('a check that hangs ends at its limit, and so does its program', async () => {
  const ended = Promise.withResolvers<unknown>();
  const record = await examine(
    patient(),
    'hangs',
    check(async ({ host }) => {
      const running = host.run(['sleep', '60'], { env: process.env });
      running.catch(ended.resolve);
      await running;
      return ok('never');
    }),
  );
  assert.deepEqual([record.status, record.found, record.mend], ['problem', 'no answer in 0.05 s', 'do this']);
  assert.match(String(await ended.promise), /interrupted/);
});

test('an error of ours is a finding with its hint, or else with what helps such a check; another one is a bug', async () => {
  const thrown = (error: unknown) =>
    examine(
      patient(),
      'x',
      check(() => Promise.reject(error)),
    );
  const hinted = await thrown(usageError('FLAG_INVALID', 'two\n lines', 'do that'));
  assert.deepEqual([hinted.status, hinted.found, hinted.mend], ['problem', 'two lines', 'do that']);
  assert.equal((await thrown(usageError('FLAG_INVALID', 'x'))).mend, 'do this');
  await assert.rejects(thrown(new TypeError('ours')), TypeError);
  assert.equal(
    (
      await examine(
        patient(),
        'x',
        check(async () => problem('bad')),
      )
    ).mend,
    'do this',
  );
  assert.equal(
    (
      await examine(
        patient(),
        'x',
        check(async () => skipped('why')),
      )
    ).mend,
    null,
  );
});

test('an interrupted doctor found nothing', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const host = testHost({ env: { PATH: '', HOME: directory.path }, cwd: directory.path });
  host.abort();
  await assert.rejects(doctor(host, { context: '.', options: {}, given: {} }), /interrupted/);
});

test('thresholds: disk, clock, Node, platforms', async () => {
  const disk = (...free: number[]) =>
    diskFinding(free.map((one, index) => ({ free: one, what: [`d${index}`], path: `/d${index}` })));
  assert.deepEqual(disk(5e9, 9e9), ok('5.00 GB free (d0); 9.00 GB free (d1)'));
  assert.deepEqual(
    [disk(4.9e9).status, disk(1e9).status, disk(0.9e9).status],
    ['warning', 'warning', 'problem'],
  );
  assert.match(disk(0).mend ?? '', /below \/d0 /);
  assert.deepEqual(clockFinding(1.4, 'r'), ok("the same as r's"));
  assert.deepEqual(clockFinding(-299, 'r'), ok("299 s behind r's"));
  assert.equal(clockFinding(301, 'r').status, 'problem');
  assert.match(clockFinding(301, 'r').found, /^301 s ahead of r's/);
  assert.deepEqual(
    await Promise.all(
      ['22.17.9', '22.18.0', '24.0.0'].map(async (one) => (await checkNode(patient(), one)).status),
    ),
    ['problem', 'ok', 'ok'],
  );
  const has = ['linux/amd64', 'linux/amd64/v2', 'linux/arm64'];
  assert.deepEqual(platformFinding(has, ['linux/arm64/v8']), ok('linux/amd64, linux/arm64'));
  const lacking = platformFinding(has, ['linux/amd64', 'linux/s390x']);
  assert.match(
    `${lacking.status} ${lacking.found} ${lacking.mend}`,
    /^problem linux\/s390x is wanted.*--install s390x$/,
  );
});
