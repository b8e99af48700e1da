import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { run as runProgram } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { built, layerwright, projectOf, testbedVariable } from '../commands/launch.ts';

const run = `compiled-${randomUUID().slice(0, 8)}`;
const registry = testbedVariable('LW_REGISTRY');
const EPOCH = ['--source-date-epoch', '1700000000'];
const APP = 'import idna, markupsafe\nprint(idna.__version__, markupsafe.escape("<"))\n';

const PROJECT = {
  Dockerfile: `FROM ${registry}/library/python:3.11-multi
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py .
CMD ["python", "app.py"]
`,
  'requirements.txt': 'idna==3.7\nmarkupsafe==2.1.5\n',
  'app.py': APP,
};

let programs: Awaited<ReturnType<typeof temporaryDirectory>>;
/** The variables of a machine that has every program of this one but a Python. */
let withoutPython: NodeJS.ProcessEnv;
/** The same with a script that starts one: uv resolves with it, but what it starts is not sure enough to compile. */
let withScript: NodeJS.ProcessEnv;

before(async () => {
  programs = await temporaryDirectory('lw-programs-');
  const [bin, scripts] = [join(programs.path, 'bin'), join(programs.path, 'scripts')];
  await mkdir(bin);
  await mkdir(scripts);
  for (const directory of (process.env.PATH ?? '').split(delimiter))
    for (const name of await readdir(directory).catch(() => []))
      if (!/^(?:python|pypy|pip)/.test(name))
        await symlink(join(directory, name), join(bin, name)).catch(() => {});
  withoutPython = { PATH: bin, PYENV_ROOT: programs.path };
  const find = (env: NodeJS.ProcessEnv) =>
    runProgram(['sh', '-c', 'command -v python3.11 || command -v python3 || command -v python'], {
      env: { ...process.env, ...env },
    });
  assert.equal((await find(withoutPython)).stdout, '', 'there is no Python');
  const python = (await find({})).stdout.trim();
  await writeFile(join(scripts, 'python3'), `#!/bin/sh\nexec ${python} "$@"\n`, { mode: 0o755 });
  withScript = { ...withoutPython, PATH: `${scripts}${delimiter}${bin}` };
});

after(() => programs[Symbol.asyncDispose]());

test('what the image compiles is what this machine compiles; it is done once, and nothing is started afterwards', async () => {
  await using project = await projectOf(PROJECT);
  const build = (repository: string, more: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    built(['--push', ...EPOCH, '-t', `${registry}/${run}/${repository}:1`, ...more, project.path], { env });
  const here = await build('here', []);
  assert.deepEqual([here.way, here.builder], ['composed', null]);

  const there = await build('there', [], withScript);
  assert.equal(there.way, 'composed');
  assert.notEqual(there.builder, null, 'BuildKit compiled');
  assert.equal(there.image?.digest, here.image?.digest, 'every byte is the same');
  const bare = await build('bare', [], withoutPython);
  assert.deepEqual([bare.way, bare.image?.digest], ['composed', here.image?.digest], 'resolved in the image');

  await project.write({ 'app.py': `${APP}# more\n` });
  const again = await build('there', ['--way', 'composed'], withoutPython);
  assert.deepEqual([again.way, again.builder], ['composed', null]);
  assert.deepEqual(
    again.layers?.made.map(({ title }) => title),
    ['COPY app.py .'],
  );
});

test('of another platform the same Python compiles that runs here', async () => {
  await using project = await projectOf(PROJECT);
  const build = (repository: string, env: NodeJS.ProcessEnv = {}) =>
    built(
      [
        ...['--push', ...EPOCH, '--platform', 'linux/arm64,linux/amd64'],
        ...['-t', `${registry}/${run}/${repository}:1`, project.path],
      ],
      { env },
    );
  const here = await build('both-here');
  const there = await build('both-there', withScript);
  assert.deepEqual([there.way, here.builder], ['composed', null]);
  assert.notEqual(there.builder, null);
  assert.equal(there.image?.digest, here.image?.digest);
});

test('where nothing may be run it is said which Python would do', async () => {
  await using project = await projectOf(PROJECT);
  const result = await layerwright(
    ['build', '--push', '--way', 'composed', '-t', `${registry}/${run}/none:1`, project.path],
    { env: withScript },
  );
  assert.equal(result.exitCode, 1, result.stderr);
  assert.match(
    result.stderr,
    /Dockerfile:4: RUN: the bytecode of 2 layers has to be compiled by the image's own Python, once: there is no Python 3\.11 on this machine \[NOT_COMPOSABLE\]\nhint: Install Python 3\.11 /,
  );
});

test('a Python of the image that is another than its files say is found out', async () => {
  // It answers like a Python, and compiles nothing as one.
  const fake =
    '#!/bin/sh\nmkdir -p /run/layerwright/out && echo -n "cpython 3.11.99 1 -" > /run/layerwright/out/version\n';
  await using base = await projectOf({
    Dockerfile: `FROM ${registry}/library/python:3.11-slim
COPY --chmod=755 fake /usr/local/bin/python3.11
`,
    fake,
  });
  const name = `${registry}/${run}/fake`;
  const made = await runProgram(
    ['buildx', 'build', '--output', `type=image,push=true,name=${name}:1`, base.path],
    { env: process.env },
  );
  assert.equal(made.exitCode, 0, made.stderr);
  await using project = await projectOf({
    ...PROJECT,
    Dockerfile: PROJECT.Dockerfile.replace(/^FROM .*/, `FROM ${name}:1`),
  });
  const result = await layerwright(['build', '--push', '-t', `${registry}/${run}/fooled:1`, project.path], {
    env: withScript,
  });
  assert.equal(result.exitCode, 0, result.stderr);
  // BuildKit gets the step, and its pip is what the base makes of it.
  assert.match(
    result.stderr,
    /solved {2}\S+Dockerfile:4 RUN: \S+ of the image is not the Python 3\.11\.\d+ that its files say/,
  );
});
