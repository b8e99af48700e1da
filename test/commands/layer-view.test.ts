import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layerView } from '../../src/commands/compose/layer-view.ts';
import type { LayerOutcome, LayerSource } from '../../src/compose/keep/layer-source.ts';
import type { WrittenLayer } from '../../src/compose/state.ts';

const layer = (key: string) => ({ kind: 'copy', key, title: key, line: 1, bytes: 1 }) as WrittenLayer;

const outcomes: Readonly<Record<string, LayerOutcome>> = {
  made: { blob: undefined, outcome: 'made', sentBytes: 7, seconds: 1 },
  found: { blob: undefined, outcome: 'found', sentBytes: 0, seconds: 0 },
};

const source: LayerSource = {
  isThere: async () => true,
  get: async ({ key }) => outcomes[key] as LayerOutcome,
  forget: () => {},
  fetch: async () => {},
  uncompiled: async () => [],
  order: async () => [],
  compileBy: () => {},
};

test('what one build has had made is found by the next, and stays made for the first', async () => {
  const makers = new Map<string, unknown>();
  const [first, second] = [layerView(source, makers, 'first'), layerView(source, makers, 'second')];
  assert.equal(await first.get(layer('made')), outcomes.made);
  assert.deepEqual(await second.get(layer('made')), outcomes.found);
  assert.equal(await first.get(layer('made')), outcomes.made, 'it begins again');
  assert.equal(await second.get(layer('found')), outcomes.found);
  const other = layerView(source, makers, 'first');
  assert.equal(await other.get(layer('made')), outcomes.made, 'another platform of the same build');
  assert.equal(await layerView(source, new Map(), 'second').get(layer('made')), outcomes.made, 'another run');
});
