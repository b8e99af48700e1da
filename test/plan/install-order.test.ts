import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installOrder } from '../../src/plan/install-order.ts';
import { seededRandom, shuffled } from '../support/random.ts';

const graph = (edges: Record<string, readonly string[]>) => new Map(Object.entries(edges));

test('of two that nothing needs, the later in the alphabet is installed first', () => {
  const names = ['opencv-python', 'opencv-python-headless'];
  assert.deepEqual(installOrder(names, names, graph({})), ['opencv-python-headless', 'opencv-python']);
});

test('what others need comes before them', () => {
  const edges = graph({ pandas: ['numpy', 'python-dateutil'], 'python-dateutil': ['six'], api: ['pandas'] });
  const names = ['api', 'numpy', 'pandas', 'python-dateutil', 'six'];
  assert.deepEqual(installOrder(names, ['api'], edges), ['six', 'numpy', 'python-dateutil', 'pandas', 'api']);
});

test('circles are no reason to stop, and weigh less than what they do not need', () => {
  const edges = graph({ a: ['b'], b: ['a', 'leaf'] });
  assert.deepEqual(installOrder(['a', 'b', 'leaf'], ['a'], edges), ['leaf', 'b', 'a']);
});

test('the order in which the set is given does not matter', () => {
  const random = seededRandom(3);
  const names = Array.from({ length: 40 }, (_, index) => `p${index}`);
  const edges = graph(
    Object.fromEntries(names.map((name, at) => [name, names.filter((_, to) => to > at && random() < 0.1)])),
  );
  const order = installOrder(names, names.slice(0, 5), edges);
  assert.deepEqual(installOrder(shuffled(names, random), shuffled(names.slice(0, 5), random), edges), order);
  for (const [name, needs] of edges)
    for (const need of needs) assert.ok(order.indexOf(need) < order.indexOf(name), `${need} before ${name}`);
});
