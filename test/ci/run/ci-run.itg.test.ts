import assert from 'node:assert/strict';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import packageJson from '../../../package.json' with { type: 'json' };
import { run } from '../../../src/host/exec.ts';
import { git, LAUNCHER, layerwright, projectOf } from '../../commands/launch.ts';
import { buildspecOf, ciRun, phaseStates } from './support.ts';

/** Runs a buildspec in a directory of its own. */
async function runSpec(
  buildspec: string,
  options: { args?: readonly string[]; env?: NodeJS.ProcessEnv; files?: Record<string, string> } = {},
) {
  await using project = await projectOf({ 'buildspec.yml': buildspec, ...options.files });
  return await ciRun(project.path, options.args, options.env);
}

/** A buildspec with one command in each phase, which writes the phase's name and whether the build is succeeding. */
function fourPhases(changes: Partial<Record<string, { command?: string; onFailure?: string }>>): string {
  const phases = ['install', 'pre_build', 'build', 'post_build'].map((name) => {
    const { command = 'true', onFailure } = changes[name] ?? {};
    return [
      `  ${name}:`,
      ...(onFailure === undefined ? [] : [`    on-failure: ${onFailure}`]),
      '    commands:',
      `      - echo "${name} $CODEBUILD_BUILD_SUCCEEDING"`,
      `      - ${JSON.stringify(command)}`,
      `      - echo "${name} went on"`,
      '    finally:',
      `      - echo "${name} finally $CODEBUILD_BUILD_SUCCEEDING"`,
    ].join('\n');
  });
  return `version: 0.2\nphases:\n${phases.join('\n')}\n`;
}

const fail = { command: 'exit 3' };

test('the log is as CodeBuild has it, and the JSON says the same', async () => {
  const { exitCode, record, log } = await runSpec(
    buildspecOf('echo out', 'echo err >&2', 'printf x', 'false'),
  );
  assert.equal(exitCode, 1);
  const from = log.slice(log.indexOf('[Container] Entering phase BUILD'));
  assert.equal(
    from,
    `[Container] Entering phase BUILD
[Container] Running command echo out
out
[Container] Running command echo err >&2
err
[Container] Running command printf x
x
[Container] Running command false
[Container] Command did not exit successfully false exit status 1
[Container] Phase complete: BUILD State: FAILED
[Container] Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command: false. Reason: exit status 1
[Container] Entering phase POST_BUILD
[Container] Phase complete: POST_BUILD State: SUCCEEDED
[Container] Phase context status code:  Message: ${''}
[Container] Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED
[Container] Phase context status code:  Message: ${''}
[Container] Build failed
`,
  );
  assert.equal(record.outcome, 'failed');
  const build = record.phases.find(({ name }) => name === 'BUILD');
  assert.deepEqual(
    [build?.state, build?.statusCode, build?.message],
    ['FAILED', 'COMMAND_EXECUTION_ERROR', 'Error while executing command: false. Reason: exit status 1'],
  );
});

// AWS CodeBuild User Guide, "Build phase transitions".
test('a failed install or pre_build ends the build; a failed build does not', async () => {
  const install = await runSpec(fourPhases({ install: fail }));
  assert.deepEqual(phaseStates(install.record), ['INSTALL: FAILED']);
  assert.match(install.log, /^install finally 0$/m);
  assert.doesNotMatch(install.log, /^install went on$/m);
  const before = await runSpec(fourPhases({ pre_build: fail }));
  assert.deepEqual(phaseStates(before.record), ['INSTALL: SUCCEEDED', 'PRE_BUILD: FAILED']);
  const build = await runSpec(fourPhases({ build: fail }));
  assert.deepEqual(phaseStates(build.record), [
    'INSTALL: SUCCEEDED',
    'PRE_BUILD: SUCCEEDED',
    'BUILD: FAILED',
    'POST_BUILD: SUCCEEDED',
    'UPLOAD_ARTIFACTS: SUCCEEDED',
  ]);
  assert.match(build.log, /^post_build 0$/m);
  assert.match(build.log, /^post_build went on$/m);
  assert.deepEqual(
    [install, before, build].map(({ exitCode }) => exitCode),
    [1, 1, 1],
  );
});

test('all phases that go well make a build that succeeds', async () => {
  const { exitCode, record, log } = await runSpec(fourPhases({}));
  assert.deepEqual([exitCode, record.outcome], [0, 'succeeded']);
  assert.match(log, /^post_build 1$/m);
  assert.match(log, /^post_build finally 1$/m);
});

// Build specification reference, phases/PHASE/on-failure.
test('ABORT ends the build, CONTINUE goes on to the next phase; the build has failed all the same', async () => {
  const abort = await runSpec(fourPhases({ build: { ...fail, onFailure: 'ABORT' } }));
  assert.deepEqual(phaseStates(abort.record).slice(-1), ['BUILD: FAILED']);
  const go = await runSpec(fourPhases({ install: { ...fail, onFailure: 'CONTINUE' } }));
  assert.equal(phaseStates(go.record).length, 5);
  assert.match(go.log, /^pre_build 0$/m);
  assert.deepEqual([abort.exitCode, go.exitCode], [1, 1]);
});

// Build specification reference, phases/PHASE/finally: a failing finally fails the phase.
test('a phase whose finally fails has failed', async () => {
  const spec = 'version: 0.2\nphases:\n  build:\n    commands: [echo a]\n    finally: [exit 5, echo no]\n';
  const { record, log } = await runSpec(spec);
  assert.match(
    record.phases.find(({ name }) => name === 'BUILD')?.message ?? '',
    /exit 5\. Reason: exit status 5/,
  );
  assert.doesNotMatch(log, /^no$/m);
});

// Build specification reference, phases/PHASE/on-failure: RETRY-count-regex.
test('RETRY runs the whole build again, in a fresh shell, as often as it says', async () => {
  const command =
    'echo run >>runs; X=$X.; echo "X=$X"; echo "the connection timed out"; test "$(wc -l <runs)" -ge 3';
  const build = (onFailure: string) => runSpec(fourPhases({ pre_build: { command, onFailure } }));
  const enough = await build('RETRY-2-connection.*out');
  assert.deepEqual([enough.exitCode, enough.record.outcome], [0, 'succeeded']);
  assert.deepEqual(phaseStates(enough.record).slice(0, 6), [
    'INSTALL: SUCCEEDED',
    'PRE_BUILD: FAILED',
    'INSTALL 2: SUCCEEDED',
    'PRE_BUILD 2: FAILED',
    'INSTALL 3: SUCCEEDED',
    'PRE_BUILD 3: SUCCEEDED',
  ]);
  assert.equal(enough.log.match(/^X=\.$/gm)?.length, 3);
  const tooFew = await build('RETRY-1');
  assert.deepEqual(phaseStates(tooFew.record).slice(-2), ['INSTALL 2: SUCCEEDED', 'PRE_BUILD 2: FAILED']);
  const other = await build('RETRY-5-disk full');
  assert.deepEqual(phaseStates(other.record), ['INSTALL: SUCCEEDED', 'PRE_BUILD: FAILED']);
  assert.deepEqual([tooFew.exitCode, other.exitCode], [1, 1]);
});

test('retries that are used up leave the way as it is without them', async () => {
  const { record } = await runSpec(fourPhases({ build: { ...fail, onFailure: 'RETRY-0' } }));
  assert.deepEqual(phaseStates(record).slice(-2), ['POST_BUILD: SUCCEEDED', 'UPLOAD_ARTIFACTS: SUCCEEDED']);
});

// Build specification reference, phases, note: one instance of the shell; and 0.1: one for each command.
test('the directory and variables last over phases; in version 0.1 they do not', async () => {
  const phases = `phases:
  install:
    commands: ['cd /usr; A=1']
  build:
    commands: ['echo "in $PWD with \${A-nothing}"']
`;
  assert.match((await runSpec(`version: 0.2\n${phases}`)).log, /^in \/usr with 1$/m);
  const old = await runSpec(`version: 0.1\n${phases}`);
  assert.match(old.log, /^in \S+lw-project-\S+ with nothing$/m);
  assert.match(old.record.notAvailable.join('\n'), /version 0\.1/);
});

test('layerwright is on PATH: this very one, on this very Node', async () => {
  const { log } = await runSpec(buildspecOf('layerwright --version', 'cat "$(command -v layerwright)"'));
  assert.match(log, new RegExp(`^${packageJson.version.replaceAll('.', '\\.')}$`, 'm'));
  assert.ok(log.includes(`exec '${process.execPath}' '${LAUNCHER}' "$@"`));
});

test('the environment of the caller stays outside, but for what stands for the machine', async () => {
  const { log } = await runSpec(buildspecOf('env | sort'), {
    env: { GITHUB_TOKEN: 'gh-token', MINE: 'm', DOCKER_HOST: 'tcp://d', LC_TIME: 'C' },
    args: ['--env', 'MINE', '--env', 'GIVEN=a=b c'],
  });
  for (const line of ['MINE=m', 'GIVEN=a=b c', 'DOCKER_HOST=tcp://d', 'LC_TIME=C', 'CI=true'])
    assert.match(log, new RegExp(`^${line}$`, 'm'));
  assert.doesNotMatch(log, /gh-token|NODE_TEST_CONTEXT|__lw/);
  assert.match(log, /\d+ variables of your environment stay outside/);
});

// Build specification reference, env/variables: the start build operation takes highest precedence.
test('--env outranks the buildspec, and the values of variables are literal', async () => {
  const spec = `version: 0.2
env:
  variables:
    A: spec
    B: $A/share
${buildspecOf('echo "$A $B"').replace('version: 0.2\n', '')}`;
  assert.match((await runSpec(spec)).log, /^spec \$A\/share$/m);
  assert.match((await runSpec(spec, { args: ['--env', 'A=mine'] })).log, /^mine \$A\/share$/m);
});

// AWS CodeBuild User Guide, "Environment variables in build environments".
test('the variables of CodeBuild say what is built', async () => {
  await using project = await projectOf({ 'buildspec.yml': buildspecOf('env | grep ^CODEBUILD_ | sort') });
  await git(project.path, 'init', '--quiet', '--initial-branch=main');
  await git(project.path, 'add', '.');
  await git(project.path, 'commit', '--quiet', '-m', 'a');
  const head = await git(project.path, 'rev-parse', 'HEAD');
  const { log, record } = await ciRun(project.path, ['--env', 'CODEBUILD_WEBHOOK_TRIGGER=pr/7']);
  assert.match(log, new RegExp(`^CODEBUILD_RESOLVED_SOURCE_VERSION=${head}$`, 'm'));
  assert.match(log, /^CODEBUILD_SOURCE_VERSION=main$/m);
  assert.match(log, /^CODEBUILD_WEBHOOK_TRIGGER=pr\/7$/m);
  assert.match(log, new RegExp(`^CODEBUILD_BUILD_ID=${record.buildId}$`, 'm'));
  assert.match(log, new RegExp(`^CODEBUILD_SRC_DIR=${await realpath(project.path)}$`, 'm'));
  assert.doesNotMatch(log, /CODEBUILD_WEBHOOK_HEAD_REF/);
});

// Build specification reference, env/exported-variables.
test('exported variables have the value that they end with', async () => {
  const spec = `version: 0.2
env:
  variables: {A: first, B: other}
  exported-variables: [A, C, NONE, AWS_REGION]
phases:
  build: {commands: ['A=second']}
  post_build: {commands: ['C=third; exit 0']}
`;
  const { record } = await runSpec(spec, { env: { AWS_REGION: 'eu-west-1' } });
  assert.deepEqual(record.exportedVariables, { A: 'second', C: 'third' });
});

// Build specification reference, artifacts.
test('artifacts are written, with a name that the build computes', async () => {
  const spec = `${buildspecOf('mkdir -p dist/sub', 'echo 1 >dist/a.txt', 'echo 2 >dist/sub/b.txt', 'TAG=v1')}
artifacts:
  files: ['**/*']
  base-directory: dist
  name: web-$TAG-$(echo x)
  secondary-artifacts:
    flat: {files: ['dist/**/*'], discard-paths: yes}
`;
  await using project = await projectOf({ 'buildspec.yml': spec });
  const { record, exitCode } = await ciRun(project.path, ['--artifacts', 'out']);
  assert.equal(exitCode, 0);
  assert.deepEqual(
    record.artifacts.map(({ identifier, name, files }) => [identifier, name, files]),
    [
      [null, 'web-v1-x', ['a.txt', 'sub/b.txt']],
      ['flat', null, ['a.txt', 'b.txt']],
    ],
  );
  assert.equal(await readFile(join(project.path, 'out', 'web-v1-x', 'sub', 'b.txt'), 'utf8'), '2\n');
  assert.equal(await readFile(join(project.path, 'out', 'flat', 'b.txt'), 'utf8'), '2\n');
});

test('artifacts that are not there fail the build in the words of CodeBuild', async () => {
  const spec = `${buildspecOf('true')}artifacts:\n  files: [nothing.jar]\n`;
  const { record, exitCode, log } = await runSpec(spec);
  assert.deepEqual([exitCode, record.artifacts], [1, []]);
  assert.match(log, /Skipping invalid file path nothing\.jar/);
  assert.match(log, /Phase context status code: CLIENT_ERROR Message: no matching artifact paths found/);
});

// AWS CodeBuild User Guide, "Amazon S3 caching": keys with codebuild-hash-files.
test('the cache goes to a store and comes back, by a key that hashes files', async () => {
  await using store = await projectOf({});
  const spec = `${buildspecOf('ls deps 2>/dev/null; mkdir -p deps; cp requirements.txt deps/')}cache:
  key: deps-$(codebuild-hash-files requirements.txt)
  fallback-keys: [deps-]
  paths: ['deps/**/*']
`;
  const build = async (requirements: string) => {
    await using project = await projectOf({ 'buildspec.yml': spec, 'requirements.txt': requirements });
    return await ciRun(project.path, ['--store', `file://${store.path}`]);
  };
  const first = await build('a');
  assert.deepEqual([first.record.cache?.restored, first.record.cache?.saved], ['miss', 'saved'], first.log);
  assert.match(first.record.cache?.key ?? '', /^deps-[0-9a-f]{64}$/);
  const same = await build('a');
  assert.deepEqual([same.record.cache?.restored, same.record.cache?.saved], ['hit', 'skipped']);
  assert.match(same.log, /^requirements\.txt$/m);
  const other = await build('b');
  assert.deepEqual([other.record.cache?.restored, other.record.cache?.saved], ['hit', 'saved']);
  assert.equal(other.record.cache?.paths[0]?.restoredKey, first.record.cache?.key);
});

test('without a store the cache is named; with one that cannot be used the build goes on', async () => {
  const spec = `${buildspecOf('true')}cache:\n  paths: ['deps/**/*']\n`;
  const without = await runSpec(spec);
  assert.match(without.record.notAvailable.join('\n'), /^cache: there is no store/m);
  assert.deepEqual([without.exitCode, without.record.cache?.restored], [0, null]);
  const broken = await runSpec(spec, { args: ['--store', 'file:///proc/nowhere/store'] });
  assert.equal(broken.exitCode, 0, broken.log);
  assert.notEqual(broken.record.cache?.saved, 'saved');
  const { exitCode, stdout } = await layerwright(['ci', 'run', '--json', '--store', 'nowhere']);
  assert.deepEqual([exitCode, JSON.parse(stdout).error.code], [2, 'STORE_INVALID']);
});

test('a buildspec that cannot be used fails as CodeBuild does it, with its place', async () => {
  await using project = await projectOf({
    'buildspec.yml': 'version: 0.2\nphases:\n  build:\n    comands: [a]\n',
  });
  const result = await layerwright(['ci', 'run', '--json'], { cwd: project.path });
  const { error } = JSON.parse(result.stdout);
  assert.deepEqual([result.exitCode, error.code], [1, 'BUILDSPEC_INVALID']);
  assert.match(
    result.stderr,
    /error: YAML_FILE_ERROR Message: buildspec\.yml:4:5: unknown key "comands" .*\nhint: Did you mean "commands"\?/,
  );
  assert.match(result.stderr, /Phase complete: DOWNLOAD_SOURCE State: FAILED/);
  const missing = await layerwright(['ci', 'run', '--json', '--buildspec', 'ci/none.yml'], {
    cwd: project.path,
  });
  assert.deepEqual([missing.exitCode, JSON.parse(missing.stdout).error.code], [2, 'BUILDSPEC_MISSING']);
});

test('without --json standard output is empty; quiet says only what failed', async () => {
  await using project = await projectOf({ 'buildspec.yml': buildspecOf('echo loud', 'false') });
  const plain = await layerwright(['ci', 'run'], { cwd: project.path });
  assert.deepEqual([plain.exitCode, plain.stdout], [1, '']);
  const quiet = await layerwright(['ci', 'run', '--progress', 'quiet'], { cwd: project.path });
  assert.deepEqual(quiet, {
    exitCode: 1,
    stdout: '',
    stderr: 'BUILD: Error while executing command: false. Reason: exit status 1\n',
  });
});

test('Ctrl-C ends everything that the build has started, and nothing more of it runs', async () => {
  const mark = `6${process.pid}`;
  await using project = await projectOf({
    'buildspec.yml': `version: 0.2
phases:
  build:
    commands: ['sleep ${mark}1 &', 'setsid sleep ${mark}2 &', 'echo now; touch now; timeout 600 sleep ${mark}3']
    finally: ['touch finally']
`,
  });
  const controller = new AbortController();
  const result = run([process.execPath, LAUNCHER, 'ci', 'run'], {
    cwd: project.path,
    signal: controller.signal,
    onStderr: (line) => {
      if (line === 'now') setTimeout(() => controller.abort(), 200);
    },
  });
  await assert.rejects(result, { code: 'INTERRUPTED' });
  const { stdout } = await run(['ps', '-eo', 'args']);
  assert.doesNotMatch(stdout, new RegExp(`sleep ${mark}`));
  const { stdout: files } = await run(['ls', project.path]);
  assert.equal(files, 'buildspec.yml\nnow\n');
});

// Build specification reference, run-as: top level, and per phase, which takes precedence.
test('run-as is real', async () => {
  assert.equal(process.getuid?.(), 0, 'run-as needs root');
  const spec = `version: 0.2
run-as: nobody
phases:
  install: {run-as: root, commands: ['id -un']}
  build: {commands: ['id -un']}
`;
  const { log } = await runSpec(spec);
  const users = log.split('\n').filter((line) => /^(root|nobody)$/.test(line));
  assert.deepEqual(users, ['root', 'nobody']);
  await using project = await projectOf({ 'buildspec.yml': `run-as: no-such-user\n${buildspecOf('true')}` });
  const { exitCode, stdout } = await layerwright(['ci', 'run', '--json'], { cwd: project.path });
  assert.deepEqual([exitCode, JSON.parse(stdout).error.code], [2, 'USER_UNKNOWN']);
});
