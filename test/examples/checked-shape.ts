import type { ExpectedSegment } from './expected-ways.ts';
import type { Shape } from './shapes.ts';

/** An example that is built, run, verified against a plain build, changed and built again. */
export interface CheckedShape extends Omit<Shape, 'breaks'> {
  /** How it is built, in the order in which the stages are needed. */
  readonly ways: readonly ExpectedSegment[];
  /** A file of it to which a line is added, as a commit would; relative to its folder. */
  readonly changes: string;
  /** What is added. */
  readonly line: string;
  /** False if BuildKit has to run something after that change, too. */
  readonly withoutBuilder: boolean;
  /** Further words for `verify`. */
  readonly verifies?: readonly string[];
}
