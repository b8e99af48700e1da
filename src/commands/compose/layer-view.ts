import type { LayerSource } from '../../compose/keep/layer-source.ts';

/**
 * Layers as one of several builds sees them: what another build of the run has had made is found. Otherwise each of them would
 * tell of the same work, and of the same bytes that were sent.
 *
 * @param makers which build has told of the making of a layer, by its key; shared by all views of the source
 * @param build whatever stands for the build: the same for the images of its platforms
 */
export function layerView(source: LayerSource, makers: Map<string, unknown>, build: unknown): LayerSource {
  return {
    ...source,
    async get(layer) {
      const outcome = await source.get(layer);
      if (outcome.outcome !== 'made') return outcome;
      if (!makers.has(layer.key)) makers.set(layer.key, build);
      return makers.get(layer.key) === build
        ? outcome
        : { ...outcome, outcome: 'found', sentBytes: 0, seconds: 0 };
    },
  };
}
