import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ciSource, sourceContext } from '../../src/ci/context.ts';
import { imageDefinitions } from '../../src/ci/image-definitions.ts';
import { expandTag } from '../../src/ci/tags.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';

const SHA = '0123456789abcdef0123456789abcdef01234567';

test("the CI's own variables name commit and branch", () => {
  assert.deepEqual(
    ciSource({ CODEBUILD_RESOLVED_SOURCE_VERSION: SHA, CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/feature/x' }),
    {
      sha: SHA,
      branch: 'feature/x',
    },
  );
  assert.deepEqual(ciSource({ GITHUB_SHA: SHA, GITHUB_REF_NAME: '5/merge', GITHUB_HEAD_REF: 'topic' }), {
    sha: SHA,
    branch: 'topic',
  });
  assert.deepEqual(ciSource({ CI_COMMIT_SHA: SHA, CI_COMMIT_REF_NAME: 'main' }), {
    sha: SHA,
    branch: 'main',
  });
  // An S3 source has an object version there, which is no commit.
  assert.equal(ciSource({ CODEBUILD_RESOLVED_SOURCE_VERSION: 'arn:aws:s3:::bucket/key' }).sha, undefined);
});

test('git is asked where the CI says nothing, and a CI variable wins over git', async () => {
  await using directory = await temporaryDirectory();
  const git = (...args: string[]) =>
    execFileSync(
      'git',
      ['-C', directory.path, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args],
      { encoding: 'utf8' },
    ).trim();
  const bare = testHost({ env: { PATH: process.env.PATH } });
  assert.deepEqual(await sourceContext(bare, directory.path), { sha: undefined, branch: undefined });
  git('init', '-q', '-b', 'topic/a b'.replace(' ', '-'));
  await writeFile(join(directory.path, 'file'), 'x');
  git('add', '.');
  git('commit', '-qm', 'one');
  const head = git('rev-parse', 'HEAD');
  assert.deepEqual(await sourceContext(bare, directory.path), { sha: head, branch: 'topic/a-b' });
  const ci = testHost({ env: { PATH: process.env.PATH, GITHUB_SHA: SHA } });
  assert.deepEqual(await sourceContext(ci, directory.path), { sha: SHA, branch: 'topic/a-b' });
  git('checkout', '-q', '--detach');
  assert.deepEqual(await sourceContext(bare, directory.path), { sha: head, branch: undefined });
  assert.deepEqual(await sourceContext(testHost({ env: { PATH: '' } }), directory.path), {
    sha: undefined,
    branch: undefined,
  });
});

test('placeholders in tags', () => {
  const now = new Date('2026-03-04T23:30:00-05:00');
  const source = { sha: SHA, branch: 'feature/Ünïcode & more' };
  assert.equal(expandTag('r/app:{sha}', source, now), `r/app:${SHA}`);
  assert.equal(expandTag('r/app:{branch}', source, now), 'r/app:feature--n-code---more');
  assert.equal(expandTag('r/app:{date}-{sha}', source, now), `r/app:20260305-${SHA}`);
  assert.equal(
    expandTag('r/app:{branch}', { ...source, branch: 'x'.repeat(200) }, now),
    `r/app:${'x'.repeat(128)}`,
  );
  const refused = (tag: string, code: string) =>
    assert.throws(
      () => expandTag(tag, { sha: undefined, branch: undefined }, now),
      (error) =>
        error instanceof LayerwrightError &&
        error.exit === 2 &&
        error.code === code &&
        error.hint !== undefined,
    );
  refused('r/app:{sha}', 'TAG_VALUE_UNKNOWN');
  refused('r/app:{branch}', 'TAG_VALUE_UNKNOWN');
  refused('r/app:{commit}', 'TAG_PLACEHOLDER_UNKNOWN');
  refused('r/app:{constructor}', 'TAG_PLACEHOLDER_UNKNOWN');
});

test('imagedefinitions.json has the form that CodePipeline reads', () => {
  assert.equal(imageDefinitions('web', 'r/app:1'), '[{"name":"web","imageUri":"r/app:1"}]\n');
});
