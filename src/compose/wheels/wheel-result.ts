import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { LayerwrightError } from '../../errors.ts';
import { sha256OfFile, sizeOfFile } from '../../host/files.ts';
import { plainKind, readPlainFile } from '../../host/plain-files.ts';
import { pinnedUvCacheInfo } from '../../layers/uv-cache-info.ts';
import { readWheelFacts } from '../../layers/wheel-facts.ts';
import { normaliseName } from '../../python/names.ts';
import { sameVersion } from '../../python/versions.ts';
import { bestWheel, compatibleTags, parseWheelName } from '../../python/wheel-tags.ts';
import type { KeptWheel } from './wheel-artifact.ts';
import type { WheelBuild } from './wheel-build.ts';
import type { LeftEntry } from './wheel-left.ts';
import type { ProgramResult } from './wheel-program.ts';

/** A wheel as it came out of the image. */
export interface WheelResult {
  readonly kept: KeptWheel;
  readonly file: string;
  /** Contents of left files, each once, in the order of the entries. */
  readonly left: Uint8Array;
}

const LEGACY_HINT = 'With pip 23.1 or newer, or --use-pep517, it is built to a wheel.';

/**
 * Reads what the program put into a directory: nothing of it is trusted.
 *
 * @returns why it is not what was asked for; half a sentence
 */
export async function readWheelResult(
  directory: string,
  build: WheelBuild,
): Promise<WheelResult | { readonly reason: string; readonly hint?: string }> {
  const result = await readProgramResult(directory);
  if ('reason' in result) return result;
  if (result.problem !== undefined)
    return { reason: result.problem, ...(result.legacy && { hint: LEGACY_HINT }) };
  const { filename = '', files = {}, left = [] } = result;
  const parsed = parseWheelName(filename);
  if (parsed === undefined || (await plainKind(join(directory, filename))) !== 'file')
    return { reason: 'no wheel came out of it' };
  const { name, version } = parsed;
  const wanted = build.name === undefined ? name : normaliseName(build.name);
  if (name !== wanted || (build.version !== undefined && !sameVersion(version, build.version)))
    return { reason: `it is built to ${filename}, not to ${wanted} ${build.version ?? ''}`.trimEnd() };
  const tags = compatibleTags(build.python);
  if (tags === undefined || bestWheel([{ filename }], tags) === undefined)
    return { reason: `it is built to ${filename}, which does not fit the image's Python` };
  const file = join(directory, filename);
  const sha256 = await sha256OfFile(file);
  const facts = await factsOf(file, { name, version, filename, sha256 });
  if ('reason' in facts) return facts;
  const read = await readLeft(directory, left);
  if ('reason' in read) return read;
  const { entries, bytes } = read;
  const own =
    build.source.kind === 'directory' || build.isDirect ? pinned(files) : withoutAddress(pinned(files));
  return {
    kept: { filename, sha256, size: await sizeOfFile(file), facts, files: own, left: entries },
    file,
    left: bytes,
  };
}

async function factsOf(file: string, expected: Parameters<typeof readWheelFacts>[1]) {
  try {
    return await readWheelFacts(file, expected);
  } catch (error) {
    if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID') return { reason: error.message };
    throw error;
  }
}

/** Without what is another in each build. */
function pinned(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const text = files['uv_cache.json'];
  const info = text === undefined ? undefined : pinnedUvCacheInfo(text);
  return info === undefined ? files : { ...files, 'uv_cache.json': info };
}

/** The tool was told an address, which the step may not have done: the lock says what belongs there. */
function withoutAddress(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { 'direct_url.json': _, ...rest } = files;
  return rest;
}

async function readProgramResult(directory: string): Promise<ProgramResult | { readonly reason: string }> {
  const text = await readPlainFile(join(directory, 'result.json'));
  const strange = { reason: 'what its build says is not understood' };
  if (text === undefined) return strange;
  try {
    const result = JSON.parse(text.toString('utf8')) as ProgramResult;
    const files = Object.entries(result.files ?? {});
    const isKnown = files.every(([name, text]) => /^\w[\w.-]*$/.test(name) && typeof text === 'string');
    return isKnown && (result.left ?? []).every(isEntry) ? result : strange;
  } catch (error) {
    if (error instanceof SyntaxError) return strange;
    throw error;
  }
}

type Left = NonNullable<ProgramResult['left']>;

function isEntry({ path, type, mode, uid, gid, size, link }: Left[number]): boolean {
  const isNumber = [mode, uid, gid, size].every((one) => Number.isSafeInteger(one) && one >= 0);
  const isPath =
    typeof path === 'string' &&
    path.isWellFormed() &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  const isLink = typeof link === 'string' && link.isWellFormed() && (link !== '') === (type === 'symlink');
  return isNumber && mode <= 0o7777 && isPath && isLink && /^(?:file|directory|symlink)$/.test(type);
}

async function readLeft(
  directory: string,
  left: Left,
): Promise<
  { readonly entries: readonly LeftEntry[]; readonly bytes: Uint8Array } | { readonly reason: string }
> {
  const entries: LeftEntry[] = [];
  const contents = new Map<string, Uint8Array>();
  const contentDirectory = join(directory, 'left');
  const isThere = (await plainKind(contentDirectory)) === 'directory';
  for (const [number, { path, type, mode, uid, gid, link }] of left.entries()) {
    const entry = { path, type, mode, uid, gid, size: 0, link };
    if (type !== 'file') {
      entries.push({ entry, sha256: undefined });
      continue;
    }
    const bytes = isThere ? await readPlainFile(join(contentDirectory, String(number))) : undefined;
    if (bytes === undefined) return { reason: `what its build leaves at /${path} is gone` };
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    entries.push({ entry: { ...entry, size: bytes.length }, sha256 });
    if (!contents.has(sha256)) contents.set(sha256, bytes);
  }
  return { entries, bytes: Buffer.concat([...contents.values()]) };
}
