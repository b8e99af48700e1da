import { layoutRepository } from '../cache/repository-layout.ts';
import { isSecretName, MASK, maskedText } from '../config/mask.ts';
import { ancestry } from '../dockerfile/parse.ts';
import { EXIT, type ExitCode } from '../errors.ts';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { History, ImageConfig } from '../image/oci.ts';
import { formatReference, parseReference, type Reference } from '../image/reference.ts';
import { stepsFor } from '../report/steps.ts';
import type { ConfigDifference } from '../verify/compare-configs.ts';
import { compareImages, type ImageComparison } from '../verify/compare-images.ts';
import type { Difference, TreeComparison } from '../verify/difference.ts';
import { type OpenedImage, openImage } from '../verify/image-source.ts';
import { registrySource } from '../verify/registry-source.ts';
import { gatherBuildFacts } from './build-facts.ts';
import type { BuildRequest } from './build-request.ts';
import { checkByFiles, whyNotRun } from './verify/by-files.ts';
import { compositionOf } from './verify/composition.ts';
import { type Constraints, plainBuild, whyNotHeld } from './verify/plain-build.ts';
import { renderVerify } from './verify/text.ts';

/** What is compared, and with what. */
export interface VerifyRequest {
  /** The image that is looked at, in its registry. */
  readonly image: string;
  /** Another image in a registry; undefined: the same Dockerfile is built plainly. */
  readonly against: string | undefined;
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** The build as the user asked for it; for the plain side. */
  readonly build: BuildRequest;
  /** What pip and uv are held to in the plain build; undefined: to the locks of the composed build, if there are. */
  readonly constraints: Constraints | undefined;
  /** True if logs and mount points of a RUN may differ in any case. */
  readonly runNoise: boolean;
}

/** One layer of the image, as the JSON names it. */
export interface VerifyLayer {
  readonly digest: string;
  /** The history's word for it; null if there is none. */
  readonly createdBy: string | null;
}

/** Where the constraints of the plain build came from; null: there were none, and why (null if nobody wanted any). */
export interface VerifyConstraints {
  readonly from: 'file' | 'lock' | null;
  readonly versions: number;
  readonly why: string | null;
}

/** What was looked for in an image that cannot be built plainly here. */
export interface VerifyFiles {
  /** Half a sentence. */
  readonly why: string;
  readonly distributions: number;
  readonly files: number;
  /** Programs and libraries among them. */
  readonly programs: number;
}

/** `verify --json`. */
export interface VerifyRecord {
  readonly schemaVersion: 1;
  readonly outcome: 'same' | 'different';
  /** What it was compared with: a plain build, another image, or, file by file, what its locks say has to be in it. */
  readonly check: 'build' | 'image' | 'files';
  readonly image: {
    readonly reference: string;
    readonly digest: string;
    readonly platform: string;
    readonly layers: readonly VerifyLayer[];
  };
  /** `reference` is null for a plain build; all is null where there was none. */
  readonly plain: {
    readonly reference: string | null;
    readonly digest: string;
    readonly layers: number;
  } | null;
  /** What was looked for, and why there was no plain build; null unless `check` is `files`. */
  readonly files: VerifyFiles | null;
  /** What pip and uv were held to in the plain build. */
  readonly constraints: VerifyConstraints;
  /** Layers that both have, from the lowest on. */
  readonly sharedLayers: number;
  readonly paths: number;
  readonly differences: readonly Difference[];
  readonly settings: readonly ConfigDifference[];
  readonly excused: TreeComparison['excused'];
  /** Lines of each history; they are not compared. */
  readonly history: { readonly image: number; readonly plain: number | null };
  readonly seconds: number;
}

/**
 * Compares an image with a plain build of the same Dockerfile, or with another image.
 *
 * @returns exit 1 if anything differs
 * @throws LayerwrightError of the references and the registry, of the build, and of images that cannot be read
 */
export async function verify(
  host: Host,
  request: VerifyRequest,
): Promise<{ record: VerifyRecord; text: string; exit: ExitCode }> {
  const started = host.clock.monotonicMs();
  const { step } = stepsFor(host, request.build.progress);
  const reference = parseReference(request.image);
  const other = request.against === undefined ? undefined : parseReference(request.against);
  // Asked first: a name that is wrong is found out before minutes of building.
  const image = await openInRegistry(host, reference, request.platform);
  const elapsed = () => Math.round(host.clock.monotonicMs() - started) / 1000;
  const checked = other === undefined ? await checkedByFiles(host, request, image) : undefined;
  if (checked !== undefined) return rendered({ ...checked, seconds: elapsed() });
  await using directory = await temporaryDirectory('layerwright-verify-');
  const manner = other === undefined ? await mannerOf(host, request) : AGAINST;
  const plain =
    other === undefined
      ? await openBuilt(host, request, manner.constraints, directory.path)
      : await openInRegistry(host, other, request.platform);
  const solveNoise = request.runNoise || manner.solves;
  const comparison = await step('Comparing', () => compareImages(image, plain, { solveNoise }));
  const seconds = elapsed();
  return rendered(recordOf(request, { image, plain, other, comparison, held: manner.held, seconds }));
}

function rendered(record: VerifyRecord) {
  const exit: ExitCode = record.outcome === 'same' ? EXIT.ok : EXIT.failed;
  return { record, text: renderVerify(record), exit };
}

/** Where nothing here runs the image's programs: what its own files tell; undefined where a plain build can be made, or has to. */
async function checkedByFiles(
  host: Host,
  request: VerifyRequest,
  image: OpenedImage,
): Promise<VerifyRecord | undefined> {
  const { platform } = request;
  const asked = { ...request.build, wishes: { ...request.build.wishes, platforms: [platform] } };
  const why = await whyNotRun(host, asked);
  if (why === undefined) return undefined;
  const { step } = stepsFor(host, request.build.progress);
  const found = await step('Looking at its files', () => checkByFiles(host, asked, request.image, image));
  // BuildKit then says what it cannot do.
  if ('reason' in found) return undefined;
  const { differences, ...counts } = found.files;
  return {
    ...{ schemaVersion: 1, outcome: differences.length + found.settings.length === 0 ? 'same' : 'different' },
    ...{ check: 'files', image: imageRecord(image, platform), plain: null, files: { why, ...counts } },
    ...{ constraints: AGAINST.held, sharedLayers: 0, paths: found.paths, differences },
    settings: found.settings.map(masked),
    excused: {},
    history: { image: image.config.history?.length ?? 0, plain: null },
    seconds: 0,
  };
}

function imageRecord(image: OpenedImage, platform: string): VerifyRecord['image'] {
  const created = layerHistory(image.config);
  return {
    reference: image.name,
    digest: image.digest,
    platform,
    layers: image.manifest.layers.map(({ digest }, index) => ({
      digest,
      // BuildKit writes the values of build arguments there.
      createdBy: maskedText(created[index]?.created_by ?? '') || null,
    })),
  };
}

/** How the image was made, as far as it decides how the plain one is made and what may differ. */
interface Manner {
  readonly constraints: Constraints | undefined;
  readonly held: VerifyConstraints;
  /** Whether a RUN was run on both sides. */
  readonly solves: boolean;
}

const AGAINST: Manner = {
  constraints: undefined,
  held: { from: null, versions: 0, why: null },
  solves: false,
};

async function mannerOf(host: Host, { image, build, platform, constraints }: VerifyRequest): Promise<Manner> {
  const asked = { ...build, wishes: { ...build.wishes, platforms: [platform] } };
  const found = await compositionOf(host, asked, image);
  const solves = 'reason' in found ? await hasRun(host, asked) : found.solves;
  if (constraints !== undefined)
    return { constraints, held: { from: 'file', versions: constraints.pins.length, why: null }, solves };
  const locked = 'reason' in found ? undefined : found.constraints;
  const why = 'reason' in found ? found.reason : locked && (await whyNotHeld(host, asked));
  if (locked === undefined || why !== undefined)
    return { constraints: undefined, held: { from: null, versions: 0, why: why ?? null }, solves };
  return { constraints: locked, held: { from: 'lock', versions: locked.pins.length, why: null }, solves };
}

function openInRegistry(host: Host, reference: Reference, platform: string): Promise<OpenedImage> {
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  return openImage(registrySource(host, reference), wanted, platform);
}

async function openBuilt(
  host: Host,
  request: VerifyRequest,
  constraints: Constraints | undefined,
  directory: string,
): Promise<OpenedImage> {
  const build: BuildRequest = {
    ...request.build,
    wishes: { ...request.build.wishes, platforms: [request.platform] },
  };
  const { layout, digest } = await plainBuild(host, { request: build, constraints, directory });
  return await openImage({ ...layoutRepository(layout), name: 'the plain build' }, digest, request.platform);
}

/** Whether a RUN stands on the way to the target; of a Dockerfile that cannot be read here it is not known. */
async function hasRun(host: Host, build: BuildRequest): Promise<boolean> {
  const { dockerfile, target } = await gatherBuildFacts(host, { ...build, tags: [] });
  if (dockerfile === undefined || target === undefined) return false;
  return ancestry(dockerfile, target).some(({ instructions }) =>
    instructions.some(({ keyword }) => keyword === 'RUN'),
  );
}

function recordOf(
  { platform }: VerifyRequest,
  found: {
    readonly image: OpenedImage;
    readonly plain: OpenedImage;
    readonly other: Reference | undefined;
    readonly comparison: ImageComparison;
    readonly held: VerifyConstraints;
    readonly seconds: number;
  },
): VerifyRecord {
  const { image, plain, other, comparison, held, seconds } = found;
  const { files, settings, sharedLayers } = comparison;
  return {
    schemaVersion: 1,
    outcome: files.differences.length + settings.length === 0 ? 'same' : 'different',
    check: other === undefined ? 'build' : 'image',
    image: imageRecord(image, platform),
    files: null,
    plain: {
      reference: other ? formatReference(other) : null,
      digest: plain.digest,
      layers: plain.layers.length,
    },
    constraints: held,
    sharedLayers,
    paths: files.paths,
    differences: files.differences,
    settings: settings.map(masked),
    excused: files.excused,
    history: { image: image.config.history?.length ?? 0, plain: plain.config.history?.length ?? 0 },
    seconds,
  };
}

/** The history's lines that stand for a layer; none if there are not as many as layers. */
function layerHistory({ history = [], rootfs }: ImageConfig): readonly History[] {
  const lines = history.filter((line) => line.empty_layer !== true);
  return lines.length === rootfs.diff_ids.length ? lines : [];
}

/** A credential, by its name or in a URL, is told to differ, and nothing more. */
function masked(difference: ConfigDifference): ConfigDifference {
  const [kind, name = ''] = difference.field.split(' ');
  const isSecret = (kind === 'Env' || kind === 'Labels') && isSecretName(name);
  const hide = (value: string | null) => (value === null ? null : isSecret ? MASK : maskedText(value));
  return { ...difference, image: hide(difference.image), plain: hide(difference.plain) };
}
