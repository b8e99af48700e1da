import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchOptions } from '../../bench/options.ts';
import { PEERS, SCENARIOS } from '../../bench/sample.ts';

test('all is measured three times; quickly, once', () => {
  const all = {
    runs: 3,
    peers: PEERS,
    scenarios: SCENARIOS,
    linkAsFar: 'base-patched',
    docker: false,
    json: false,
  };
  assert.deepEqual(benchOptions([]), all);
  assert.deepEqual(benchOptions(['--quick']), { ...all, runs: 1, linkAsFar: 'one-line' });
  assert.equal(benchOptions(['--quick', '--runs', '2'])?.runs, 2);
  assert.equal(benchOptions(['--help']), undefined);
});

test('peers and scenarios are taken in their own order; whoever names peers gets all of them', () => {
  const options = benchOptions([
    ...['--quick', '--json', '--docker'],
    ...['--peers', 'layerwright,recipe-link', '--scenarios=one-line, cold'],
  ]);
  assert.deepEqual(options, {
    runs: 1,
    peers: ['recipe-link', 'layerwright'],
    scenarios: ['cold', 'one-line'],
    linkAsFar: 'base-patched',
    docker: true,
    json: true,
  });
});

test('what is not known is refused', () => {
  for (const args of [
    ['--peers', 'recipe,docker'],
    ['--scenarios', ''],
    ['--runs', '0'],
    ['--runs', '1.5'],
    ['--fast'],
    ['context'],
  ])
    assert.throws(() => benchOptions(args), { code: 'BENCH_USAGE', exit: 2 }, args.join(' '));
});
