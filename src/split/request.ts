import type { Descriptor } from '../image/oci.ts';
import type { PathIndex } from '../image/path-index.ts';
import type { Compiler } from '../layers/compiler.ts';
import type { Compression, MadeLayer } from '../layers/layer.ts';
import type { GroupBudget } from '../plan/groups.ts';

/** A layer that a solved segment added to the image that it was solved upon. */
export interface AddedLayer {
  readonly descriptor: Descriptor;
  /** The blob as it is, compressed; asked for once. */
  readonly open: () => Promise<AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>>;
}

export interface SplitRequest {
  /** The lowest first. */
  readonly layers: readonly AddedLayer[];
  /** Files of the image below the layers. */
  readonly below: PathIndex;
  /** Files with the layers: `withLayer` of `below` and each of them. */
  readonly after: PathIndex;
  /** What was run, for titles: `RUN pip install -r requirements.txt`. */
  readonly name: string;
  readonly compression: Compression;
  /** Where blobs and temporary files are made: existing, absolute. Room for the unpacked layers is needed. */
  readonly directory: string;
  /**
   * A Python of that minor version (`3.11`) that compiles on this machine. Without one, bytecode keeps the bytes that the installer gave
   * it, which may differ in a few files where it compiles side by side or in another order.
   */
  readonly compilerFor: (minor: string) => Promise<Compiler | undefined>;
  /** Seconds since 1970 for what is written: that of dependency layers. */
  readonly mtime: number;
  /** How many layers the distributions may become. */
  readonly budget?: GroupBudget;
  /** Layers that are compressed, and distributions that are compiled, at a time; 2 by default. */
  readonly atOnce?: number;
  readonly signal?: AbortSignal;
}

/** What a layer of a split segment holds. */
export type SplitKind =
  /** Whiteouts, and nothing else: always the first one. */
  | 'removed'
  /** Distributions, or wheels that wait to be installed. */
  | 'distributions'
  /** What belongs to no distribution. */
  | 'rest'
  /** Caches and logs, other in each run: always the last one. */
  | 'volatile';

export interface SplitLayer {
  readonly kind: SplitKind;
  /** `numpy 2.1.0`, `bucket-07: idna 3.10, six 1.17.0`, `the rest of RUN ...`. */
  readonly title: string;
  readonly made: MadeLayer;
}

/** Layers that stand for the added ones. */
export interface SplitLayers {
  /** The lowest first. */
  readonly layers: readonly SplitLayer[];
  /** Bytes of the added layers' archives. */
  readonly tarBytes: number;
}

/** Why the added layers stay as they are. */
export interface NotSplit {
  /** Half a sentence. */
  readonly reason: string;
  /** What to change; undefined if nothing helps. */
  readonly hint: string | undefined;
}

/** Ends a split from within. */
export class CannotSplit extends Error {
  override readonly name = 'CannotSplit';
  readonly reason: string;
  readonly hint: string | undefined;

  constructor(reason: string, hint?: string) {
    super(reason);
    this.reason = reason;
    this.hint = hint;
  }
}
