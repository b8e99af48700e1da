import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageDefinitions } from '../../src/ci/image-definitions.ts';
import { expandTag } from '../../src/ci/tags.ts';
import { LayerwrightError } from '../../src/errors.ts';

const SHA = '0123456789abcdef0123456789abcdef01234567';

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
