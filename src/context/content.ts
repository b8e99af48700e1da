import { createHash, hash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, interruptedError, LayerwrightError } from '../errors.ts';
import type { Context, ContextEntry } from './context.ts';

/** What is known of a file's content. */
export interface ContentFacts {
  /** 64 hex digits. */
  readonly sha256: string;
  /** The first bytes, at most 512. */
  readonly head: Uint8Array;
}

/** 64 hex digits. */
export function hashBytes(bytes: Uint8Array): string {
  return hash('sha256', bytes);
}

/** Files are read side by side: more do not help, the disk and four threads do the work. */
const PARALLEL = 8;
/** Bytes read at once. */
const CHUNK = 256 * 1024;
/** Bytes of a file that tell whether it is an archive. */
const HEAD = 512;

const known = new WeakMap<Context, Map<string, Promise<ContentFacts>>>();

/**
 * Reads and hashes files of the context, each only once for one reading of the context.
 *
 * @returns facts by path
 * @throws LayerwrightError `CONTEXT_CHANGED` (75); what the file system refuses
 */
export async function contentFacts(
  context: Context,
  entries: readonly ContextEntry[],
): Promise<ReadonlyMap<string, ContentFacts>> {
  const cache = known.get(context) ?? new Map<string, Promise<ContentFacts>>();
  known.set(context, cache);
  const found = new Map<string, ContentFacts>();
  const queue = entries.values();
  const work = async () => {
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (const entry of queue) {
      const facts = cache.get(entry.path) ?? hashFile(context, entry, buffer);
      cache.set(entry.path, facts);
      found.set(entry.path, await facts);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, entries.length) }, work));
  return found;
}

async function hashFile(context: Context, entry: ContextEntry, buffer: Buffer): Promise<ContentFacts> {
  const hasher = createHash('sha256');
  let head: Uint8Array | undefined;
  for await (const chunk of readChunks(context, entry, buffer)) {
    head ??= Uint8Array.from(chunk.subarray(0, HEAD));
    hasher.update(chunk);
  }
  return { sha256: hasher.digest('hex'), head: head ?? new Uint8Array() };
}

/**
 * The content of a file of the context, and proof that it is the one that was hashed.
 *
 * @throws LayerwrightError `CONTEXT_CHANGED` (75) after the last chunk at the latest
 */
export async function* readVerified(
  context: Context,
  entry: ContextEntry,
  sha256: string,
): AsyncGenerator<Uint8Array> {
  const hasher = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, entry.size + 1));
  for await (const chunk of readChunks(context, entry, buffer)) {
    hasher.update(chunk);
    yield chunk;
  }
  if (hasher.digest('hex') !== sha256) throw changed(entry);
}

/**
 * The whole content of a small file of the context, the same that is hashed and copied.
 *
 * @throws LayerwrightError `CONTEXT_CHANGED` (75)
 */
export async function readContextFile(context: Context, entry: ContextEntry): Promise<Uint8Array> {
  const facts = await contentFacts(context, [entry]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readVerified(context, entry, (facts.get(entry.path) as ContentFacts).sha256))
    chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Exactly as many bytes as the context said when it was read; a chunk is valid until the next one is asked for. */
async function* readChunks(
  context: Context,
  entry: ContextEntry,
  buffer: Buffer,
): AsyncGenerator<Uint8Array> {
  const file = await openFile(context, entry);
  try {
    for (let total = 0; ; ) {
      if (context.host.signal.aborted) throw interruptedError();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, total);
      total += bytesRead;
      if (total > entry.size || (bytesRead === 0 && total < entry.size)) throw changed(entry);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      // A short file comes with one call: the buffer had room for more.
      if (total === entry.size && bytesRead < buffer.length) return;
    }
  } finally {
    await file.close();
  }
}

/** A link that has come in the file's place is not followed, since it may leave the context, and a pipe not waited for. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

async function openFile(context: Context, entry: ContextEntry): Promise<FileHandle> {
  try {
    return await open(join(context.directory, entry.path), FLAGS);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') throw changed(entry);
    throw error;
  }
}

function changed(entry: ContextEntry): LayerwrightError {
  return new LayerwrightError(`${entry.path} changed while it was being copied`, {
    code: 'CONTEXT_CHANGED',
    exit: EXIT.temporary,
    hint: 'Something writes to the build context during the build: leave it out by .dockerignore, or build when it is done.',
  });
}
