import { EXIT, LayerwrightError } from '../errors.ts';
import { inParallel } from '../host/parallel.ts';
import { layerUnreadable } from '../image/layer-unreadable.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../image/oci.ts';
import { emptyIndex, type PathIndex } from '../image/path-index.ts';
import { withLayer } from '../image/path-index-layer.ts';
import { isWanted } from '../python/detect/detect-files.ts';
import { type LayerScan, scanLayer } from './layer-scan.ts';

/** What is known of an image's file system without running anything. */
export interface ImageFacts {
  /** The diffIDs of the layers that were read, the lowest first. */
  readonly layers: readonly string[];
  /** As in OCI: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly os: string;
  readonly index: PathIndex;
  /** Small files that say something about Python and users, by path; never one that holds a credential. */
  readonly contents: ReadonlyMap<string, string>;
}

/** Where blobs come from. */
export interface LayerSource {
  /** The blob as it is, compressed. */
  readonly openBlob: (digest: string) => Promise<AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>>;
}

/** Layers that are read side by side: a layer is mostly waited for, or decompressed in another thread. */
const AT_ONCE = 4;

/**
 * Reads an image's layers, each once and as it comes.
 *
 * @param lower facts of an image whose layers are the first ones of this: those are not read again
 * @param alsoWanted further small files whose contents are kept
 * @throws LayerwrightError `BLOB_CORRUPT` (1) if a layer is not what the image says, `LAYER_UNREADABLE` (1) if it is no proper
 *   layer; what the source throws
 */
export async function readImageFacts(
  source: LayerSource,
  manifest: ImageManifest,
  config: ImageConfig,
  lower?: ImageFacts,
  alsoWanted: (path: string) => boolean = () => false,
): Promise<ImageFacts> {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length)
    throw layerUnreadable(
      `the image has ${manifest.layers.length} layers, its configuration ${diffIds.length}`,
    );
  const known = lower?.layers.every((diffId, at) => diffId === diffIds[at]) ? lower : undefined;
  const missing = manifest.layers.slice(known?.layers.length ?? 0);
  const wanted = (path: string) => isWanted(path) || alsoWanted(path);
  const scans = await readLayers(source, missing, diffIds.slice(known?.layers.length ?? 0), wanted);
  const { architecture, os } = config;
  let facts: ImageFacts = {
    layers: [],
    index: emptyIndex(),
    contents: new Map(),
    ...known,
    architecture,
    os,
  };
  for (const scan of scans) facts = withLayerFacts(facts, scan);
  return facts;
}

async function readLayers(
  source: LayerSource,
  layers: readonly Descriptor[],
  diffIds: readonly string[],
  wanted: (path: string) => boolean,
): Promise<readonly LayerScan[]> {
  let failed = false;
  return await inParallel(layers, AT_ONCE, async ({ digest, mediaType }, at) => {
    try {
      const stream = untilStopped(await source.openBlob(digest), () => failed);
      const scan = await scanLayer(stream, mediaType, wanted);
      checkDigest('blob', digest, scan.digest);
      checkDigest('layer', diffIds[at] as string, scan.diffId);
      return scan;
    } catch (error) {
      failed = true;
      throw error;
    }
  });
}

/**
 * The facts with one more layer.
 *
 * @throws LayerwrightError `LAYER_UNREADABLE` (1), see `withLayer`
 */
export function withLayerFacts(
  facts: ImageFacts,
  layer: Pick<LayerScan, 'entries' | 'diffId'> & { readonly contents: ReadonlyMap<string, Uint8Array> },
): ImageFacts {
  const index = withLayer(facts.index, layer.entries);
  const contents = new Map<string, string>();
  // An entry that the layer did not touch is the same object.
  for (const [path, text] of facts.contents)
    if (index.get(path) === facts.index.get(path)) contents.set(path, text);
  const add = (path: string, bytes: number, text: string) => {
    const entry = index.get(path);
    if (entry?.type === 'file' && entry.size === bytes && !holdsLogin(path, text)) contents.set(path, text);
  };
  for (const [path, bytes] of layer.contents) add(path, bytes.length, Buffer.from(bytes).toString('utf8'));
  for (const { type, path, link } of layer.entries) {
    const text = type === 'hardlink' ? contents.get(link) : undefined;
    if (text !== undefined) add(path, Buffer.byteLength(text), text);
  }
  return { ...facts, layers: [...facts.layers, layer.diffId], index, contents };
}

/** A login, as in pip's and uv's URLs and proxies: facts are kept where more people read than an image's layers. */
function holdsLogin(path: string, text: string): boolean {
  return /(?:^|\/)(?:pip\.conf|uv\.toml)$/.test(path) && text.includes('@');
}

async function* untilStopped(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  stopped: () => boolean,
): AsyncGenerator<Uint8Array> {
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    if (stopped()) throw new Error('another layer has failed');
    yield piece;
  }
}

function checkDigest(what: 'blob' | 'layer', expected: string, actual: string): void {
  if (actual === expected) return;
  throw new LayerwrightError(`${what} ${expected} has the content of ${actual}`, {
    code: 'BLOB_CORRUPT',
    exit: EXIT.failed,
    hint: 'The registry or something before it altered the blob: push the image again.',
  });
}
