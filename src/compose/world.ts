import type { Context } from '../context/context.ts';
import { readContext } from '../context/read.ts';
import type { Platform } from '../dockerfile/platform.ts';
import type { ImageFacts } from '../facts/image-facts.ts';
import type { Host } from '../host/host.ts';
import { remembered } from '../host/remembered.ts';
import { solvedTag } from './compose.ts';
import type { LayerWheels } from './install/layer-wheels.ts';
import type { LockSource } from './install/locks.ts';
import type { UnusableBlobs } from './keep/layer-source.ts';
import { digestOf, type ImageReader, keepSolved, readBase, readSolved } from './read-image.ts';
import type { SolveRequest } from './solve/solve-request.ts';
import type { GivenImage } from './state.ts';
import type { World } from './walk.ts';
import type { SourceResolver } from './wheels/wheel-resolve.ts';
import type { WheelSource } from './wheels/wheel-source.ts';

/** Base images, each asked for and read once in a run. */
export interface Images extends Pick<World, 'digest' | 'base'> {
  readonly reader: ImageReader;
}

/**
 * Build contexts by their absolute directories, each read once in a run.
 *
 * @param dockerfile its path, which decides the ignore file
 */
export type Contexts = (directory: string, dockerfile: string | undefined) => Promise<Context>;

export function openContexts(host: Host): Contexts {
  const known = new Map<string, Promise<Context>>();
  return (directory, dockerfile) => {
    const key = JSON.stringify([directory, dockerfile]);
    const context = known.get(key) ?? readContext(host, directory, { dockerfile });
    known.set(key, context);
    return context;
  };
}

/** What a world is made of. */
export interface WorldOptions {
  readonly images: Images;
  readonly locks: LockSource;
  readonly context: World['context'];
  readonly wheels: Pick<WheelSource, 'get'>;
  readonly inLayers: Pick<LayerWheels, 'get'>;
  readonly resolver: SourceResolver;
  /** False if what was solved before may not be used. */
  readonly reuses: boolean;
}

/** A world, and how it is told that a segment is solved now. */
export interface OpenWorld extends World {
  readonly hasSolved: (request: SolveRequest, image?: GivenImage) => Promise<void>;
  /** Forgets images of solved segments that have such a layer: they have to be solved again. */
  readonly forget: (blobs: UnusableBlobs) => void;
}

/** Opens what base images are read by. */
export function openImages(reader: ImageReader): Images {
  const bases = new Map<string, Promise<GivenImage>>();
  const read: ImageFacts[] = [];
  const digest = remembered((reference) => digestOf(reader, reference));
  const readNew = async (reference: string, platform: Platform) => {
    const image = await readBase(reader, await digest(reference), reference, platform, read);
    read.push(image.files);
    return image;
  };
  return {
    ...{ reader, digest },
    base(reference: string, platform: Platform) {
      const key = `${reference} ${platform.os}/${platform.architecture}/${platform.variant ?? ''}`;
      const known = bases.get(key) ?? readNew(reference, platform);
      bases.set(key, known);
      return known;
    },
  };
}

/** Answers what a walk asks, each question once in a run. */
export function openWorld({
  images,
  locks,
  context,
  wheels,
  inLayers,
  resolver,
  reuses,
}: WorldOptions): OpenWorld {
  const { reader, digest, base } = images;
  const solved = new Map<string, GivenImage>();
  const now = new Set<string>();
  const unusable = new Set<string>();
  const isUnusable = ({ layers, below }: GivenImage) =>
    layers.slice(below?.layers.length).some(({ blob }) => unusable.has(blob.descriptor.digest));
  return {
    lock: locks.lock,
    lockFile: locks.lockFile,
    lockSources: (input, build) => locks.lockSources(input, build, resolver),
    ...{ wheel: wheels.get, layerWheels: inLayers.get },
    ...{ digest, base, context },
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
    async hasSolved({ key }, image) {
      now.add(key);
      if (image === undefined) return;
      solved.set(key, image);
      await keepSolved(reader, image);
    },
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
