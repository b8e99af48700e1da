import type { Context } from '../context/context.ts';
import { readContext } from '../context/read.ts';
import type { Platform } from '../dockerfile/platform.ts';
import type { Host } from '../host/host.ts';
import { remembered } from '../host/remembered.ts';
import type { LockInput, NotLocked } from '../lock/lock-input.ts';
import { solvedTag } from './compose.ts';
import type { LockedStep } from './install-step.ts';
import type { UnusableBlobs } from './layer-source.ts';
import { digestOf, type ImageReader, readBase, readSolved } from './read-image.ts';
import type { SolveRequest } from './solve-request.ts';
import type { GivenImage } from './state.ts';
import type { World } from './walk.ts';

/** What a world is made of. */
export interface WorldOptions {
  readonly host: Host;
  readonly reader: ImageReader;
  readonly lock: (input: LockInput) => Promise<LockedStep | NotLocked>;
  /** The build context, and the path of the Dockerfile. */
  readonly directory: string;
  readonly dockerfile: string | undefined;
  /** False if what was solved before may not be used. */
  readonly reuses: boolean;
}

/** A world, and how it is told that a segment is solved now. */
export interface OpenWorld extends World {
  readonly hasSolved: (request: SolveRequest) => void;
  /** Forgets images of solved segments that have such a layer: they have to be solved again. */
  readonly forget: (blobs: UnusableBlobs) => void;
}

/** Answers what a walk asks, each question once in a run. */
export function openWorld({ host, reader, lock, directory, dockerfile, reuses }: WorldOptions): OpenWorld {
  const bases = new Map<string, Promise<GivenImage>>();
  const solved = new Map<string, GivenImage>();
  const now = new Set<string>();
  const unusable = new Set<string>();
  const isUnusable = ({ layers, below }: GivenImage) =>
    layers.slice(below?.layers.length).some(({ blob }) => unusable.has(blob.descriptor.digest));
  const digest = remembered((reference) => digestOf(reader, reference));
  let context: Promise<Context> | undefined;
  return {
    lock,
    digest,
    base(reference: string, platform: Platform) {
      const key = `${reference} ${platform.os}/${platform.architecture}/${platform.variant ?? ''}`;
      const known =
        bases.get(key) ?? digest(reference).then((named) => readBase(reader, named, reference, platform));
      bases.set(key, known);
      return known;
    },
    context() {
      context ??= readContext(host, directory, { dockerfile });
      return context;
    },
    async solved(request) {
      const known = solved.get(request.key);
      if (known) return known;
      const isNew = now.has(request.key);
      if (!isNew && (request.volatile || !reuses)) return undefined;
      const { files, layers, given } = request.parent;
      const lower = { files, layers: layers.length, given };
      const image = await readSolved(reader, solvedTag(request), lower, isNew);
      if (!isNew && image !== undefined && isUnusable(image)) return undefined;
      if (image !== undefined) solved.set(request.key, image);
      return image;
    },
    hasSolved: ({ key }) => void now.add(key),
    forget(blobs) {
      for (const digest of [...blobs.lost, ...blobs.damaged]) unusable.add(digest);
      for (const [key, image] of solved) {
        if (!isUnusable(image)) continue;
        solved.delete(key);
        now.delete(key);
      }
    },
  };
}
