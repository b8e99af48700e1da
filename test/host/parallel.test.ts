import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inParallel } from '../../src/host/parallel.ts';

const soon = () => new Promise<void>((wake) => setImmediate(wake));

test('so many at a time, and the results in the order of the items', async () => {
  let [running, most] = [0, 0];
  const results = await inParallel([5, 1, 4, 2, 3, 0], 3, async (item, index) => {
    most = Math.max(most, ++running);
    for (let turns = 0; turns < item; turns++) await soon();
    running--;
    return [item * 10, index];
  });
  assert.deepEqual(results, [
    [50, 0],
    [10, 1],
    [40, 2],
    [20, 3],
    [30, 4],
    [0, 5],
  ]);
  assert.equal(most, 3);
  assert.deepEqual(await inParallel([], 3, soon), []);
});

test('after a failure nothing new is begun, what runs is waited for, and the first failure is told', async () => {
  const ended: number[] = [];
  const work = inParallel([1, 2, 3, 4, 5], 2, async (item) => {
    await soon();
    if (item === 2) throw new Error('two');
    await soon();
    await soon();
    ended.push(item);
    if (item === 1) throw new Error('one');
  });
  await assert.rejects(work, /^Error: two$/);
  assert.deepEqual(ended, [1]);
});

test('a thrown undefined is a failure too', async () => {
  let failed = false;
  await inParallel([1], 1, () => Promise.reject()).catch(() => {
    failed = true;
  });
  assert.ok(failed);
});
