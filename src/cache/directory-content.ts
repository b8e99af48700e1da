import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { interruptedError } from '../errors.ts';
import { cacheDirectory, kindOf, writeFileAtomic } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { archiveCorrupt } from './archive-header.ts';
import { type ArchiveTally, archiveOf, changed } from './archive-write.ts';

/** What a directory holds, known by the archive that is made of it. */
export interface Content {
  /** Of the archive before compression. */
  readonly sha256: string;
  /** Bytes of the archive before compression. */
  readonly size: number;
  readonly files: number;
  readonly skipped: number;
}

/** Reads a directory once, only to know what it holds: reading and hashing is far quicker than compressing. */
export async function measure(host: Pick<Host, 'signal'>, directory: string): Promise<Content> {
  const tally: ArchiveTally = { files: 0, skipped: 0 };
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of archiveOf(directory, tally)) {
    if (host.signal.aborted) throw interruptedError();
    hash.update(chunk);
    size += chunk.length;
  }
  return { sha256: hash.digest('hex'), size, ...tally };
}

/**
 * An archive as it passes by, which must have exactly this content: at the end an error is thrown if it has not.
 *
 * @param otherwise the error for an archive that is another one
 */
export async function* exactly(
  archive: AsyncIterable<Buffer>,
  content: Pick<Content, 'sha256' | 'size'>,
  otherwise: (what: string) => Error,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of archive) {
    size += chunk.length;
    // Not unpacked until the disk is full, and only then found to be wrong.
    if (size > content.size) throw otherwise('there is more than there should be');
    hash.update(chunk);
    yield chunk;
  }
  if (size !== content.size) throw otherwise('there is less than there should be');
  if (hash.digest('hex') !== content.sha256) throw otherwise('its SHA-256 is another one');
}

/** The archive of a directory that was measured before. @throws LayerwrightError `DIRECTORY_CHANGED` (75) */
export function archiveOfMeasured(directory: string, content: Content): AsyncGenerator<Buffer> {
  return exactly(archiveOf(directory), content, (what) => changed(what));
}

/** Passes an archive on that was read from a store. @throws LayerwrightError `CACHE_CORRUPT` (1) */
export function verified(
  archive: AsyncIterable<Buffer>,
  content: Pick<Content, 'sha256' | 'size'>,
): AsyncGenerator<Buffer> {
  return exactly(archive, content, archiveCorrupt);
}

/**
 * A note on this machine that the archive of a content was found to be corrupt, so that the next save of the same content
 * does not take it for saved. It stays here: a restore may not have the right to write to the store, nor the wish.
 */
export async function noteCorrupt(host: Pick<Host, 'env'>, sha256: string): Promise<void> {
  // Without the note the save trusts the store.
  await writeFileAtomic(notePath(host, sha256), '').catch(() => {});
}

export async function isNotedCorrupt(host: Pick<Host, 'env'>, sha256: string): Promise<boolean> {
  return (await kindOf(notePath(host, sha256))) !== undefined;
}

export async function forgetCorrupt(host: Pick<Host, 'env'>, sha256: string): Promise<void> {
  await rm(notePath(host, sha256), { force: true }).catch(() => {});
}

function notePath(host: Pick<Host, 'env'>, sha256: string): string {
  return join(cacheDirectory(host.env), 'directory-cache', 'corrupt', sha256);
}
