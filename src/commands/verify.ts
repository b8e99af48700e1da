import { layoutRepository } from '../cache/repository-layout.ts';
import { isSecretName, MASK, maskedText } from '../config/mask.ts';
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
import type { BuildRequest } from './build-request.ts';
import { plainBuild } from './verify/plain-build.ts';
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
  /** Lines `name==version` that pip and uv are held to in the plain build. */
  readonly constraints: string | undefined;
  /** Whether a RUN was run on both sides, so that its logs and mount points may differ. */
  readonly solveNoise: boolean;
}

/** One layer of the image, as the JSON names it. */
export interface VerifyLayer {
  readonly digest: string;
  /** The history's word for it; null if there is none. */
  readonly createdBy: string | null;
}

/** `verify --json`. */
export interface VerifyRecord {
  readonly schemaVersion: 1;
  readonly outcome: 'same' | 'different';
  readonly image: {
    readonly reference: string;
    readonly digest: string;
    readonly platform: string;
    readonly layers: readonly VerifyLayer[];
  };
  /** `reference` is null for a plain build. */
  readonly plain: { readonly reference: string | null; readonly digest: string; readonly layers: number };
  /** Layers that both have, from the lowest on. */
  readonly sharedLayers: number;
  readonly paths: number;
  readonly differences: readonly Difference[];
  readonly settings: readonly ConfigDifference[];
  readonly excused: TreeComparison['excused'];
  /** Lines of each history; they are not compared. */
  readonly history: { readonly image: number; readonly plain: number };
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
  await using directory = await temporaryDirectory('layerwright-verify-');
  const plain =
    other === undefined
      ? await openBuilt(host, request, directory.path)
      : await openInRegistry(host, other, request.platform);
  const comparison = await step('Comparing', () => compareImages(image, plain, request));
  const seconds = Math.round(host.clock.monotonicMs() - started) / 1000;
  const record = recordOf(request, { image, plain, other, comparison, seconds });
  return { record, text: renderVerify(record), exit: record.outcome === 'same' ? EXIT.ok : EXIT.failed };
}

function openInRegistry(host: Host, reference: Reference, platform: string): Promise<OpenedImage> {
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  return openImage(registrySource(host, reference), wanted, platform);
}

async function openBuilt(host: Host, request: VerifyRequest, directory: string): Promise<OpenedImage> {
  const { constraints } = request;
  const build: BuildRequest = {
    ...request.build,
    wishes: { ...request.build.wishes, platforms: [request.platform] },
  };
  const { layout, digest } = await plainBuild(host, { request: build, constraints, directory });
  return await openImage({ ...layoutRepository(layout), name: 'the plain build' }, digest, request.platform);
}

function recordOf(
  { platform }: VerifyRequest,
  found: {
    readonly image: OpenedImage;
    readonly plain: OpenedImage;
    readonly other: Reference | undefined;
    readonly comparison: ImageComparison;
    readonly seconds: number;
  },
): VerifyRecord {
  const { image, plain, other, comparison, seconds } = found;
  const { files, settings, sharedLayers } = comparison;
  const created = layerHistory(image.config);
  return {
    schemaVersion: 1,
    outcome: files.differences.length + settings.length === 0 ? 'same' : 'different',
    image: {
      reference: image.name,
      digest: image.digest,
      platform,
      layers: image.manifest.layers.map(({ digest }, index) => ({
        digest,
        // BuildKit writes the values of build arguments there.
        createdBy: maskedText(created[index]?.created_by ?? '') || null,
      })),
    },
    plain: {
      reference: other ? formatReference(other) : null,
      digest: plain.digest,
      layers: plain.layers.length,
    },
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
