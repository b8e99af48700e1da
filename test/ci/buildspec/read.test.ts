import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseBuildspec, readBuildspec } from '../../../src/ci/buildspec/read.ts';
import { LayerwrightError } from '../../../src/errors.ts';

const parse = (text: string) => parseBuildspec(text, 'buildspec.yml');

/** The message and hint with which a buildspec is refused. */
async function refusal(text: string): Promise<{ message: string; hint: string | undefined }> {
  const error = await parse(text).then(
    () => assert.fail(`accepted: ${text}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LayerwrightError, String(error));
  assert.deepEqual([error.code, error.exit], ['BUILDSPEC_INVALID', 1]);
  return { message: error.message.replace('YAML_FILE_ERROR Message: buildspec.yml:', ''), hint: error.hint };
}

const BUILD = 'phases:\n  build:\n    commands: [make]\n';

// Build specification reference, "Buildspec syntax": every key that the syntax block has.
const EVERYTHING = `version: 0.2
run-as: builder
env:
  shell: bash
  variables:
    PLAIN: text
    NUMBER: 1.10
    ANSWER: no
    EMPTY:
  parameter-store:
    PASSWORD: /web/password
  exported-variables:
    - TAG
  secrets-manager:
    TOKEN: web/token:key
  git-credential-helper: yes
proxy:
  upload-artifacts: yes
  logs: no
batch:
  fast-fail: false
  build-list:
    - identifier: one
phases:
  post_build:
    commands: [echo done]
  install:
    run-as: root
    on-failure: CONTINUE
    runtime-versions:
      python: 3.12
    commands:
      - apt-get update
    finally:
      - echo always
  pre_build:
    commands: ['true']
  build:
    commands:
      - |
        set -e
        make
reports:
  tests:
    files: ['**/*.xml']
    base-directory: out
    discard-paths: no
    file-format: JUNITXML
artifacts:
  files: ['**/*']
  name: web-$(date +%F)
  discard-paths: yes
  base-directory: 'dist*'
  exclude-paths: '**/*.map'
  enable-symlinks: yes
  s3-prefix: here
  secondary-artifacts:
    docs:
      files: [docs/*]
      base-directory: site
cache:
  key: pip-$(codebuild-hash-files requirements.txt)
  fallback-keys: [pip-]
  action: restore
  paths: ['/root/.cache/pip/**/*']
`;

test('every key of the reference is read', async () => {
  const spec = await parse(EVERYTHING);
  assert.deepEqual(spec.env, {
    shell: 'bash',
    variables: { PLAIN: 'text', NUMBER: '1.10', ANSWER: 'no', EMPTY: '' },
    parameterStore: { PASSWORD: '/web/password' },
    secretsManager: {
      TOKEN: { secretId: 'web/token', jsonKey: 'key', versionStage: undefined, versionId: undefined },
    },
    exportedVariables: ['TAG'],
  });
  assert.equal(spec.runAs, 'builder');
  assert.deepEqual(
    spec.phases.map(({ name }) => name),
    ['install', 'pre_build', 'build', 'post_build'],
  );
  assert.deepEqual(spec.phases[0], {
    name: 'install',
    runAs: 'root',
    onFailure: { do: 'continue' },
    commands: ['apt-get update'],
    finally: ['echo always'],
  });
  assert.deepEqual(spec.phases[2]?.commands, ['set -e\nmake\n']);
  assert.deepEqual(spec.artifacts, {
    files: ['**/*'],
    name: 'web-$(date +%F)',
    discardPaths: true,
    baseDirectory: 'dist*',
    excludePaths: ['**/*.map'],
    secondary: {
      docs: {
        files: ['docs/*'],
        name: undefined,
        discardPaths: false,
        baseDirectory: 'site',
        excludePaths: [],
      },
    },
  });
  assert.deepEqual(spec.cache, {
    key: 'pip-$(codebuild-hash-files requirements.txt)',
    fallbackKeys: ['pip-'],
    action: 'restore',
    paths: ['/root/.cache/pip/**/*'],
  });
});

test('what this machine does not do is named, once each', async () => {
  const { notAvailable } = await parse(EVERYTHING);
  assert.deepEqual(
    notAvailable.map((line) => line.slice(0, line.indexOf(': '))).sort(),
    [
      'artifacts/enable-symlinks',
      'artifacts/s3-prefix',
      'batch',
      'env/git-credential-helper',
      'phases/install/runtime-versions',
      'proxy',
      'reports/tests',
    ].sort(),
  );
  assert.deepEqual((await parse(`version: 0.2\n${BUILD}`)).notAvailable, []);
});

// Build specification reference, version, and "Buildspec versions".
test('the version is required and is 0.1 or 0.2', async () => {
  assert.deepEqual(await refusal(BUILD), {
    message: '1:1: version is required',
    hint: 'Begin the file with "version: 0.2".',
  });
  assert.match((await refusal(`version: 0.3\n${BUILD}`)).message, /^1:10: Invalid buildspec version: "0.3"/);
  assert.match((await refusal(`version:\n${BUILD}`)).message, /^1:9: Invalid buildspec version: ""/);
  assert.equal((await parse(`version: "0.2"\n${BUILD}`)).version, '0.2');
});

// "Buildspec versions": environment_variables and plaintext were renamed to env and variables in 0.2.
test('version 0.1 has its own names for the environment, and is told', async () => {
  const spec = await parse(`version: 0.1\nenvironment_variables:\n  plaintext:\n    A: b\n${BUILD}`);
  assert.deepEqual([spec.version, spec.env.variables], ['0.1', { A: 'b' }]);
  assert.match(spec.notAvailable.join('\n'), /version 0\.1: each command runs in a shell of its own/);
  assert.match((await refusal(`version: 0.1\nenv:\n  variables: {}\n${BUILD}`)).message, /unknown key "env"/);
});

test('an unknown key is refused with its place and the nearest name', async () => {
  assert.deepEqual(await refusal('version: 0.2\nphases:\n  build:\n    comands: [a]\n'), {
    message: '4:5: unknown key "comands" in phases/build',
    hint: 'Did you mean "commands"?',
  });
  assert.deepEqual(await refusal(`version: 0.2\nartefacts:\n  files: [a]\n${BUILD}`), {
    message: '2:1: unknown key "artefacts" in the buildspec',
    hint: 'Did you mean "artifacts"?',
  });
  assert.match(
    (await refusal(`version: 0.2\nimage: x\n${BUILD}`)).hint ?? '',
    /^Known: version, run-as, env/,
  );
  for (const [section, key] of [
    ['env', 'variable'],
    ['cache', 'keys'],
    ['proxy', 'log'],
  ])
    assert.match((await refusal(`version: 0.2\n${section}:\n  ${key}: a\n${BUILD}`)).message, /unknown key/);
  assert.match(
    (await refusal(`version: 0.2\nreports:\n  r:\n    file: a\n${BUILD}`)).message,
    /unknown key "file" in reports\/r/,
  );
  // runtime-versions belongs to install only.
  assert.match(
    (await refusal('version: 0.2\nphases:\n  build:\n    runtime-versions: {}\n    commands: [a]\n')).message,
    /^4:5: unknown key "runtime-versions"/,
  );
});

// The words of CodeBuild's own log.
test('a phase with another name is refused as CodeBuild does it', async () => {
  assert.deepEqual(await refusal('version: 0.2\nphases:\n  postbuild:\n    commands: [a]\n'), {
    message: '3:3: Invalid buildspec phase name: postbuild. Expecting: BUILD,INSTALL,POST_BUILD,PRE_BUILD',
    hint: 'Did you mean "post_build"?',
  });
});

// Build specification reference, phases: required, and commands required in all but install.
test('empty phases are refused', async () => {
  assert.match((await refusal('version: 0.2\n')).message, /^1:1: phases is required/);
  assert.match((await refusal('version: 0.2\nphases:\n')).message, /phases is empty/);
  assert.match((await refusal('version: 0.2\nphases:\n  build:\n')).message, /^3:3: phases\/build is empty/);
  const commented = 'version: 0.2\nphases:\n  build:\n    commands:\n    # - make\n';
  assert.match((await refusal(commented)).message, /^3:3: phases\/build has no commands/);
  const runtimes = 'version: 0.2\nphases:\n  install:\n    runtime-versions:\n      python: 3.12\n';
  assert.deepEqual((await parse(runtimes)).phases[0]?.commands, []);
});

test('wrong types are told with their place', async () => {
  const cases: readonly [string, RegExp][] = [
    ['phases: [build]', /^2:9: phases must have keys and values, but is a list/],
    ['phases: {build: {commands: make}}', /^2:28: phases\/build\/commands must be a list, but is "make"/],
    ['phases: {build: {commands: [[a]]}}', /^2:29: Expected Commands\[0\] to be of string type: is a list/],
    ['phases: {build: {commands: [a, ~]}}', /Expected Commands\[1\] to be of string type: is empty/],
    ['env: {variables: [a]}', /env\/variables must have keys and values, but is a list/],
    ['env: {variables: {A: [b]}}', /env\/variables\/A must be text, but is a list/],
    ['env: {git-credential-helper: maybe}', /must be yes or no, but is "maybe"/],
    ['env: {exported-variables: [my-var]}', /"my-var" is no name of a variable/],
    ['artifacts: {name: a}', /artifacts\/files is required/],
    ['cache: {key: a}', /cache\/paths is required/],
    ['cache: {paths: [a], action: both}', /cache\/action must be restore or save/],
    ['cache: {paths: [a], fallback-keys: [a, b, c, d, e, f]}', /up to 5 are supported, these are 6/],
    ['run-as: [a]', /run-as must be text/],
  ];
  for (const [line, expected] of cases) {
    const rest = line.startsWith('phases') ? '' : BUILD;
    assert.match((await refusal(`version: 0.2\n${line}\n${rest}`)).message, expected, line);
  }
});

// "Buildspec syntax": a command with a colon and a space must be quoted.
test('a command that YAML takes for a key is explained', async () => {
  const text = 'version: 0.2\nphases:\n  build:\n    commands:\n      - echo "Hello: world"\n';
  assert.deepEqual(await refusal(text), {
    message: '5:9: Expected Commands[0] to be of string type: found subkeys instead at line 5',
    hint: 'A command that has a colon and a space in it must be in quotation marks.',
  });
});

test('tabs in the indentation are told as such', async () => {
  for (const text of [
    'version: 0.2\nphases:\n\tbuild:\n\t\tcommands: [a]\n',
    'version: 0.2\nphases:\n  build:\n  \tcommands: [a]\n',
  ]) {
    const { message, hint } = await refusal(text);
    assert.match(message, /found character that cannot start any token at line [34]: a tab/);
    assert.equal(hint, 'YAML is indented with spaces only.');
  }
});

test('what is no YAML, or not one document with keys, is refused with its place', async () => {
  assert.match((await refusal('version: 0.2\nversion: 0.2\n')).message, /^2:1: Map keys must be unique/);
  assert.match((await refusal(`version: 0.2\n${BUILD}---\na: b\n`)).message, /second document/);
  assert.match((await refusal('- a\n')).message, /must have keys and values, but is a list/);
  assert.match((await refusal(`version: 0.2\nenv: *nothing\n${BUILD}`)).message, /^2:6: there is no anchor/);
  assert.match((await refusal('version: 0.2\nphases: {build: "\n')).message, /^\d+:\d+: Missing closing/);
  await assert.rejects(parse(''), /buildspec\.yml: the file is empty/);
  await assert.rejects(parse('# nothing\n'), /the file is empty/);
});

test('anchors, aliases and merge keys are followed, and do not grow without end', async () => {
  const merged = await parse(
    'version: 0.2\nphases:\n  install: &i\n    run-as: x\n    commands: &c [a]\n  build:\n    <<: *i\n    commands: [b]\n  post_build:\n    commands: *c\n',
  );
  assert.deepEqual(
    merged.phases.map(({ runAs, commands }) => [runAs, ...commands]),
    [
      ['x', 'a'],
      ['x', 'b'],
      [undefined, 'a'],
    ],
  );
  const levels = Array.from({ length: 9 }, (_, at) => `    - &l${at + 1} [${Array(9).fill(`*l${at}`)}]`);
  const bomb = `version: 0.2\nphases:\n  build:\n    commands:\n    - &l0 a\n${levels.join('\n')}\n`;
  assert.match((await refusal(bomb)).message, /its aliases make it too large/);
});

test('a byte order mark and Windows line ends are accepted', async () => {
  const text = `\uFEFFversion: 0.2\nphases:\n  build:\n    commands:\n      - |\n        a\n        b\n`;
  const spec = await parse(text.replaceAll('\n', '\r\n'));
  assert.deepEqual(spec.phases[0]?.commands, ['a\nb\n']);
});

// Build specification reference, env/shell: bash and /bin/sh for Linux, the others for Windows.
test('shells of Windows are refused', async () => {
  const shell = (name: string) => `version: 0.2\nenv:\n  shell: ${name}\n${BUILD}`;
  assert.match((await refusal(shell('powershell.exe'))).message, /^3:10: .*powershell\.exe is for Windows/);
  assert.match((await refusal(shell('fish'))).message, /no shell that CodeBuild knows/);
  assert.equal((await parse(shell('/bin/sh'))).env.shell, 'sh');
});

test('a file that is not there is told as CodeBuild does it', async () => {
  await assert.rejects(readBuildspec(join(import.meta.dirname, 'nosuch.yml'), 'nosuch.yml'), {
    code: 'BUILDSPEC_MISSING',
    exit: 2,
    message: 'YAML_FILE_ERROR Message: stat nosuch.yml: no such file or directory',
  });
});
