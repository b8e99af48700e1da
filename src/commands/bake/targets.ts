import { join } from 'node:path';
import type { BakeTarget, Entry } from '../../bake/definition.ts';
import { parseEntry } from '../../engine/buildx.ts';
import { usageError } from '../../errors.ts';
import { formatCsv } from '../../plan/build-plan.ts';
import { isRemote } from '../build-facts.ts';
import { type BuildRequest, toBuildRequest } from '../build-request.ts';
import type { BakeRequest } from './request.ts';

/** Where a target keeps its caches; fields that are missing leave it to the build. */
export interface TargetCaches {
  /** `HOST/PATH`, or `none`. */
  readonly repository?: string;
  /** In the form of buildx. */
  readonly layers?: string;
}

/**
 * What `layerwright build` would be asked to build a target, its named contexts aside. Pure.
 *
 * @throws LayerwrightError `BAKE_UNSUPPORTED`, `FLAG_INVALID`, `WAY_NOT_AVAILABLE` (2)
 */
export function targetRequest(
  env: NodeJS.ProcessEnv,
  request: BakeRequest,
  target: BakeTarget,
  caches: TargetCaches,
): BuildRequest {
  const { push, load, outputs, compression } = outputsOf(target, request.compression);
  const given = target.cacheFrom.length + target.cacheTo.length > 0;
  const layers = given || caches.layers === undefined ? [] : [caches.layers];
  const built = toBuildRequest(env, localPath(target.context), {
    ...{ file: dockerfileOf(target), tag: target.tags, target: target.stage },
    ...{ platform: target.platforms, push, load, output: outputs, compression },
    buildArg: pairs(target.args),
    label: pairs(target.labels),
    annotation: target.annotations,
    ...attestationsOf(target),
    secret: target.secrets.map(textOf),
    ssh: target.ssh,
    cacheFrom: [...target.cacheFrom.map(textOf), ...layers],
    cacheTo: [...target.cacheTo.map(textOf), ...layers],
    ...{ cacheRepo: caches.repository, cache: !target.noCache, pull: target.pull },
    ...{ builder: request.builder, way: request.way },
    ...{ sourceLabels: request.sourceLabels, sourceDateEpoch: request.sourceDateEpoch },
    addHost: pairs(target.extraHosts),
    allow: target.entitlements,
    network: target.network === undefined ? [] : [target.network],
    noCacheFilter: target.noCacheFilter,
    shmSize: target.shmSize === undefined ? [] : [target.shmSize],
    ulimit: target.ulimits,
    ...{ progress: request.progress, json: false },
  });
  const resources = target.resources.flatMap((one) => ['--resource', one]);
  return { ...built, passed: { ...built.passed, other: [...built.passed.other, ...resources] } };
}

/** A path without buildx's mark for the working directory. */
export function localPath(path: string): string {
  return path.startsWith('cwd://') ? path.slice('cwd://'.length) || '.' : path;
}

/** Of a context in a repository, the path in there. */
function dockerfileOf({ name, context, dockerfile }: BakeTarget): string {
  if (dockerfile.startsWith('cwd://') || dockerfile.startsWith('/')) return localPath(dockerfile);
  if (isRemote(localPath(context))) return dockerfile;
  if (!isRemote(dockerfile)) return join(localPath(context), dockerfile);
  throw usageError(
    'BAKE_UNSUPPORTED',
    `target "${name}": its Dockerfile is at ${dockerfile}`,
    'Keep a copy of it in the checkout, or use docker buildx bake for this target.',
  );
}

/** Outputs as the flags that mean the same; what a push has beside its compression stays with buildx. */
function outputsOf(target: BakeTarget, compression: string) {
  let [push, load, chosen] = [false, false, compression];
  const outputs: string[] = [];
  for (const output of target.outputs) {
    const entry = entryOf(output);
    if (isPush(entry)) [push, chosen] = [true, entry.compression ?? chosen];
    else if (entry.type === 'docker' && Object.keys(entry).length === 1) load = true;
    else outputs.push(formatCsv(entry));
  }
  return { push, load, outputs, compression: chosen };
}

function isPush({ type, push, compression, ...rest }: Entry): boolean {
  const pushes = (type === 'registry' && push !== 'false') || (type === 'image' && push === 'true');
  const { 'oci-mediatypes': oci, ...others } = rest;
  const plain = Object.keys(others).length === 0 && (oci === undefined || oci === 'true');
  return pushes && plain && (compression === undefined || ['zstd', 'gzip'].includes(compression));
}

/** Of several of a type the first one counts, as with buildx. */
function attestationsOf({ attestations }: BakeTarget) {
  const byType = new Map<string, string>();
  for (const one of attestations) {
    const { type = '', disabled, ...rest } = entryOf(one);
    const value = disabled === 'true' ? 'false' : formatCsv(rest) || 'true';
    if (!byType.has(type)) byType.set(type, value);
  }
  const { provenance, sbom, ...others } = Object.fromEntries(byType);
  const attest = Object.entries(others)
    .filter(([, value]) => value !== 'false')
    .map(([type, value]) => (value === 'true' ? `type=${type}` : `type=${type},${value}`));
  return { provenance, sbom, attest };
}

function entryOf(entry: Entry | string): Entry {
  return typeof entry === 'string' ? parseEntry('--output', entry) : entry;
}

function textOf(entry: Entry | string): string {
  return typeof entry === 'string' ? entry : formatCsv(entry);
}

function pairs(map: ReadonlyMap<string, string>): readonly string[] {
  return [...map].map(([key, value]) => `${key}=${value}`);
}
