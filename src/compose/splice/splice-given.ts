import type { GivenImage, GivenLayer, ImageLayer, ImageState } from '../state.ts';
import { type ExtractRequest, extractLayer, type ToExtract } from './extract-layer.ts';
import { isAlike, isInBoth } from './shared-files.ts';
import type { Splice } from './splice.ts';

/**
 * Layers with what copies take from images that are there, without what the stage has as it is: those of a split segment for
 * themselves, as they are where nothing of them changes; of what else there is one for each image.
 */
export function givenLayers(
  request: ExtractRequest,
  before: ImageState,
  { entries, moves, after }: Splice,
  line: number,
): readonly ImageLayer[] {
  const byImage = new Map<GivenImage, ToExtract[]>();
  for (const { entry, origin } of entries) {
    if (origin?.kind !== 'given') continue;
    const { image, path } = origin;
    const here = before.files.index.get(entry.path);
    if (entry.type === 'directory' && isAlike(here, entry)) continue;
    if (path === entry.path && isAlike(here, entry) && isInBoth(image, path, before)) continue;
    byImage.set(image, [...(byImage.get(image) ?? []), { path, entry }]);
  }
  const what = `${[...new Set(moves.map(({ from }) => from))].join(', ')} as it was before`;
  return [...byImage].flatMap(([image, wanted]) =>
    partsOf(image, wanted).map(({ layer, entries: own }) => {
      if (layer !== undefined && isWhole(image, layer, own, after)) return layer;
      const title = layer?.title ?? what;
      return extractLayer(request, { image, layer, entries: own, after, title, line });
    }),
  );
}

interface Taken {
  /** The one that holds it all; undefined if that is not known. */
  readonly layer: GivenLayer | undefined;
  readonly entries: readonly ToExtract[];
}

/** What is taken, by the layers of a split segment; directories are with what else there is. */
function partsOf(image: GivenImage, wanted: readonly ToExtract[]): readonly Taken[] {
  const holders = new Map<string, GivenLayer>();
  for (const layer of image.layers) for (const path of layer.paths ?? []) holders.set(path, layer);
  const byLayer = Map.groupBy(wanted, ({ path, entry }) =>
    entry.type === 'directory' ? undefined : holders.get(path),
  );
  const files = [...byLayer].filter(([layer]) => layer !== undefined);
  const rest = byLayer.get(undefined) ?? [];
  const order = new Map(image.layers.map((layer, at) => [layer, at]));
  files.sort(([a], [b]) => (order.get(a as GivenLayer) ?? 0) - (order.get(b as GivenLayer) ?? 0));
  return [
    ...(rest.length === 0 ? [] : [{ layer: undefined, entries: rest }]),
    ...files.map(([layer, entries]) => ({ layer, entries })),
  ];
}

/** True if a layer does what is to be done with what is taken from it, no more and no less. */
function isWhole(
  { files }: GivenImage,
  { paths = [] }: GivenLayer,
  entries: readonly ToExtract[],
  after: Splice['after'],
): boolean {
  const taken = new Set<string>();
  for (const { path, entry } of entries) {
    if (path !== entry.path || !isAlike(files.index.get(path), entry)) return false;
    taken.add(path);
  }
  return paths.every((path) => {
    if (taken.has(path)) return true;
    const there = files.index.get(path);
    return there?.type === 'directory' && isAlike(there, after.get(path));
  });
}
