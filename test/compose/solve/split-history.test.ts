import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isSplit,
  splitHistory,
  unsplitHistory,
  whyUnsplit,
} from '../../../src/compose/solve/split-history.ts';
import type { GivenImage } from '../../../src/compose/state.ts';
import type { History } from '../../../src/image/oci.ts';

const BASE: readonly History[] = [{ created_by: 'ADD rootfs /' }];
const SOLVED: readonly History[] = [
  ...BASE,
  { created_by: 'COPY wheels /wheels # buildkit', comment: 'buildkit.dockerfile.v0' },
  { created_by: 'RUN pip install /wheels/* # buildkit', comment: 'buildkit.dockerfile.v0' },
];
const WHY = { reason: '/opt/null is a device or a pipe', hint: undefined };

const image = (history: readonly History[], below?: GivenImage) =>
  ({ config: { history }, below }) as unknown as GivenImage;

test('why a segment was not split stands in its history, and in nothing else of it', () => {
  const history = unsplitHistory(SOLVED, BASE.length, WHY);
  const { comment: _, ...line } = SOLVED.at(-1) as History;
  assert.deepEqual(history.slice(0, -1), SOLVED.slice(0, -1));
  assert.deepEqual({ ...history.at(-1), comment: undefined }, { ...line, comment: undefined });
  const found = image(JSON.parse(JSON.stringify(history)) as History[], image(BASE));
  assert.deepEqual(whyUnsplit(found), WHY);
  assert.equal(isSplit(found), false);
  const hinted = { ...WHY, hint: 'Keep the cache out of the image.' };
  assert.deepEqual(whyUnsplit(image(unsplitHistory(SOLVED, BASE.length, hinted), image(BASE))), hinted);
});

test('what is said of a segment below is not said of the one above, whether that is split or not', () => {
  const lower = image(unsplitHistory(SOLVED, BASE.length, WHY), image(BASE));
  const lines = lower.config.history ?? [];
  assert.equal(whyUnsplit(image([...lines, { created_by: 'RUN make' }], lower)), undefined);
  const own = [...lines, { created_by: 'RUN pip install six' }];
  const upper = image(splitHistory(own, lines.length, ['six 1.17.0']), lower);
  assert.equal(isSplit(upper), true);
  assert.equal(whyUnsplit(upper), undefined);
});

test('a segment without a line of its own says nothing', () => {
  assert.deepEqual(unsplitHistory(BASE, BASE.length, WHY), BASE);
  assert.equal(whyUnsplit(image(SOLVED, image(BASE))), undefined);
});
