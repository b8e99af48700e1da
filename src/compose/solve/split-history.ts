import type { History } from '../../image/oci.ts';
import type { NotSplit } from '../../split/request.ts';
import type { GivenImage } from '../state.ts';

/** Mark of a layer that was made of a solved one. */
const SPLIT = 'layerwright split';
/** Mark of a segment whose layers stayed as they were; why, as JSON, follows it. */
const NOT_SPLIT = 'layerwright not split: ';

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

/**
 * The history of a segment that was not split, which says why: later builds tell it too.
 *
 * @param first how many lines stood before
 */
export function unsplitHistory(
  lines: readonly History[],
  first: number,
  { reason, hint }: NotSplit,
): readonly History[] {
  const last = lines.length - 1;
  const comment = NOT_SPLIT + JSON.stringify({ reason, hint });
  return lines.map((line, at) => (at === last && at >= first ? { ...line, comment } : line));
}

/** Why the layers of a solved segment stayed as BuildKit made them; undefined if it was split, or installs nothing. */
export function whyUnsplit({ config, below }: GivenImage): NotSplit | undefined {
  const own = (config.history ?? []).slice(below?.config.history?.length ?? 0);
  const comment = own.findLast((line) => line.comment?.startsWith(NOT_SPLIT))?.comment;
  if (comment === undefined) return undefined;
  const { reason, hint } = JSON.parse(comment.slice(NOT_SPLIT.length)) as NotSplit;
  return { reason, hint };
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
