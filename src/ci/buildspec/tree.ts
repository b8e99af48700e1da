import { EXIT, LayerwrightError } from '../../errors.ts';

/** Where something stands in the file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The file's content with its places. Scalars are text as it was written: `1.10` stays `1.10` and `no` stays `no`. */
export type Tree =
  | { readonly kind: 'text'; readonly text: string; readonly place: Place }
  | { readonly kind: 'nothing'; readonly place: Place }
  | { readonly kind: 'list'; readonly items: readonly Tree[]; readonly place: Place }
  | { readonly kind: 'map'; readonly entries: readonly Entry[]; readonly place: Place };

export interface Entry {
  readonly key: string;
  readonly place: Place;
  readonly value: Tree;
}

/** How CodeBuild names the error that a buildspec cannot be used. */
const STATUS_CODE = 'YAML_FILE_ERROR';

/**
 * An error at a place in a buildspec, in the words in which CodeBuild's log has it.
 *
 * @param path of the file, as shown in messages
 */
export function invalid(
  path: string,
  place: Place | undefined,
  why: string,
  hint?: string,
): LayerwrightError {
  const where = place === undefined ? path : `${path}:${place.line}:${place.column}`;
  return new LayerwrightError(`${STATUS_CODE} Message: ${where}: ${why}`, {
    code: 'BUILDSPEC_INVALID',
    exit: EXIT.failed,
    ...(hint !== undefined && { hint }),
  });
}
