import type { Platform } from '../dockerfile/platform.ts';
import { EXIT, LayerwrightError } from '../errors.ts';
import { type ImageFacts, readImageFacts } from '../facts/image-facts.ts';
import { type Descriptor, type ImageConfig, type ImageManifest, MEDIA } from '../image/oci.ts';
import { formatReference, parseReference, type Reference } from '../image/reference.ts';
import { keyOf } from '../plan/key.ts';
import { jsonAnswer } from '../registry/answers.ts';
import type { RegistryClient } from '../registry/client.ts';
import type { Keeper } from './keep/keeper.ts';
import { factsLayer, readKeptFacts } from './keep/kept-facts.ts';
import type { Registries } from './registries.ts';
import { pathsLayer, readKeptPaths } from './solve/layer-paths.ts';
import type { GivenImage, GivenLayer } from './state.ts';

/** What is kept of an image by its digest. */
interface KeptImage {
  /** Of the platform's own manifest. */
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** What is kept of the image that a reference named last. */
interface KeptReference {
  /** Key of what is kept of the image. */
  readonly image: string;
}

/** Paths of layers by their place, where they are known. */
type LayerPaths = Awaited<ReturnType<typeof readKeptPaths>>;

/** What reading images takes. */
export interface ImageReader {
  readonly registries: Registries;
  readonly keeper: Keeper;
  readonly alsoWanted: (path: string) => boolean;
  /** Pulls layers to look into them; told how many bytes that are. */
  readonly pulling: <T>(reference: string, bytes: number, work: () => Promise<T>) => Promise<T>;
}

/**
 * What a reference names, `HOST/PATH@sha256:...`: a tag is asked for its digest, by a request that counts as no pull.
 *
 * @throws LayerwrightError `IMAGE_UNKNOWN` (1), those of the registry
 */
export async function digestOf({ registries }: ImageReader, text: string): Promise<string> {
  const { domain, path, tag, digest } = parseReference(text);
  const found = digest ?? (await registries(domain).headManifest(path, tag ?? 'latest'))?.digest;
  if (found === undefined) throw imageUnknown(`${domain}/${path}:${tag ?? 'latest'}`);
  return `${domain}/${path}@${found}`;
}

/**
 * The image of a digest, with its files. The registry is asked only for what is not kept of it.
 *
 * @param named `HOST/PATH@sha256:...`, of an image or of an index
 * @param text as the Dockerfile has it: of the image that it named before only those layers are read that are new
 * @param others of images that were read in this run: one may be the base of this
 * @throws LayerwrightError `IMAGE_UNKNOWN` (1), those of the registry
 */
export async function readBase(
  reader: ImageReader,
  named: string,
  text: string,
  platform: Platform,
  others: readonly ImageFacts[] = [],
): Promise<GivenImage> {
  const reference = parseReference(named);
  const digest = reference.digest as string;
  const key = keyOf('image', { digest, platform: [platform.os, platform.architecture, platform.variant] });
  const kept = await findKept(reader, key);
  if (kept !== undefined) return { ...given(reference, kept.image, kept.facts), reference: named };
  const client = reader.registries(reference.domain);
  const pointer = keyOf('reference', {
    text,
    platform: [platform.os, platform.architecture, platform.variant],
  });
  const [image, before] = await Promise.all([
    platformImage(client, reference, digest, platform),
    imageBefore(reader, pointer),
  ]);
  const facts = await pulledFacts(reader, client, reference, image, commonPart([before, ...others], image));
  await keepImage(reader, key, image, facts);
  await reader.keeper.keep('recent', pointer, { image: key } satisfies KeptReference);
  return { ...given(reference, image, facts), reference: named };
}

/**
 * The image of a solved segment in the cache repository.
 *
 * @param lower the image that the segment was solved from
 * @param isNew true if it was solved just now: a repository that fails is an error then, and a miss else
 * @returns undefined if it is not there, or not all of it
 */
export async function readSolved(
  reader: ImageReader,
  tag: string,
  lower: { readonly files: ImageFacts; readonly layers: number; readonly given: GivenImage },
  isNew: boolean,
): Promise<GivenImage | undefined> {
  const { repository } = reader.keeper;
  const found = await (isNew ? repository : reader.keeper).manifest(tag);
  if (found === undefined) return undefined;
  const reference = parseReference(repository.name);
  const key = keyOf('solved-image', { digest: found.digest });
  const kept = await findKept(reader, key);
  const below = lower.given;
  if (kept !== undefined) return { ...given(reference, kept.image, kept.facts, kept.paths), below };
  const manifest = found.content as ImageManifest;
  const config = await readConfig(reader.registries(reference.domain), reference, manifest);
  const image = { digest: found.digest, manifest, config };
  // Its key says what it was solved from; something else under its tag is not taken for it.
  if (below.layers.some(({ blob }, at) => blob.diffId !== config.rootfs.diff_ids[at])) return undefined;
  const known = { ...lower.files, layers: config.rootfs.diff_ids.slice(0, lower.layers) };
  const client = reader.registries(reference.domain);
  const facts = await pulledFacts(reader, client, reference, image, known);
  await keepImage(reader, key, image, facts);
  return { ...given(reference, image, facts), below };
}

/** Keeps what is known of the image of a solved segment, so that its layers need not be read again. */
export async function keepSolved(
  reader: ImageReader,
  { image, config, layers, files }: GivenImage,
): Promise<void> {
  const { digest } = parseReference(image);
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: { mediaType: MEDIA.config, digest: '', size: 0 },
    layers: layers.map(({ blob }) => blob.descriptor),
  };
  const kept: KeptImage = { digest: digest as string, manifest, config };
  await keepImage(reader, keyOf('solved-image', { digest: kept.digest }), kept, files, layers);
}

async function imageBefore(reader: ImageReader, pointer: string): Promise<ImageFacts | undefined> {
  const artifact = await reader.keeper.find('recent', pointer);
  const { image } = (artifact?.config ?? {}) as Partial<KeptReference>;
  return typeof image === 'string' ? (await findKept(reader, image))?.facts : undefined;
}

/** Of what is known, what has the most layers, all of them the first ones of the image. */
function commonPart(
  known: readonly (ImageFacts | undefined)[],
  { config }: KeptImage,
): ImageFacts | undefined {
  return known
    .flatMap((one) => one ?? [])
    .filter(({ layers }) => layers.every((diffId, at) => diffId === config.rootfs.diff_ids[at]))
    .sort((one, other) => other.layers.length - one.layers.length)[0];
}

async function findKept(
  { keeper }: ImageReader,
  key: string,
): Promise<{ image: KeptImage; facts: ImageFacts; paths: LayerPaths } | undefined> {
  const artifact = await keeper.find('base', key);
  const image = artifact?.config as KeptImage | undefined;
  const facts = artifact && image?.config?.rootfs && (await readKeptFacts(keeper, artifact));
  return artifact && facts && image && { image, facts, paths: await readKeptPaths(keeper, artifact) };
}

async function keepImage(
  { keeper }: ImageReader,
  key: string,
  image: KeptImage,
  facts: ImageFacts,
  layers: readonly GivenLayer[] = [],
): Promise<void> {
  await keeper.keep('base', key, image, [factsLayer(facts), ...pathsLayer(layers)]);
}

function given(
  { domain, path }: Reference,
  { digest, manifest, config }: KeptImage,
  files: ImageFacts,
  paths?: LayerPaths,
): GivenImage {
  const repository = `${domain}/${path}`;
  return {
    image: `${repository}@${digest}`,
    config,
    files,
    below: undefined,
    layers: manifest.layers.map((descriptor, at) => {
      const held = paths?.[at];
      return {
        kind: 'given',
        blob: { descriptor, diffId: config.rootfs.diff_ids[at] as string, repository },
        ...(held ? { paths: held } : {}),
      };
    }),
  };
}

async function pulledFacts(
  reader: ImageReader,
  client: RegistryClient,
  reference: Reference,
  { digest, manifest, config }: KeptImage,
  lower: ImageFacts | undefined,
): Promise<ImageFacts> {
  const first = lower?.layers.length ?? 0;
  const bytes = manifest.layers.slice(first).reduce((sum, { size }) => sum + size, 0);
  const source = {
    async openBlob(wanted: string) {
      const stream = await client.openBlob(reference.path, wanted);
      if (stream === undefined)
        throw imageUnknown(`${formatReference(reference)} (${digest}): layer ${wanted}`);
      return stream;
    },
  };
  const name = formatReference({ ...reference, digest: undefined });
  const read = () => readImageFacts(source, manifest, config, lower, reader.alsoWanted);
  return await reader.pulling(name, bytes, read);
}

interface ManifestIndex {
  readonly manifests?: readonly (Descriptor & {
    readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  })[];
}

async function platformImage(
  client: RegistryClient,
  reference: Reference,
  digest: string,
  platform: Platform,
): Promise<KeptImage> {
  const found = await client.manifest(reference.path, digest);
  if (found === undefined) throw imageUnknown(formatReference(reference));
  const { manifests } = found.content as ManifestIndex;
  if (manifests === undefined) {
    const manifest = found.content as ImageManifest;
    return { digest: found.digest, manifest, config: await readConfig(client, reference, manifest) };
  }
  const fitting = manifests.filter(
    (one) => one.platform?.os === platform.os && one.platform.architecture === platform.architecture,
  );
  const chosen =
    fitting.find((one) => (one.platform?.variant ?? '') === (platform.variant ?? '')) ?? fitting[0];
  if (chosen === undefined)
    throw new LayerwrightError(
      `${formatReference(reference)} is not there for ${platform.os}/${platform.architecture}`,
      { code: 'IMAGE_UNKNOWN', exit: EXIT.failed, hint: 'Choose another base image, or another --platform.' },
    );
  return await platformImage(client, reference, chosen.digest, platform);
}

async function readConfig(
  client: RegistryClient,
  reference: Reference,
  manifest: ImageManifest,
): Promise<ImageConfig> {
  const bytes = manifest.config && (await client.blob(reference.path, manifest.config.digest));
  if (!bytes) throw imageUnknown(formatReference(reference));
  return jsonAnswer(
    Buffer.from(bytes).toString('utf8'),
    `${formatReference(reference)}: its configuration is no JSON`,
  ) as ImageConfig;
}

function imageUnknown(name: string): LayerwrightError {
  return new LayerwrightError(`${name} is not in its registry`, {
    code: 'IMAGE_UNKNOWN',
    exit: EXIT.failed,
    hint: 'Look for a typing error in FROM; a private image needs a login (docker login).',
  });
}
