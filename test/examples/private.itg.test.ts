import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { built, layerwright, testbedVariable } from '../commands/launch.ts';
import { leaked, leakedBelow } from '../support/leaks.ts';
import { loggedIn, netrcOf, type PrivateIndex, privateIndex } from './private-index.ts';
import { answerOf } from './run-image.ts';
import { exampleDirectory } from './shapes.ts';

const own = `${testbedVariable('LW_REGISTRY')}/private-${randomUUID().slice(0, 8)}`;

/** A form in which a build is told the login. */
interface Form {
  readonly name: string;
  readonly user: string;
  /** Files beside those of the example. */
  readonly files: (index: PrivateIndex) => Readonly<Record<string, string>>;
  /** In place of the example's `RUN` and its arguments. */
  readonly dockerfile?: (text: string, index: PrivateIndex) => string;
  readonly words: (index: PrivateIndex) => readonly string[];
  readonly env?: (index: PrivateIndex) => Readonly<Record<string, string>>;
  /** True if the image's own history has the login, as of any builder. */
  readonly inHistory?: boolean;
  /** The kinds of its segments, if something has to run. */
  readonly kinds?: readonly string[];
}

const RUN = /RUN --mount=.*\n.*requirements\.txt/;

const withRun = (run: string) => (text: string) => text.replace(RUN, () => run);

const FORMS: readonly Form[] = [
  {
    name: 'a netrc secret',
    user: 'me',
    files: (index) => ({ 'login/netrc': netrcOf(index) }),
    words: ({ url }) => ['--build-arg', `INDEX_URL=${url}`, '--secret', 'id=netrc,src=login/netrc'],
  },
  {
    name: 'a variable that holds the address (CodeArtifact)',
    user: 'aws',
    files: () => ({}),
    dockerfile: withRun(
      'RUN --mount=type=secret,id=index,env=PIP_INDEX_URL pip install --no-cache-dir -r requirements.txt',
    ),
    words: () => ['--secret', 'id=index,env=CODEARTIFACT_INDEX'],
    env: (index) => ({ CODEARTIFACT_INDEX: loggedIn(index) }),
  },
  {
    // The base has a pip.conf of its own, so that BuildKit installs, with the same secret.
    name: 'a pip.conf secret in the place of the one of the image',
    user: 'aws',
    kinds: ['split', 'composed'],
    files: (index) => ({ 'login/pip.conf': `[global]\nindex-url = ${loggedIn(index)}\n` }),
    dockerfile: withRun(
      'RUN --mount=type=secret,id=pip,target=/etc/pip.conf pip install --no-cache-dir -r requirements.txt',
    ),
    words: () => ['--secret', 'id=pip,src=login/pip.conf'],
  },
  {
    name: 'a pip.conf secret that PIP_CONFIG_FILE names',
    user: 'aws',
    files: (index) => ({ 'login/pip.conf': `[global]\nindex-url = ${loggedIn(index)}\n` }),
    dockerfile: withRun(
      'ENV PIP_CONFIG_FILE=/run/secrets/pip\nRUN --mount=type=secret,id=pip pip install --no-cache-dir -r requirements.txt',
    ),
    words: () => ['--secret', 'id=pip,src=login/pip.conf'],
  },
  {
    name: 'a token as a build argument (CodeArtifact)',
    inHistory: true,
    user: 'aws',
    files: () => ({}),
    dockerfile: (text, { host }) =>
      withRun(
        `ARG TOKEN\nRUN pip install --no-cache-dir --index-url "http://aws:$TOKEN@${host}/simple/" -r requirements.txt`,
      )(text),
    words: ({ login }) => ['--build-arg', `TOKEN=${login.password}`],
  },
];

for (const form of FORMS)
  test(`private index by ${form.name}: composed, the same as a plain build, and a new token changes nothing`, async () => {
    const began = Date.now();
    await using index = await privateIndex(form.user);
    await using directory = await temporaryDirectory();
    const project = join(directory.path, 'private');
    await cp(exampleDirectory('private'), project, { recursive: true });
    const put = async (path: string, text: string) => await writeFile(join(directory.path, path), text);
    const { dockerfile } = form;
    if (dockerfile) {
      const path = join(project, 'Dockerfile');
      await writeFile(path, dockerfile(await readFile(path, 'utf8'), index));
    }
    await mkdir(join(directory.path, 'login'));
    const run = async () => {
      for (const [path, text] of Object.entries(form.files(index))) await put(path, text);
      const env = { LAYERWRIGHT_CACHE_DIR: join(directory.path, 'cache'), ...form.env?.(index) };
      return { cwd: directory.path, env };
    };
    const reference = `${own}/${FORMS.indexOf(form)}`;
    const build = async (tag: string) =>
      await built(['--push', '-t', `${reference}:${tag}`, ...form.words(index), project], await run());

    const today = index.login.password;
    const first = await build('1');
    assert.deepEqual(
      first.segments.map(({ kind }) => kind),
      form.kinds ?? ['composed'],
    );
    if (form.kinds === undefined) assert.equal(first.builder, null, 'nothing has to run');
    assert.partialDeepStrictEqual(await answerOf(`${reference}:1`, SERVICE), SAYS);
    const words = [`${reference}:1`, ...form.words(index), project];
    const verified = await layerwright(['verify', ...words], await run());
    assert.equal(verified.exitCode, 0, `${verified.stdout}\n${verified.stderr}`);

    index.login.password = `canary${randomUUID()}`;
    await appendFile(join(project, 'app', '__main__.py'), '# Changed.\n');
    index.requests.length = 0;
    const second = await build('2');
    assert.equal(second.builder, null, 'a new token needs no builder');
    assert.ok((second.bytes.pushed ?? 0) < 100_000, `${second.bytes.pushed} B pushed`);
    assert.deepEqual(index.requests, [], 'the lock and the layers are kept under keys without the login');

    index.isDown = true;
    await appendFile(join(project, 'app', '__main__.py'), '# Changed again.\n');
    const third = await build('3');
    assert.equal(third.builder, null, 'the index is not needed for what is locked');

    const canaries = { "yesterday's login": today, login: index.login.password };
    for (const command of ['plan', 'explain']) {
      const told = await layerwright([command, ...form.words(index), project], await run());
      assert.deepEqual(leaked(Buffer.from(told.stdout + told.stderr), canaries), [], command);
    }
    assert.deepEqual(leaked(Buffer.from(JSON.stringify([first, second, third])), canaries), []);
    // Where BuildKit installs nothing is kept on this machine.
    if (form.kinds === undefined)
      assert.deepEqual(await leakedBelow(join(directory.path, 'cache'), canaries), []);
    const inRegistry = await leakedBelow(
      join(testbedVariable('LW_TESTBED_DIR'), 'registry', 'data'),
      canaries,
      began,
    );
    if (!form.inHistory) assert.deepEqual(inRegistry, []);
  });

const SERVICE = {
  kind: 'service' as const,
  words: (port: number) => ['python', '-m', 'app', String(port)],
};
const SAYS = { status: 'ok', greetings: '2.1.0' };

test('private index: a wrong password ends the build with a hint and without the login', async () => {
  await using index = await privateIndex('me');
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'netrc'), `machine 127.0.0.1 login me password wrongcanary\n`);
  const words = ['--build-arg', `INDEX_URL=${index.url}`, '--secret', 'id=netrc,src=netrc'];
  const result = await layerwright(
    ['build', '--push', '--json', '-t', `${own}/wrong:1`, ...words, exampleDirectory('private')],
    { cwd: directory.path },
  );
  assert.equal(result.exitCode, 2, result.stderr);
  assert.match(result.stderr, /refuses the login/);
  assert.match(result.stderr, /netrc/);
  assert.doesNotMatch(`${result.stdout}${result.stderr}`, /wrongcanary/);
});

test('private index: a build without the secret is denied, and says how logins are given', async () => {
  await using index = await privateIndex('me');
  const words = ['--push', '-t', `${own}/without:1`, '--build-arg', `INDEX_URL=${index.url}`];
  const result = await layerwright(['build', ...words, exampleDirectory('private')]);
  assert.equal(result.exitCode, 2, result.stderr);
  assert.match(result.stderr, /INDEX_DENIED/);
  assert.match(result.stderr, /a netrc file or pip\.conf as a secret/);
});
