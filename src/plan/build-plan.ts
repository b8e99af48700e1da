import { ancestry, type Dockerfile, type Stage } from '../dockerfile/parse.ts';
import { formatReference, type Reference, repositoryOf } from '../image/reference.ts';

/** The only switch between ways of building. */
export type Way = 'auto' | 'composed' | 'split' | 'solved';

/** A run of instructions that is produced in one way. Lines count from 1. */
export interface Segment {
  readonly kind: 'solved';
  readonly stage: string;
  readonly fromLine: number;
  readonly toLine: number;
  /** Why it is produced this way, for people. */
  readonly reason: string;
}

/** One layer cache that BuildKit reads. */
export interface CacheSource {
  /** buildx's own text, e.g. `type=registry,ref=host/app:cache`. */
  readonly spec: string;
  /** The reference, for registry caches: what can be looked at beforehand. */
  readonly reference: string | undefined;
}

/** What is known before anything runs. */
export interface BuildFacts {
  /** Undefined when the Dockerfile cannot be read here (remote context, standard input, foreign frontend). */
  readonly dockerfile: Dockerfile | undefined;
  readonly target: Stage | undefined;
  /** Tags with their placeholders expanded, parsed. */
  readonly tags: readonly Reference[];
}

/** What the user asked for, as far as it decides the plan. */
export interface BuildWishes {
  readonly way: Way;
  readonly targetName: string | undefined;
  readonly platforms: readonly string[];
  readonly push: boolean;
  readonly load: boolean;
  /** `--output` values in buildx's form. */
  readonly outputs: readonly Readonly<Record<string, string>>[];
  readonly noCache: boolean;
  /** buildx's form, parsed; empty if the user gave none. */
  readonly cacheFrom: readonly Readonly<Record<string, string>>[];
  readonly cacheTo: readonly Readonly<Record<string, string>>[];
  /** `--cache-repo`: undefined if not given, `none` for no cache. */
  readonly cacheRepository: string | undefined;
  readonly compression: 'zstd' | 'gzip';
}

/** The printable outcome of planning: the same facts and wishes give the same plan. */
export interface BuildPlan {
  readonly schemaVersion: 1;
  readonly way: 'solved';
  readonly target: string;
  readonly platforms: readonly string[];
  readonly segments: readonly Segment[];
  readonly tags: readonly string[];
  readonly pushes: boolean;
  readonly cacheFrom: readonly CacheSource[];
  readonly cacheTo: readonly string[];
  /** buildx's `--output` values. */
  readonly outputs: readonly string[];
}

/** Cuts the build into segments and decides caches and outputs. Pure. */
export function planBuild(facts: BuildFacts, wishes: BuildWishes): BuildPlan {
  const pushes = wishes.push || wishes.outputs.some(pushesToRegistry);
  const cacheRepository = chooseCacheRepository(facts, wishes);
  const caches = planCaches(wishes, cacheRepository, pushes);
  return {
    schemaVersion: 1,
    way: 'solved',
    target:
      facts.target?.name ?? wishes.targetName ?? (facts.target ? `stage ${facts.target.index}` : 'default'),
    platforms: wishes.platforms,
    segments: facts.dockerfile && facts.target ? solvedSegments(facts.dockerfile, facts.target) : [],
    tags: facts.tags.map(formatReference),
    pushes,
    ...caches,
    outputs: planOutputs(wishes),
  };
}

/** Every stage on the way to the target, solved by BuildKit. */
function solvedSegments(dockerfile: Dockerfile, target: Stage): readonly Segment[] {
  return ancestry(dockerfile, target).map((stage) => ({
    kind: 'solved',
    stage: stage.name ?? `stage ${stage.index}`,
    fromLine: stage.line,
    toLine: stage.instructions.at(-1)?.endLine ?? stage.line,
    reason: 'BuildKit solves it',
  }));
}

/**
 * The repository for caches: `--cache-repo`, else that of `--cache-to`, else that of the first tag.
 *
 * @returns `host/path`, or undefined if there is none or it was refused with `none`
 */
export function chooseCacheRepository(facts: BuildFacts, wishes: BuildWishes): string | undefined {
  if (wishes.cacheRepository === 'none') return undefined;
  if (wishes.cacheRepository !== undefined) return wishes.cacheRepository;
  const to = wishes.cacheTo.find((entry) => entry.type === 'registry' && entry.ref !== undefined);
  if (to?.ref !== undefined) return to.ref.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const first = facts.tags[0];
  return first && repositoryOf(first);
}

/**
 * Without flags, a build that pushes keeps its layer cache beside the image, under the tag `cache`.
 * The user's own `--cache-from` and `--cache-to` replace that.
 */
function planCaches(
  wishes: BuildWishes,
  repository: string | undefined,
  pushes: boolean,
): Pick<BuildPlan, 'cacheFrom' | 'cacheTo'> {
  const explicit = wishes.cacheRepository !== undefined;
  const ref = repository === undefined || !(pushes || explicit) ? undefined : `${repository}:cache`;
  const automatic: readonly Readonly<Record<string, string>>[] =
    ref === undefined || wishes.cacheRepository === 'none' ? [] : [{ type: 'registry', ref }];
  const from =
    wishes.cacheFrom.length > 0
      ? wishes.cacheFrom
      : wishes.cacheTo.length > 0
        ? registryEntries(wishes.cacheTo)
        : automatic;
  const to = wishes.cacheTo.length > 0 ? wishes.cacheTo : wishes.cacheFrom.length > 0 ? [] : automatic;
  return {
    cacheFrom: wishes.noCache
      ? []
      : from.map((entry) => ({
          spec: formatCsv(entry),
          reference: entry.type === 'registry' ? entry.ref : undefined,
        })),
    cacheTo: to.map((entry) => formatCsv(withCacheDefaults(entry, wishes.compression))),
  };
}

function registryEntries(
  entries: readonly Readonly<Record<string, string>>[],
): readonly Record<string, string>[] {
  return entries.flatMap(({ type, ref }) =>
    type === 'registry' && ref !== undefined ? [{ type, ref }] : [],
  );
}

/**
 * What a cache export needs on the registries our users have, unless they said otherwise: all stages (`mode=max`),
 * a manifest that ECR accepts (`image-manifest`, `oci-mediatypes`), the same compression as the image, so that no layer
 * is compressed and pushed twice, and an outage of the cache that does not fail the build.
 */
function withCacheDefaults(
  entry: Readonly<Record<string, string>>,
  compression: string,
): Readonly<Record<string, string>> {
  if (entry.type === 'inline') return entry;
  if (entry.type !== 'registry') return { 'ignore-error': 'true', ...entry };
  return {
    mode: 'max',
    'image-manifest': 'true',
    'oci-mediatypes': 'true',
    compression,
    'ignore-error': 'true',
    ...entry,
  };
}

function planOutputs(wishes: BuildWishes): readonly string[] {
  const outputs: Readonly<Record<string, string>>[] = [];
  const layers = { 'oci-mediatypes': 'true', compression: wishes.compression };
  if (wishes.push) outputs.push({ type: 'image', push: 'true', ...layers });
  if (wishes.load) outputs.push({ type: 'docker' });
  for (const output of wishes.outputs)
    outputs.push(output.type === 'registry' || output.type === 'image' ? { ...layers, ...output } : output);
  return outputs.map(formatCsv);
}

/** True if this `--output` value ends in a registry. */
function pushesToRegistry(output: Readonly<Record<string, string>>): boolean {
  return output.type === 'registry' || (output.type === 'image' && output.push === 'true');
}

/** `key=value` pairs in buildx's comma-separated form; values with commas or quotes are quoted. `type` comes first. */
export function formatCsv(entry: Readonly<Record<string, string>>): string {
  const { type, ...rest } = entry;
  const pairs = [...(type === undefined ? [] : [['type', type] as const]), ...Object.entries(rest)];
  return pairs
    .map(([key, value]) => `${key}=${value}`)
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',');
}
