import type { Peer, Sample, Scenario } from '../../bench/sample.ts';

/** A sample with these seconds; the other figures as a build of that peer gives them. */
export function sample(scenario: Scenario, peer: Peer, seconds: number, more: Partial<Sample> = {}): Sample {
  return {
    scenario,
    peer,
    run: 1,
    seconds,
    builderStarted: true,
    way: peer === 'layerwright' ? 'solved' : null,
    sentBytes: 545_000_000,
    receivedBytes: 54_000_000,
    imageBytes: 297_000_000,
    pullBytes: 24_000,
    layers: 10,
    newLayers: 1,
    peakMemoryBytes: peer === 'layerwright' ? 99_000_000 : null,
    ...more,
  };
}
