import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codebuildVariables, readSource } from '../../../src/ci/run/codebuild-variables.ts';
import { givenVariables, passedEnvironment } from '../../../src/ci/run/environment.ts';
import { git, projectOf } from '../../commands/launch.ts';
import { testHost } from '../../support/host.ts';

test('only what stands for the machine is passed on, and what is not is known', () => {
  const { env, leftOut } = passedEnvironment({
    PATH: '/bin',
    LC_ALL: 'C',
    DOCKER_HOST: 'd',
    BUILDX_BUILDER: 'b',
    AWS_PROFILE: 'p',
    https_proxy: 'h',
    NODE_EXTRA_CA_CERTS: 'c',
    LAYERWRIGHT_STORE: 's',
    CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/main',
    PWD: '/x',
    SHLVL: '1',
    _: 'y',
    GITHUB_TOKEN: 'secret',
    NPM_TOKEN: 'secret',
    NODE_OPTIONS: '--inspect',
  });
  assert.deepEqual(
    Object.keys(env),
    [
      ...['AWS_PROFILE', 'BUILDX_BUILDER', 'CODEBUILD_WEBHOOK_HEAD_REF', 'DOCKER_HOST', 'LAYERWRIGHT_STORE'],
      ...['LC_ALL', 'NODE_EXTRA_CA_CERTS', 'PATH', 'https_proxy'],
    ].sort(),
  );
  assert.deepEqual(leftOut, ['GITHUB_TOKEN', 'NODE_OPTIONS', 'NPM_TOKEN']);
});

test('--env gives a value, or passes on the one that is set', () => {
  const env = { HERE: 'mine', EMPTY: '' };
  assert.deepEqual(givenVariables(['A=b=c\nd', 'HERE', 'EMPTY', 'NONE=', 'A=last'], env), {
    A: 'last',
    HERE: 'mine',
    EMPTY: '',
    NONE: '',
  });
  assert.throws(() => givenVariables(['MISSING'], env), { code: 'ENV_NOT_SET', exit: 2 });
  for (const word of ['=x', '1A=x', 'my-var=x', ''])
    assert.throws(() => givenVariables([word], env), { code: 'ENV_INVALID', exit: 2 }, word);
  assert.throws(() => givenVariables(['CODEBUILD_SRC_DIR=/x'], env), { code: 'ENV_INVALID' });
  assert.deepEqual(givenVariables(['CODEBUILD_WEBHOOK_TRIGGER=pr/1'], env), {
    CODEBUILD_WEBHOOK_TRIGGER: 'pr/1',
  });
});

const SOURCE = { commit: 'c'.repeat(40), branch: 'main', repositoryUrl: 'https://example.com/web.git' };
const NOW = new Date('2026-01-02T03:04:05.678Z');

// AWS CodeBuild User Guide, "Environment variables in build environments".
test('the variables of CodeBuild are there', () => {
  const { id, variables } = codebuildVariables(
    { AWS_REGION: 'eu-west-1', USER: 'kim' },
    '/src/web',
    SOURCE,
    NOW,
    'uuid',
  );
  assert.equal(id, 'web:uuid');
  assert.deepEqual(variables, {
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_REGION: 'eu-west-1',
    CI: 'true',
    CODEBUILD_BUILD_ARN: 'arn:aws:codebuild:eu-west-1:000000000000:build/web:uuid',
    CODEBUILD_BUILD_ID: 'web:uuid',
    CODEBUILD_BUILD_IMAGE: 'local',
    CODEBUILD_BUILD_NUMBER: '1',
    CODEBUILD_BUILD_SUCCEEDING: '1',
    CODEBUILD_INITIATOR: 'kim',
    CODEBUILD_LOG_PATH: 'uuid',
    CODEBUILD_RESOLVED_SOURCE_VERSION: 'c'.repeat(40),
    CODEBUILD_SOURCE_REPO_URL: 'https://example.com/web.git',
    CODEBUILD_SOURCE_VERSION: 'main',
    CODEBUILD_SRC_DIR: '/src/web',
    CODEBUILD_START_TIME: String(NOW.getTime()),
  });
});

test('what is built may be said by the caller; what this run is may not', () => {
  const { variables } = codebuildVariables(
    { CODEBUILD_RESOLVED_SOURCE_VERSION: 'd'.repeat(40), CODEBUILD_BUILD_ID: 'x', CODEBUILD_SRC_DIR: '/x' },
    '/src/web',
    { ...SOURCE, commit: undefined },
    NOW,
    'uuid',
  );
  assert.equal(variables.CODEBUILD_RESOLVED_SOURCE_VERSION, 'd'.repeat(40));
  assert.equal(variables.CODEBUILD_BUILD_ID, 'web:uuid');
  assert.equal(variables.CODEBUILD_SRC_DIR, '/src/web');
  assert.equal(variables.AWS_REGION, undefined);
});

test('git says what is built, without the credentials of its remote', async () => {
  await using project = await projectOf({ a: '' });
  const host = testHost({ cwd: project.path, env: { ...process.env, GIT_CEILING_DIRECTORIES: '/' } });
  assert.deepEqual(await readSource(host), {
    commit: undefined,
    branch: undefined,
    repositoryUrl: undefined,
  });
  await git(project.path, 'init', '--quiet', '--initial-branch=main');
  await git(project.path, 'add', 'a');
  await git(project.path, 'commit', '--quiet', '-m', 'a');
  await git(project.path, 'remote', 'add', 'origin', 'https://kim:token@example.com/web.git');
  assert.deepEqual(await readSource(host), {
    commit: await git(project.path, 'rev-parse', 'HEAD'),
    branch: 'main',
    repositoryUrl: 'https://example.com/web.git',
  });
});
