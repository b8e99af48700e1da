import { type CacheRepository, registryRepository } from '../cache/repository.ts';
import { EXIT, type ExitCode, usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import { parseReference } from '../image/reference.ts';
import { listTags } from '../registry/tags.ts';
import { count, formatBytes, formatSeconds } from '../report/format.ts';
import { checkBlob, type KeptBlob } from './cache-verify/blobs.ts';
import { readStored, type StoredManifest } from './cache-verify/stored.ts';

/** What is checked of a cache repository. */
export interface CacheVerifyRequest {
  /** `HOST/PATH`. */
  readonly repository: string;
  /** Whether every blob is read, and its digest and diffID compared. */
  readonly deep: boolean;
  /** Makes a dependency layer anew; undefined: none is. */
  readonly rebuild: RebuildLayer | undefined;
}

/**
 * Makes the layer of an artifact anew from what the artifact says of it.
 *
 * @returns the diffIDs that it keeps and that came out; what is wrong with what it says; or why it cannot be made here;
 *   undefined for an artifact that is no dependency layer
 */
export type RebuildLayer = (
  stored: StoredManifest,
) => Promise<
  | { readonly kept: string; readonly made: string }
  | { readonly wrong: string }
  | { readonly impossible: string }
  | undefined
>;

/** What is wrong with something that the repository keeps. */
export interface CacheProblemFound {
  /** `gone`: listed, and not there. `unreadable`: no manifest of ours. `rebuilt`: made anew it is another layer. */
  readonly kind: 'gone' | 'unreadable' | 'missing' | 'size' | 'corrupt' | 'diffId' | 'rebuilt';
  /** The tags that keep it. */
  readonly tags: readonly string[];
  /** Of the blob or manifest. */
  readonly digest: string | null;
  readonly detail: string;
}

/** `cache verify --json`. */
export interface CacheVerifyRecord {
  readonly schemaVersion: 1;
  readonly outcome: 'sound' | 'problem';
  readonly repository: string;
  /** Tags `lw-...`. */
  readonly artifacts: number;
  /** Different blobs that they name, and their bytes as named. */
  readonly blobs: number;
  readonly bytes: number;
  /** Whether contents were read. */
  readonly deep: boolean;
  readonly rebuilt: number;
  /** Layers that could not be made anew here, and why. */
  readonly notRebuilt: readonly { readonly tag: string; readonly why: string }[];
  readonly problems: readonly CacheProblemFound[];
  readonly seconds: number;
}

const PREFIX = 'lw-';
/** Requests at the same time: each is short. */
const PARALLEL = 8;
/** Blobs that are read at the same time. */
const PARALLEL_DEEP = 2;

/**
 * Checks what a cache repository keeps: every artifact can be read and every blob that it names is there with its size;
 * with `deep` also its content, and with `rebuild` that its layers come out the same again.
 *
 * @returns exit 1 if there is a problem
 * @throws LayerwrightError of the reference (2) and of the registry (2, 75)
 */
export async function cacheVerify(
  host: Host,
  request: CacheVerifyRequest,
): Promise<{ record: CacheVerifyRecord; text: string; exit: ExitCode }> {
  const started = host.clock.monotonicMs();
  const reference = parseReference(request.repository);
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw usageError(
      'BAD_REFERENCE',
      `"${request.repository}" is no repository`,
      'Leave out the tag or digest.',
    );
  const repository = registryRepository(host, request.repository);
  const tags = (await listTags(host, reference.domain, reference.path)).filter((tag) =>
    tag.startsWith(PREFIX),
  );
  const stored = await inParallel([...tags].sort(), PARALLEL, (tag) => readStored(repository, tag));
  const manifests = stored.flatMap((one) => ('problem' in one ? [] : one.manifests));
  const blobs = keptBlobs(manifests);
  const found = await checkBlobs(repository, blobs, request.deep);
  const rebuilt = await rebuildAll(manifests, request.rebuild);
  const problems = [
    ...stored.flatMap((one) => ('problem' in one ? [one.problem] : [])),
    ...found,
    ...rebuilt.problems,
  ];
  const record: CacheVerifyRecord = {
    schemaVersion: 1,
    outcome: problems.length === 0 ? 'sound' : 'problem',
    repository: repository.name,
    artifacts: tags.length,
    blobs: blobs.length,
    bytes: blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    deep: request.deep,
    rebuilt: rebuilt.count,
    notRebuilt: rebuilt.notRebuilt,
    problems,
    seconds: Math.round(host.clock.monotonicMs() - started) / 1000,
  };
  return { record, text: renderCacheVerify(record), exit: problems.length === 0 ? EXIT.ok : EXIT.failed };
}

/** Every blob once, with all tags that keep it. */
function keptBlobs(manifests: readonly StoredManifest[]): readonly KeptBlob[] {
  const blobs = new Map<string, KeptBlob & { tags: string[] }>();
  for (const { tag, manifest, diffIds } of manifests)
    for (const [index, descriptor] of [manifest.config, ...manifest.layers].entries()) {
      const there = blobs.get(descriptor.digest);
      const diffId = index === 0 ? undefined : diffIds[index - 1];
      if (there === undefined) blobs.set(descriptor.digest, { descriptor, tags: [tag], diffId });
      else if (!there.tags.includes(tag)) there.tags.push(tag);
    }
  return [...blobs.values()];
}

async function checkBlobs(
  repository: CacheRepository,
  blobs: readonly KeptBlob[],
  deep: boolean,
): Promise<readonly CacheProblemFound[]> {
  const checks = await inParallel(blobs, deep ? PARALLEL_DEEP : PARALLEL, (blob) =>
    checkBlob(repository, blob, deep),
  );
  return checks.filter((one) => one !== undefined);
}

async function rebuildAll(manifests: readonly StoredManifest[], rebuild: RebuildLayer | undefined) {
  const problems: CacheProblemFound[] = [];
  const notRebuilt: { tag: string; why: string }[] = [];
  let made = 0;
  // One after another: each may take the whole machine.
  for (const stored of rebuild === undefined ? [] : manifests) {
    const result = await rebuild?.(stored);
    if (result === undefined) continue;
    if ('impossible' in result) {
      notRebuilt.push({ tag: stored.tag, why: result.impossible });
      continue;
    }
    if ('made' in result) made++;
    if ('made' in result && result.kept === result.made) continue;
    const detail =
      'wrong' in result ? result.wrong : `it keeps diffID ${result.kept}, and made anew it is ${result.made}`;
    problems.push({ kind: 'rebuilt', tags: [stored.tag], digest: stored.digest, detail });
  }
  return { problems, notRebuilt, count: made };
}

/** The result for people. */
export function renderCacheVerify(record: CacheVerifyRecord): string {
  const { artifacts, blobs, bytes, deep, rebuilt, notRebuilt, problems, seconds } = record;
  const what = [
    count(artifacts, 'artifact'),
    `${count(blobs, 'blob')} of ${formatBytes(bytes)}${deep ? ' read to their ends' : ''}`,
    ...(rebuilt > 0 ? [`${count(rebuilt, 'layer')} made anew`] : []),
  ].join(', ');
  const verdict = problems.length === 0 ? '✓ nothing is wrong' : `✗ ${count(problems.length, 'problem')}`;
  const lines = [
    `${verdict} in ${record.repository}: ${what}, in ${formatSeconds(seconds)}`,
    ...problems.flatMap(({ tags, kind, digest, detail }) => [
      '',
      `  ${tags.slice(0, 3).join(', ')}${tags.length > 3 ? ` and ${tags.length - 3} more` : ''}`,
      `    ${kind}: ${detail}`,
      ...(digest === null || detail.includes(digest) ? [] : [`    ${digest}`]),
    ]),
    ...(notRebuilt.length > 0 ? ['', 'Not made anew:'] : []),
    ...notRebuilt.map(({ tag, why }) => `  ${tag}: ${why}`),
    ...(problems.length > 0 ? ['', 'A build takes what is wrong here for a miss, and makes it again.'] : []),
  ];
  return `${lines.join('\n')}\n`;
}
