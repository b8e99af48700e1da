import { createHash } from 'node:crypto';
import { cp, glob, lstat, mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { CacheLook } from '../cache/layer-cache.ts';
import type { Builder } from '../engine/builder.ts';
import type { BuildxCall } from '../engine/buildx.ts';
import { createBuildProgress, failedStep } from '../engine/progress.ts';
import { solve } from '../engine/solve.ts';
import { knownError, LayerwrightError, usageError } from '../errors.ts';
import { kindOf, readTextIfThere } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import { checkStageDirectory, type StageInputs, stageInputs } from '../plan/stage-inputs.ts';
import { registryClient } from '../registry/client.ts';
import type { GatheredFacts } from './build-facts.ts';
import type { BuildRequest } from './build-request.ts';

/** A directory of this machine that keeps the files of a stage: `files/` and, beside them, the key of what made them. */
export interface StageDirectory {
  readonly stage: string;
  /** As given. */
  readonly directory: string;
  /** Absolute path. */
  readonly path: string;
  /** Hash of everything that decides the stage's files; undefined if that could not be found out. */
  readonly key: string | undefined;
  /**
   * `used`: in place of the stage. `current`: not needed. `stale`: what it has is not what this stage makes, or nothing.
   * `unknown`: whether it fits could not be found out.
   */
  readonly outcome: 'used' | 'current' | 'stale' | 'unknown';
  /** Why it is unknown. */
  readonly detail: string | undefined;
}

/** Part of every key; counts up when the meaning of a key changes. */
const FORMAT = 'stage-directory 1';

/**
 * Decides for each `--stage-dir` whether it stands for its stage: if no layer cache is there to find the stage in, and its
 * files were made of just the inputs that the stage has now.
 *
 * @throws LayerwrightError `STAGE_UNKNOWN` (1), `STAGE_DIRECTORY_UNSUITED` (2)
 */
export async function openStageDirectories(
  host: Host,
  request: BuildRequest,
  facts: GatheredFacts,
  looks: readonly CacheLook[],
): Promise<readonly StageDirectory[]> {
  const { dockerfile, target } = facts;
  if (request.stageDirectories.length === 0) return [];
  if (dockerfile === undefined || target === undefined)
    throw usageError(
      'STAGE_DIRECTORY_UNSUITED',
      '--stage-dir needs a Dockerfile and a context on this machine, and the frontend docker/dockerfile',
      'Leave it out, or build from a checkout.',
    );
  if (request.wishes.platforms.length > 1)
    throw usageError(
      'STAGE_DIRECTORY_UNSUITED',
      '--stage-dir keeps the files of one platform, but several are built',
      'Leave it out, or build the platforms apart.',
    );
  const isCached = looks.some(({ outcome }) => outcome === 'hit');
  return await Promise.all(
    request.stageDirectories.map(async ({ stage, directory }) => {
      checkStageDirectory(dockerfile, stage, target, request.passed.buildArguments);
      const path = resolve(host.cwd, directory);
      const inputs = stageInputs(dockerfile, stage, request.passed.buildArguments);
      const { key, detail } = await stageKey(host, request, inputs);
      const kept = await readTextIfThere(join(path, 'key'));
      const outcome =
        key === undefined ? 'unknown' : kept?.trim() !== key ? 'stale' : isCached ? 'current' : 'used';
      return { stage, directory, path, key, detail, outcome };
    }),
  );
}

/** `--build-context` values for the directories that stand for their stages. */
export function stageContexts(directories: readonly StageDirectory[]): readonly string[] {
  return directories
    .filter(({ outcome }) => outcome === 'used')
    .map(({ stage, path }) => `${stage}=${join(path, 'files')}`);
}

/**
 * Takes the files of stages out of the builder, after a build that found no layer cache and so made them.
 *
 * A directory that cannot be filled fails no build.
 *
 * @returns for each stage whether its directory was filled, or why not
 */
export async function fillStageDirectories(
  host: Host,
  builder: Builder,
  call: Omit<BuildxCall, 'metadataFile' | 'builder'>,
  directories: readonly StageDirectory[],
): Promise<readonly Filled[]> {
  const filled: Filled[] = [];
  for (const directory of directories)
    try {
      await fillOne(host, builder, call, directory);
      filled.push({ stage: directory.stage, problem: undefined });
    } catch (thrown) {
      const error = knownError(thrown);
      if (host.signal.aborted || !(error instanceof LayerwrightError)) throw thrown;
      filled.push({ stage: directory.stage, problem: error.message });
    }
  return filled;
}

/** A directory that was to be filled. */
export interface Filled {
  readonly stage: string;
  /** Why it was not. */
  readonly problem: string | undefined;
}

async function fillOne(
  host: Host,
  builder: Builder,
  call: Omit<BuildxCall, 'metadataFile' | 'builder'>,
  { stage, path, key }: StageDirectory,
): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    await mkdir(join(fresh, 'files'), { recursive: true });
    await takeOut(host, builder, call, { stage, into: join(fresh, 'files') });
    await writeFile(join(fresh, 'key'), `${key}\n`);
    await replaceDirectory(path, fresh);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function takeOut(
  host: Host,
  builder: Builder,
  call: Omit<BuildxCall, 'metadataFile' | 'builder'>,
  { stage, into }: { readonly stage: string; readonly into: string },
): Promise<void> {
  const progress = createBuildProgress(host.clock);
  await solve(
    host,
    builder,
    {
      ...call,
      target: stage,
      tags: [],
      cacheTo: [],
      outputs: [`type=local,dest=${into}`],
      passed: { ...call.passed, imageIdFile: undefined, noCache: false, pull: false },
    },
    {
      begin: () => {},
      line: (line) => progress.feed(line),
      failure() {
        const failed = failedStep(progress.state);
        return { text: progress.state.text.join('\n'), step: failed?.name, stepLog: failed?.log.lines ?? [] };
      },
      retry: () => {},
    },
  );
}

/** A rename where the disk allows it, so that a reader sees the old or the new directory. */
async function replaceDirectory(path: string, fresh: string): Promise<void> {
  const old = `${path}.${process.pid}.old`;
  const isThere = (await kindOf(path)) !== undefined;
  if (isThere) await rename(path, old);
  try {
    await rename(fresh, path);
  } catch (error) {
    // A mount point cannot be renamed: its content is replaced instead.
    if (
      (error as NodeJS.ErrnoException).code !== 'EXDEV' &&
      (error as NodeJS.ErrnoException).code !== 'EBUSY'
    )
      throw error;
    await cp(fresh, path, { recursive: true, verbatimSymlinks: true });
  }
  if (isThere) await rm(old, { recursive: true, force: true });
}

/** Without a key, and with the reason, if an image's digest is not to be had: then nothing can be said of what is kept. */
async function stageKey(
  host: Host,
  request: BuildRequest,
  inputs: StageInputs,
): Promise<{ key?: string; detail?: string }> {
  try {
    const context = resolve(host.cwd, request.context);
    const files = await Promise.all(inputs.sources.map((source) => filesOf(context, source)));
    const images = await Promise.all(inputs.images.map((image) => digestOf(host, image)));
    const parts = [
      FORMAT,
      request.wishes.platforms.join(','),
      ...inputs.instructions,
      ...[...request.passed.buildArguments].sort(),
      ...images,
      ...[...new Set(files.flat())].sort(),
    ];
    const hash = createHash('sha256');
    for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
    return { key: hash.digest('hex') };
  } catch (error) {
    if (host.signal.aborted || !(error instanceof LayerwrightError)) throw error;
    return { detail: error.message };
  }
}

async function digestOf(host: Host, image: string): Promise<string> {
  const { domain, path, tag, digest } = parseReference(image);
  if (digest !== undefined) return digest;
  const found = await registryClient(host, domain).manifest(path, tag ?? 'latest');
  return `${image} ${found?.digest ?? 'none'}`;
}

/** `path mode digest` of everything that a COPY source names; directories with all that is in them. */
async function filesOf(context: string, source: string): Promise<string[]> {
  const pattern = source.replace(/^\/+/, '').replace(/\/+$/, '') || '.';
  const roots = /[*?[]/.test(pattern) ? await matching(context, pattern) : [join(context, pattern)];
  return (await Promise.all(roots.map((root) => tree(context, root)))).flat();
}

async function matching(context: string, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd: context })) found.push(join(context, path));
  return found;
}

async function tree(context: string, path: string): Promise<string[]> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  const name = relative(context, path);
  if (found === undefined || name === '.git') return [`${name} none`];
  if (found.isSymbolicLink()) return [`${name} link ${await readlink(path)}`];
  const mode = (found.mode & 0o777).toString(8);
  if (found.isFile())
    return [
      `${name} ${mode} ${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')}`,
    ];
  if (!found.isDirectory()) return [`${name} other`];
  const inside = await readdir(path);
  return [
    `${name}/ ${mode}`,
    ...(await Promise.all(inside.map((one) => tree(context, join(path, one))))).flat(),
  ];
}
