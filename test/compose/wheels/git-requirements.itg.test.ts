import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureUv } from '../../../src/engine/install.ts';
import { run } from '../../../src/host/exec.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { silentSteps } from '../../../src/host/steps.ts';
import { built, git, layerwright, projectOf, testbedVariable } from '../../commands/launch.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { type GitServer, gitServer } from '../../support/git-server.ts';
import { testHost } from '../../support/host.ts';
import { readImage } from '../workshop.ts';

const own = `${testbedVariable('LW_REGISTRY')}/git-${randomUUID().slice(0, 8)}`;
const BASE = `${own}/python:git`;

const PYPROJECT = `[build-system]
requires = ["flit_core>=3.9"]
build-backend = "flit_core.buildapi"

[project]
name = "hello"
version = "1.0"
description = "Says hello"

[project.scripts]
hello = "hello:main"
`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: GitServer;
let authority: string;

/** Commits a text that the project says, under a tag and as the branch `main`; the commit. */
async function commit(text: string, tag: string): Promise<string> {
  const source = join(directory.path, 'hello');
  await writeFile(join(source, 'hello', '__init__.py'), codeOf(text));
  await git(source, 'add', '.');
  await git(source, 'commit', '--quiet', '--allow-empty', '--message', text);
  await git(source, 'tag', '--force', tag);
  await git(source, 'push', '--quiet', '--force', join(directory.path, 'served', 'hello.git'), 'main', tag);
  return await git(source, 'rev-parse', 'HEAD');
}

before(async () => {
  directory = await temporaryDirectory('lw-git-');
  const [source, served] = [join(directory.path, 'hello'), join(directory.path, 'served')];
  await mkdir(join(source, 'hello'), { recursive: true });
  await writeFile(join(source, 'pyproject.toml'), PYPROJECT);
  await git(directory.path, 'init', '--quiet', '--initial-branch', 'main', 'hello');
  await git(directory.path, 'init', '--quiet', '--bare', '--initial-branch', 'main', 'served/hello.git');
  const own = makeAuthority();
  authority = join(directory.path, 'authority.pem');
  await writeFile(authority, own.cert);
  server = await gitServer(served, own.serverCertificate('127.0.0.1'));
  await using base = await projectOf({
    Dockerfile: `FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/uv
`,
  });
  await built(['--push', '--way', 'solved', '-t', BASE, base.path]);
});

after(async () => {
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const repository = () => `${server.url}/hello.git`;

const INSTALLED = {
  pip: 'usr/local/lib/python3.11/site-packages',
  uv: 'app/.venv/lib/python3.11/site-packages',
};

/** That an image has the project of a commit, and the address as its installer writes it down. */
async function assertHolds(
  image: string,
  tool: 'pip' | 'uv',
  expected: { commit: string; requested: string; text: string },
) {
  const { commit, requested, text } = expected;
  const { holds, tree } = await readImage(image);
  const url = repository();
  const direct =
    tool === 'pip'
      ? `{"url": "${url}", "vcs_info": {"commit_id": "${commit}", "requested_revision": "${requested}", "vcs": "git"}}`
      : `{"url":"${url}","vcs_info":{"vcs":"git","commit_id":"${commit}","requested_revision":"${requested}"}}`;
  const at = INSTALLED[tool];
  assert.ok(
    tree.entries.has(`${at}/hello/__init__.py`),
    [...tree.entries.keys()].filter((path) => /hello/.test(path)).join(' '),
  );
  assert.ok(holds(`${at}/hello/__init__.py`, codeOf(text)), `it says ${text}`);
  assert.ok(holds(`${at}/hello-1.0.dist-info/direct_url.json`, direct), direct);
}

function codeOf(text: string): string {
  return `def main():\n    print(${JSON.stringify(text)})\n`;
}

async function verified(image: string, path: string): Promise<void> {
  const { exitCode, stdout, stderr } = await layerwright(['verify', '--ca', authority, image, path]);
  assert.equal(exitCode, 0, stdout + stderr);
}

/** How often git was asked what there is, or for files, while something ran. */
async function asked<T>(work: () => Promise<T>): Promise<[T, number]> {
  const from = server.requests.length;
  const result = await work();
  return [result, server.requests.length - from];
}

function pipProject(revision: string) {
  return projectOf({
    Dockerfile: `FROM ${BASE}
WORKDIR /app
RUN pip install --no-cache-dir "hello @ git+${repository()}@${revision}"
COPY app.py .
CMD ["hello"]
`,
    'app.py': 'import hello\n',
  });
}

function buildOf(image: string, path: string) {
  return (...flags: string[]) =>
    asked(() => built(['--push', '--ca', authority, '-t', image, ...flags, path]));
}

test('pip installs a tag: the wheel is built once, composed afterwards, and a moved tag is noticed when it is asked again', async () => {
  const first = await commit('one', 'moved');
  await using project = await pipProject('moved');
  const image = `${own}/tag:1`;
  const build = buildOf(image, project.path);
  const [cold, requests] = await build();
  assert.equal(cold.way, 'composed');
  assert.ok(requests > 0 && cold.builder !== null);
  await assertHolds(image, 'pip', { commit: first, requested: 'moved', text: 'one' });
  await verified(image, project.path);

  // As with any RUN, what was installed stays until an input changes. Only the address tells the two commits apart.
  await writeFile(join(directory.path, 'hello', 'NOTES'), 'nothing of the package\n');
  const second = await commit('one', 'moved');
  assert.notEqual(second, first);
  await project.write({ 'app.py': 'import hello as changed\n' });
  const [warm, again] = await build();
  assert.deepEqual([again, warm.builder], [0, null]);
  await assertHolds(image, 'pip', { commit: first, requested: 'moved', text: 'one' });

  const [, anew] = await build('--no-cache');
  assert.ok(anew > 0);
  await assertHolds(image, 'pip', { commit: second, requested: 'moved', text: 'one' });
});

test('pip installs a branch and a commit; the server is asked no more for what is there', async () => {
  const head = await commit('on the branch', 'unused');
  for (const revision of ['main', head]) {
    await using project = await pipProject(revision);
    const image = `${own}/${revision === head ? 'commit' : 'branch'}:1`;
    const build = buildOf(image, project.path);
    const [, requests] = await build();
    assert.ok(requests > 0);
    await assertHolds(image, 'pip', { commit: head, requested: revision, text: 'on the branch' });
    await project.write({ 'app.py': 'import hello as changed\n' });
    const [warm, again] = await build();
    assert.deepEqual([again, warm.builder], [0, null]);
  }
});

test('what is no revision fails in the words of git', async () => {
  await using project = await pipProject('nowhere');
  const flags = ['--push', '--ca', authority, '-t', `${own}/nowhere:1`];
  const { exitCode, stderr } = await layerwright(['build', ...flags, project.path]);
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, /pathspec 'nowhere' did not match/);
  assert.match(stderr, /RUN_FAILED/);
});

test('uv installs the commit of uv.lock', async () => {
  const first = await commit('locked', 'v1');
  await using project = await projectOf({
    Dockerfile: `FROM ${BASE}
WORKDIR /app
ENV UV_LINK_MODE=copy
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
COPY app.py .
CMD ["/app/.venv/bin/hello"]
`,
    'pyproject.toml': `[project]
name = "greeter"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["hello"]

[tool.uv.sources]
hello = { git = "${repository()}", rev = "v1" }
`,
    'app.py': 'import hello\n',
  });
  const lock = async () => {
    const uv = await ensureUv(testHost(), silentSteps);
    const env = { ...process.env, GIT_SSL_CAINFO: authority };
    const command = [uv.path, 'lock', '--upgrade', '--python', '3.11', '--no-python-downloads'];
    const { exitCode, stderr } = await run(command, { cwd: project.path, env });
    assert.equal(exitCode, 0, stderr);
  };
  await lock();
  const image = `${own}/uv:1`;
  const build = buildOf(image, project.path);
  await build();
  await assertHolds(image, 'uv', { commit: first, requested: 'v1', text: 'locked' });
  await verified(image, project.path);
  // The lock says the commit, wherever its tag goes.
  const second = await commit('locked anew', 'v1');
  await project.write({ 'app.py': 'import hello as changed\n' });
  const [warm, again] = await build();
  assert.deepEqual([again, warm.builder], [0, null]);
  await assertHolds(image, 'uv', { commit: first, requested: 'v1', text: 'locked' });
  await lock();
  await build();
  await assertHolds(image, 'uv', { commit: second, requested: 'v1', text: 'locked anew' });
});
