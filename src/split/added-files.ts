import { createHash } from 'node:crypto';
import { EXIT, interruptedError, LayerwrightError } from '../errors.ts';
import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import { readTar, type StreamedEntry } from '../image/tar-read-stream.ts';
import { isEscaped } from '../image/tar-text.ts';
import { layerArchive } from '../layers/layer-archive.ts';
import type { ContentFile, Stretch } from './content-file.ts';
import { type AddedLayer, CannotSplit } from './request.ts';

/** A path that the added layers wrote and that is still there. */
export interface AddedFile {
  /** As it is in the image: a hard link is the file that it names. */
  readonly entry: PathEntry;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** The same number for hard links of each other. */
  readonly inode: number;
  /** Where the content of a file was put. */
  readonly content: Stretch;
}

/** What the added layers come to. */
export interface AddedFiles {
  /** By path, sorted. */
  readonly files: ReadonlyMap<string, AddedFile>;
  readonly contents: ContentFile;
  /** Bytes of the archives. */
  readonly tarBytes: number;
}

/**
 * Reads the layers, each once, and puts contents aside. Of each path the uppermost entry counts; whether it is still there, the
 * index says, which has the whiteouts applied.
 *
 * @param after files of the image with the layers
 * @throws CannotSplit for what our layers cannot hold; LayerwrightError `BLOB_CORRUPT` (1), `LAYER_UNREADABLE` (1)
 */
export async function gatherAdded(
  layers: readonly AddedLayer[],
  after: PathIndex,
  contents: ContentFile,
  signal?: AbortSignal,
): Promise<AddedFiles> {
  const all = new Map<string, Gathered>();
  const count = { tarBytes: 0, inodes: 0 };
  for (const layer of layers) {
    const own = new Map<string, Gathered>();
    for await (const { entry, content } of readTar(archiveOf(layer, count))) {
      if (signal?.aborted) throw interruptedError();
      if (nameOf(entry.path).startsWith('.wh.')) continue;
      const gathered =
        entry.type === 'hardlink'
          ? linked(entry, own, all)
          : { ...withoutContent(entry, ++count.inodes), content: await putAside(content, contents) };
      own.set(entry.path, gathered);
    }
    for (const [path, file] of own) all.set(path, file);
  }
  await contents.flush();
  const files = new Map<string, AddedFile>();
  for (const path of [...all.keys()].sort()) {
    const found = after.get(path);
    const file = all.get(path) as Gathered;
    // Covered by a whiteout, or by something else in the place of a directory above it.
    if (path === '' || found === undefined) continue;
    refuseOdd(file, found);
    files.set(path, file);
  }
  return { files, contents, tarBytes: count.tarBytes };
}

interface Gathered extends AddedFile {
  readonly hasXattrs: boolean;
}

async function* archiveOf(
  { descriptor, open }: AddedLayer,
  count: { tarBytes: number },
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const piece of (await open()) as AsyncIterable<Uint8Array>) {
      hash.update(piece);
      yield piece;
    }
  }
  for await (const piece of layerArchive(hashed(), descriptor.mediaType)) {
    count.tarBytes += piece.byteLength;
    yield piece;
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== descriptor.digest)
    throw new LayerwrightError(`blob ${descriptor.digest} has the content of ${digest}`, {
      code: 'BLOB_CORRUPT',
      exit: EXIT.failed,
      hint: 'The registry or something before it altered the blob: push the image again.',
    });
}

function withoutContent(entry: StreamedEntry, inode: number): Omit<Gathered, 'content'> {
  const { path, type, mode, uid, gid, size, link, mtime, xattrs } = entry;
  return {
    entry: { path, type, mode, uid, gid, size, link },
    ...{ mtime, inode, hasXattrs: Object.keys(xattrs).length > 0 },
  };
}

/** A file of the same layer, or of one below it that was added too: the content of others is not at hand. */
function linked(
  { path, link }: StreamedEntry,
  own: ReadonlyMap<string, Gathered>,
  all: ReadonlyMap<string, Gathered>,
): Gathered {
  const target = own.get(link) ?? all.get(link);
  if (target === undefined || target.entry.type === 'directory')
    throw new CannotSplit(`/${path} is a hard link to /${link}, which was there before`);
  return { ...target, entry: { ...target.entry, path } };
}

async function putAside(content: AsyncIterable<Uint8Array>, contents: ContentFile): Promise<Stretch> {
  const at = contents.end();
  for await (const piece of content) await contents.add(piece);
  return { at, size: contents.end() - at };
}

function refuseOdd(file: Gathered, found: PathEntry): void {
  const { entry, hasXattrs } = file;
  const { path, type, link } = entry;
  if (isEscaped(path) || isEscaped(link))
    throw new CannotSplit(`/${path} has a name that is no proper UTF-8`);
  if (hasXattrs) throw new CannotSplit(`/${path} has extended attributes`);
  if (type !== 'file' && type !== 'symlink' && type !== 'directory')
    throw new CannotSplit(`/${path} is a device or a pipe`);
  if (!isSameEntry(entry, found)) throw new CannotSplit(`/${path} is written in an unusual way`);
}

/** Whether two entries are alike in all that an index knows. */
export function isSameEntry(one: PathEntry, other: PathEntry): boolean {
  return (
    one.type === other.type &&
    one.mode === other.mode &&
    one.uid === other.uid &&
    one.gid === other.gid &&
    one.size === other.size &&
    one.link === other.link
  );
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
