import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ciContext, type SourceContext, sourceContext } from '../../src/ci/context.ts';
import { sourceLabels } from '../../src/ci/labels.ts';
import { pageOf } from '../../src/ci/providers.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { git } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';

const SHA = '0123456789abcdef0123456789abcdef01234567';

function assertContext(env: NodeJS.ProcessEnv, expected: Partial<SourceContext>): void {
  const found = ciContext(env);
  const picked = Object.fromEntries(
    Object.keys(expected).map((key) => [key, found[key as keyof typeof found]]),
  );
  assert.deepEqual(picked, expected);
}

test('CodeBuild: a push, a tag, a pull request and a build by hand', () => {
  const build = {
    CODEBUILD_BUILD_ID: 'app:1',
    CODEBUILD_RESOLVED_SOURCE_VERSION: SHA,
    CODEBUILD_SOURCE_REPO_URL: 'https://user:pass@git.example.com/team/app.git',
  };
  assertContext(
    {
      ...build,
      CODEBUILD_WEBHOOK_TRIGGER: 'branch/feature/x',
      CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/feature/x',
    },
    {
      ...{
        provider: 'codebuild',
        sha: SHA,
        branch: 'feature/x',
        tag: undefined,
        event: 'push',
        trust: 'trusted',
      },
      repositoryUrl: 'https://git.example.com/team/app',
    },
  );
  assertContext(
    { ...build, CODEBUILD_WEBHOOK_TRIGGER: 'tag/v1.2' },
    { event: 'tag', tag: 'v1.2', trust: 'trusted' },
  );
  assertContext(
    { ...build, CODEBUILD_WEBHOOK_TRIGGER: 'pr/12', CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/main' },
    { event: 'pull-request', pullRequest: '12', branch: 'main', trust: 'untrusted' },
  );
  assertContext(
    { ...build, CODEBUILD_SOURCE_VERSION: 'pr/12' },
    { event: 'pull-request', trust: 'untrusted' },
  );
  assertContext({ ...build, CODEBUILD_SOURCE_VERSION: SHA }, { event: 'manual', trust: 'trusted' });
  // An S3 source has an object version there, which is no commit.
  assertContext({ CODEBUILD_RESOLVED_SOURCE_VERSION: 'arn:aws:s3:::bucket/key' }, { sha: undefined });
});

test('GitHub: events that a stranger can cause are not trusted, nor those that we do not know', () => {
  const run = {
    GITHUB_ACTIONS: 'true',
    GITHUB_SHA: SHA,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'team/app',
  };
  assertContext(
    { ...run, GITHUB_EVENT_NAME: 'push', GITHUB_REF_NAME: 'main', GITHUB_REF_TYPE: 'branch' },
    {
      ...{ provider: 'github', sha: SHA, branch: 'main', event: 'push', trust: 'trusted' },
      repositoryUrl: 'https://github.com/team/app',
    },
  );
  assertContext(
    { ...run, GITHUB_EVENT_NAME: 'push', GITHUB_REF_NAME: 'v2', GITHUB_REF_TYPE: 'tag' },
    { event: 'tag', tag: 'v2' },
  );
  for (const name of ['pull_request', 'pull_request_target'])
    assertContext(
      {
        ...run,
        ...{ GITHUB_EVENT_NAME: name, GITHUB_REF: 'refs/pull/5/merge' },
        ...{ GITHUB_REF_NAME: '5/merge', GITHUB_HEAD_REF: 'topic' },
      },
      { event: 'pull-request', pullRequest: '5', branch: 'topic', trust: 'untrusted' },
    );
  for (const name of ['issue_comment', 'workflow_run', 'invented'])
    assertContext({ ...run, GITHUB_EVENT_NAME: name }, { event: 'other', trust: 'untrusted' });
  assertContext({ ...run, GITHUB_EVENT_NAME: 'schedule' }, { event: 'schedule', trust: 'trusted' });
});

test('GitLab: pushes and schedules, tags, merge requests', () => {
  const job = { GITLAB_CI: 'true', CI_COMMIT_SHA: SHA, CI_COMMIT_REF_NAME: 'main' };
  assertContext(
    { ...job, CI_PIPELINE_SOURCE: 'push', CI_PROJECT_URL: 'https://gitlab.example.com/team/app' },
    {
      ...{ provider: 'gitlab', sha: SHA, branch: 'main', event: 'push', trust: 'trusted' },
      repositoryUrl: 'https://gitlab.example.com/team/app',
    },
  );
  assertContext(
    { ...job, CI_PIPELINE_SOURCE: 'push', CI_COMMIT_TAG: 'v3', CI_COMMIT_REF_NAME: 'v3' },
    { event: 'tag', tag: 'v3', trust: 'trusted' },
  );
  for (const source of ['merge_request_event', 'parent_pipeline'])
    assertContext(
      {
        ...job,
        ...{ CI_PIPELINE_SOURCE: source, CI_MERGE_REQUEST_IID: '7' },
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'topic',
      },
      { event: 'pull-request', pullRequest: '7', branch: 'topic', trust: 'untrusted' },
    );
  assertContext({ ...job, CI_PIPELINE_SOURCE: 'invented' }, { event: 'other', trust: 'untrusted' });
});

test('no CI: trusted, by hand', () => {
  assertContext({ PATH: '/bin' }, { provider: 'none', event: 'manual', trust: 'trusted', sha: undefined });
});

test('git is asked where the CI says nothing, and a CI variable wins over git', async () => {
  await using directory = await temporaryDirectory();
  const at = directory.path;
  const bare = testHost({ env: { PATH: process.env.PATH } });
  const of = async (host = bare) => {
    const { sha, branch, commitSeconds, repositoryUrl } = await sourceContext(host, at);
    return [sha, branch, commitSeconds, repositoryUrl];
  };
  assert.deepEqual(await of(), [undefined, undefined, undefined, undefined]);
  await git(at, 'init', '--quiet', '--initial-branch', 'topic/a');
  await writeFile(join(at, 'file'), 'x');
  await git(at, 'add', '.');
  await git(at, 'commit', '--quiet', '--message', 'one');
  const head = await git(at, 'rev-parse', 'HEAD');
  const seconds = Number(await git(at, 'log', '-1', '--format=%ct'));
  assert.deepEqual(await of(), [head, 'topic/a', seconds, undefined]);
  await git(at, 'remote', 'add', 'origin', 'git@git.example.com:team/app.git');
  const ci = testHost({ env: { PATH: process.env.PATH, GITHUB_SHA: SHA } });
  // The checkout does not have the commit that the CI names: its time is not known.
  assert.deepEqual(await of(ci), [SHA, 'topic/a', undefined, 'https://git.example.com/team/app']);
  await git(at, 'checkout', '--quiet', '--detach');
  assert.equal((await of())[1], undefined);
  assert.equal((await of(testHost({ env: { PATH: '' } })))[0], undefined);
});

test('the page of a repository has no login', () => {
  assert.equal(pageOf('https://token@github.com/team/app.git'), 'https://github.com/team/app');
  assert.equal(pageOf('ssh://git@host.example:2222/team/app'), 'https://host.example:2222/team/app');
  assert.equal(pageOf('git@github.com:team/app.git'), 'https://github.com/team/app');
  for (const none of ['/srv/git/app.git', '../app', 'arn:aws:s3:::bucket/key', '', undefined])
    assert.equal(pageOf(none), undefined);
});

test('labels say where an image comes from, as far as it is known', () => {
  const known = { ...ciContext({}), sha: SHA, tag: 'v1', commitSeconds: 1_767_323_045 };
  assert.deepEqual(sourceLabels(known), [
    'org.opencontainers.image.created=2026-01-02T03:04:05Z',
    `org.opencontainers.image.revision=${SHA}`,
    'org.opencontainers.image.version=v1',
  ]);
  assert.deepEqual(sourceLabels({ ...ciContext({}), commitSeconds: undefined }), []);
});
