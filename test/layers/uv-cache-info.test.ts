import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pinnedUvCacheInfo } from '../../src/layers/uv-cache-info.ts';

test('what uv writes of times and inodes is pinned, and nothing else', () => {
  const written = (seconds: number, inode: number) =>
    `{"timestamp":{"secs_since_epoch":${seconds},"nanos_since_epoch":7},"commit":"abc","tags":null,"env":{"A":"b"},"directories":{"src":${inode},"x":null}}`;
  assert.equal(
    pinnedUvCacheInfo(written(1_796_127_522, 10_912_007)),
    '{"timestamp":{"secs_since_epoch":315532800,"nanos_since_epoch":0},"commit":"abc","tags":null,"env":{"A":"b"},"directories":{"src":0,"x":null}}',
  );
  assert.equal(pinnedUvCacheInfo(written(1, 2)), pinnedUvCacheInfo(written(3, 4)));
  assert.notEqual(pinnedUvCacheInfo(written(1, 2)), pinnedUvCacheInfo(written(1, 2).replace('abc', 'abd')));
});

test('what is no such text is none', () => {
  for (const text of ['', '{', '[]', 'null', '1']) assert.equal(pinnedUvCacheInfo(text), undefined);
  assert.equal(pinnedUvCacheInfo('{"timestamp":null}'), '{"timestamp":null}');
});
