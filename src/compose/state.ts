import type { CopyContent } from '../context/copy-tree.ts';
import type { ImageFacts } from '../facts/image-facts.ts';
import type { StageState } from '../image/config-start.ts';
import type { Descriptor, ImageConfig } from '../image/oci.ts';
import type { MadeLayer } from '../layers/layer.ts';
import type { InstallInput, PlannedLayer } from './install/install-plan.ts';

/** A blob that a repository is known to have had. */
export interface KnownBlob {
  readonly descriptor: Descriptor;
  /** Digest of the tar archive. */
  readonly diffId: string;
  /** `HOST/PATH` of a repository that has it; undefined while it is on this machine only. */
  readonly repository: string | undefined;
  /** The blob on this machine. */
  readonly file?: string;
  /** True if the repository was seen to have it in this run. */
  readonly isSeen?: boolean;
}

/** A layer of an image that is there as it is: of the base, or of a solved segment. */
export interface GivenLayer {
  readonly kind: 'given';
  readonly blob: KnownBlob;
  /** What it is called where it was composed by an earlier build. */
  readonly title?: string;
  /** Of a split segment: every path that it holds, without a leading slash, whiteouts as they are written. */
  readonly paths?: readonly string[];
}

/** A dependency layer: found by its key, or made of wheels. */
export interface DependencyLayer {
  readonly kind: 'dependency';
  readonly key: string;
  /** `numpy 2.1.0`, or `bucket-07: idna 3.10, six 1.17.0`. */
  readonly title: string;
  readonly line: number;
  readonly planned: PlannedLayer;
}

/** A small layer that is written from what is at hand: of a COPY, a WORKDIR, removed files, files taken from a solved stage. */
export interface WrittenLayer {
  readonly kind: 'copy' | 'directory' | 'removal' | 'extract';
  readonly key: string;
  readonly title: string;
  readonly line: number;
  /** Bytes of content, as far as they are known: what is large is worth being found again. */
  readonly bytes: number;
  /** @param directory where the blob is written */
  readonly write: (directory: string) => Promise<MadeLayer>;
}

export type ImageLayer = GivenLayer | DependencyLayer | WrittenLayer;

/** An image whose layers are all given, with its files; one that it was made from is below it. */
export interface GivenImage {
  /** `HOST/PATH@sha256:...`. */
  readonly image: string;
  /** Of one that a Dockerfile or a build names: what it was asked for by, `HOST/PATH@sha256:...`, which may be an index. */
  readonly reference?: string;
  readonly config: ImageConfig;
  readonly layers: readonly GivenLayer[];
  readonly files: ImageFacts;
  readonly below: GivenImage | undefined;
  /** True if it was not read: it is what its name lets expect, good enough to show a plan. */
  readonly assumed?: boolean;
}

/** A file or link of an image, which has been copied from it. */
export interface Extracted {
  readonly image: GivenImage;
  /** Without a leading slash. */
  readonly path: string;
}

/** An image in the making: after some instruction of some stage. */
export interface ImageState {
  /** Configuration and history; what the next instruction sees. */
  readonly stage: StageState;
  readonly layers: readonly ImageLayer[];
  readonly files: ImageFacts;
  /** The image whose layers are the first ones of this. */
  readonly given: GivenImage;
  /** What was installed since then, in order. */
  readonly installs: readonly InstallInput[];
  /** What was installed before a segment that was solved upon it: what has become of its files, and their modes, is not known. */
  readonly hidden?: readonly InstallInput[];
  /** Where the content of copied files comes from, by path, since then. */
  readonly copied: ReadonlyMap<string, CopyContent>;
  /** Where files come from that were taken out of other images, by path, since then. */
  readonly extracted?: ReadonlyMap<string, Extracted>;
  /** True if a solved segment below is not there yet, so that its files are taken for those before it, or if the base is assumed. */
  readonly assumed: boolean;
}

/** Why an instruction is not composed. */
export interface Obstacle {
  /** `Dockerfile:12`. */
  readonly place: string;
  readonly line: number;
  /** Its keyword. */
  readonly instruction: string;
  /** Half a sentence. */
  readonly reason: string;
  /** What to change; undefined if nothing helps. */
  readonly hint: string | undefined;
}

/** Ends the walk: an instruction that was to be composed is not composable after all. */
export class NotComposable extends Error {
  override readonly name = 'NotComposable';
  /** Half a sentence. */
  readonly reason: string;
  /** 0 if it is no instruction's matter. */
  readonly line: number;
  readonly hint: string | undefined;

  constructor(line: number, reason: string, hint?: string) {
    super(reason);
    this.line = line;
    this.reason = reason;
    this.hint = hint;
  }
}

/** Ends the run where nothing may be run: these instructions would have to be, and what they come to is not known yet. */
export class MustRun extends Error {
  override readonly name = 'MustRun';
  /** At least one. */
  readonly obstacles: readonly Obstacle[];

  constructor(obstacles: readonly Obstacle[]) {
    super('something has to run');
    this.obstacles = obstacles;
  }
}
