import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, SCENARIOS } from '../../bench/sample.ts';
import { TARGETS, timesFaster, verdicts } from '../../bench/targets.ts';
import { sample } from './samples.ts';

test('the median is the middle value, or the mean of the middle two', () => {
  assert.equal(median([10, 9, 100]), 10);
  assert.equal(median([4, 1, 2, 100]), 3);
  assert.equal(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('how much faster is the quotient of the medians, recipe above', () => {
  const samples = [
    ...[60, 20, 22].map((seconds) => sample('one-line', 'recipe', seconds)),
    ...[0.5, 0.4, 9].map((seconds) => sample('one-line', 'layerwright', seconds)),
    sample('cold', 'recipe', 600),
  ];
  assert.equal(timesFaster(samples, 'one-line', 'layerwright'), 44);
  assert.equal(timesFaster(samples, 'one-line', 'recipe'), 1);
  assert.equal(timesFaster(samples, 'cold', 'layerwright'), undefined);
  assert.equal(timesFaster(samples, 'one-line', 'recipe-link'), undefined);
});

function metOf(samples: Parameters<typeof verdicts>[0], docker?: Parameters<typeof verdicts>[1]) {
  return Object.fromEntries(verdicts(samples, docker).map(({ what, met }) => [what, met]));
}

test('a target is met at its limit and missed beyond it, each by itself', () => {
  const at = (seconds: number, pullBytes: number, peakMemoryBytes: number) => [
    sample('one-line', 'recipe', 40),
    sample('one-line', 'layerwright', seconds, { pullBytes, peakMemoryBytes }),
  ];
  const all = (faster: boolean, time: boolean, pulls: boolean, memory: boolean) => ({
    'one-line: faster than the recipe': faster,
    'one-line: time': time,
    'one-line: a node pulls': pulls,
    'peak memory of our process': memory,
  });
  assert.deepEqual(metOf(at(1, 65_536, 300_000_000)), all(true, true, true, true));
  assert.deepEqual(metOf(at(1.001, 65_536, 300_000_000)), all(false, false, true, true));
  assert.deepEqual(metOf(at(1, 65_537, 300_000_000)), all(true, true, false, true));
  assert.deepEqual(metOf(at(1, 65_536, 300_000_001)), all(true, true, true, false));
});

test('what was not measured has no verdict', () => {
  assert.deepEqual(verdicts([]), []);
  assert.deepEqual(verdicts([sample('cold', 'recipe', 60), sample('cold', 'recipe-link', 57)]), []);
  // Without the recipe there is nothing to be faster than.
  assert.deepEqual(Object.keys(metOf([sample('one-package', 'layerwright', 1)])), [
    'one-package: time',
    'peak memory of our process',
  ]);
});

test('Docker pulls and starts our image in at most 1.1 times the recipe\u2019s time', () => {
  const recipe = { peer: 'recipe', run: 1, pullSeconds: 9, startSeconds: 1 } as const;
  const own = (pullSeconds: number) =>
    ({ peer: 'layerwright', run: 1, pullSeconds, startSeconds: 2 }) as const;
  const what = 'cold pull and start in Docker, of the recipe\u2019s';
  assert.deepEqual(metOf([], [recipe, own(9)]), { [what]: true });
  assert.deepEqual(metOf([], [recipe, own(9.1)]), { [what]: false });
  assert.deepEqual(metOf([], [recipe]), {});
});

test('the targets are those of the design', () => {
  assert.deepEqual(
    SCENARIOS.map((scenario) => TARGETS[scenario].times),
    [3, 1, 40, 70, undefined, 4],
  );
});
