import type { History } from '../../image/oci.ts';
import type { GivenImage } from '../state.ts';

/** Mark of a layer that was made of a solved one. */
const SPLIT = 'layerwright split';

/**
 * The history of a split segment: what stood before, a line for each layer, and those of the instructions that only set something.
 *
 * @param first how many lines stood before
 * @param titles of the layers
 */
export function splitHistory(
  lines: readonly History[],
  first: number,
  titles: readonly string[],
): readonly History[] {
  const own = lines.slice(first);
  const texts = own
    .filter(({ empty_layer }) => empty_layer !== true)
    .map(({ created_by = '' }) => created_by);
  const instructions = texts.map((text) => text.replace(/ # buildkit$/, '')).join('; ');
  return [
    ...lines.slice(0, first),
    ...titles.map((title) => ({ created_by: `${instructions} # ${title}`, comment: SPLIT })),
    ...own.filter(({ empty_layer }) => empty_layer === true),
  ];
}

/** True if the layers of a solved segment were laid out anew. */
export function isSplit(image: GivenImage): boolean {
  return splitLines(image).length > 0;
}

/** The lines of a split segment's own layers and instructions; none if it was not split. */
export function splitLines({ config, below }: GivenImage): readonly History[] {
  const lines = config.history ?? [];
  const start = lines.findIndex(
    ({ comment }, at) => comment === SPLIT && at >= (below?.config.history?.length ?? 0),
  );
  return start < 0 ? [] : lines.slice(start);
}

/** What a layer of a split segment is called; undefined for another line. */
export function titleOf(line: History | undefined): string | undefined {
  return line?.comment === SPLIT ? line.created_by?.split(' # ').at(-1) : undefined;
}
