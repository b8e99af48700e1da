import { createHash, randomBytes } from 'node:crypto';
import { copyFile, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, knownError, LayerwrightError, usageError } from '../errors.ts';
import { kindOf, readTextIfThere, withLock, writeFileAtomic } from '../host/files.ts';
import { MEDIA } from '../image/oci.ts';
import { requireDigest } from '../registry/blobs.ts';
import { sha256Digest } from '../registry/body.ts';
import { blobUnknownError, type FoundManifest } from '../registry/manifests.ts';
import type { BlobSource } from '../registry/uploads.ts';
import { fileContent } from './file-content.ts';
import type { CacheRepository } from './repository.ts';

/** An entry of `index.json`. */
interface IndexEntry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const REF_NAME = 'org.opencontainers.image.ref.name';
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * An OCI image layout in a directory (image specification 1.1, `image-layout.md`), as the repository where there is no
 * registry. It need not be there yet. Several processes of one machine may write to it at the same time.
 *
 * Its calls throw LayerwrightError `LAYOUT_CORRUPT`, `BLOB_CORRUPT`, `MANIFEST_CORRUPT`, `BLOB_CHANGED` (1), `FILE_UNUSABLE`
 * (2), `DISK_FULL`, `MANIFEST_BLOB_UNKNOWN` (75).
 *
 * @param directory absolute
 */
export function layoutRepository(directory: string): CacheRepository {
  return {
    name: directory,
    manifest: told((reference: string) => findManifest(directory, reference)),
    putManifest: told(async (reference: string, manifest: object | Uint8Array, mediaType: string) => {
      const bytes = manifest instanceof Uint8Array ? manifest : Buffer.from(JSON.stringify(manifest));
      return await putManifest(directory, reference, bytes, mediaType);
    }),
    blob: told(async (digest: string, limit = Number.POSITIVE_INFINITY) => {
      const size = await sizeOf(directory, digest);
      if (size === undefined) return undefined;
      if (size > limit) throw corrupt(directory, `blob ${digest} has more than ${limit} bytes`);
      const bytes = await readFile(blobPath(directory, digest));
      requireDigest(directory, digest, sha256Digest(bytes));
      return bytes;
    }),
    openBlob: told(async (digest: string, { range } = {}) => {
      if ((await sizeOf(directory, digest)) === undefined) return undefined;
      return ReadableStream.from(checkedContent(directory, digest, range));
    }),
    statBlob: told((digest: string) => sizeOf(directory, digest)),
    putBlob: told(async (blob: BlobSource, { ifMissing = false, mountFrom } = {}) => {
      if (ifMissing && (await sizeOf(directory, blob.digest)) !== undefined) return 'there';
      if (mountFrom !== undefined && (await takeOver(directory, blob.digest, mountFrom))) return 'mounted';
      await writeBlob(directory, blob);
      return 'sent';
    }),
    mountBlob: told((digest: string, from: string) => takeOver(directory, digest, from)),
  };
}

/** What the file system refuses, as errors of ours. */
function told<A extends unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return (...args) =>
    work(...args).catch((error: unknown) => {
      throw knownError(error);
    });
}

function blobPath(directory: string, digest: string): string {
  // It becomes a path: nothing else may.
  if (!DIGEST.test(digest)) throw usageError('BAD_REFERENCE', `"${digest}" is no sha256 digest`);
  return join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

async function sizeOf(directory: string, digest: string): Promise<number | undefined> {
  const path = blobPath(directory, digest);
  return (await kindOf(path)) === 'file' ? (await stat(path)).size : undefined;
}

async function* checkedContent(
  directory: string,
  digest: string,
  range: readonly [number, number] | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of fileContent(blobPath(directory, digest), range)()) {
      if (range === undefined) hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    throw knownError(error);
  }
  if (range === undefined) requireDigest(directory, digest, `sha256:${hash.digest('hex')}`);
}

/** Written under another name and renamed when it is whole and right. */
async function writeBlob(directory: string, { digest, size, content }: BlobSource): Promise<void> {
  const path = blobPath(directory, digest);
  const partial = `${path}.${randomBytes(6).toString('hex')}.partial`;
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true });
  const hash = createHash('sha256');
  let written = 0;
  try {
    const handle = await open(partial, 'wx');
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content()) {
        hash.update(chunk);
        written += chunk.length;
        await handle.writeFile(chunk);
      }
      // Its name must not outlive its content when the machine loses power.
      await handle.sync();
    } finally {
      await handle.close();
    }
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== digest || written !== size)
      throw new LayerwrightError(`the content of blob ${digest} changed while it was written`, {
        code: 'BLOB_CHANGED',
        exit: EXIT.failed,
        hint: 'Something else writes to the file: build again when it is done.',
      });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** From another layout on this machine: linked, or copied where links do not reach. */
async function takeOver(directory: string, digest: string, from: string): Promise<boolean> {
  if (!from.startsWith('/') || (await sizeOf(from, digest)) === undefined) return false;
  const [source, target] = [blobPath(from, digest), blobPath(directory, digest)];
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true });
  const partial = `${target}.${randomBytes(6).toString('hex')}.partial`;
  try {
    await link(source, partial).catch(() => copyFile(source, partial));
    await rename(partial, target);
    return true;
  } finally {
    await rm(partial, { force: true });
  }
}

async function findManifest(directory: string, reference: string): Promise<FoundManifest | undefined> {
  const entries = await readIndex(directory);
  const isDigest = DIGEST.test(reference);
  const entry = entries.find(({ digest, annotations }) =>
    isDigest ? digest === reference : annotations?.[REF_NAME] === reference,
  );
  const digest = isDigest ? reference : entry?.digest;
  if (digest === undefined || (await sizeOf(directory, digest)) === undefined) return undefined;
  const bytes = await readFile(blobPath(directory, digest));
  if (sha256Digest(bytes) !== digest)
    throw new LayerwrightError(`${directory}: manifest ${digest} has the content of ${sha256Digest(bytes)}`, {
      code: 'MANIFEST_CORRUPT',
      exit: EXIT.failed,
      hint: 'Something altered the file: remove the directory, and it is made anew.',
    });
  const content = parseJson(directory, bytes.toString('utf8')) as { readonly mediaType?: string } | null;
  const mediaType = entry?.mediaType ?? content?.mediaType ?? MEDIA.manifest;
  return { digest, mediaType, size: bytes.length, bytes, content };
}

async function putManifest(
  directory: string,
  reference: string,
  bytes: Uint8Array,
  mediaType: string,
): Promise<string> {
  const content = parseJson(directory, Buffer.from(bytes).toString('utf8')) as ManifestContent | null;
  const named = [content?.config, ...(content?.layers ?? []), ...(content?.manifests ?? [])];
  const digests = [...new Set(named.flatMap((one) => one?.digest ?? []))];
  const sizes = await Promise.all(digests.map((digest) => sizeOf(directory, digest)));
  const missing = digests.filter((_, index) => sizes[index] === undefined);
  if (missing.length > 0) throw blobUnknownError(directory, missing);
  const digest = sha256Digest(bytes);
  await writeBlob(directory, { digest, size: bytes.length, content: bytes });
  const artifactType = content?.artifactType;
  await addToIndex(directory, {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType && { artifactType }),
    ...(!DIGEST.test(reference) && { annotations: { [REF_NAME]: reference } }),
  });
  return digest;
}

interface ManifestContent {
  readonly artifactType?: string;
  readonly config?: { readonly digest?: string };
  readonly layers?: readonly { readonly digest?: string }[];
  readonly manifests?: readonly { readonly digest?: string }[];
}

async function addToIndex(directory: string, entry: IndexEntry): Promise<void> {
  const tag = entry.annotations?.[REF_NAME];
  const replaces = (other: IndexEntry) =>
    tag === undefined
      ? other.digest === entry.digest && other.annotations?.[REF_NAME] === undefined
      : other.annotations?.[REF_NAME] === tag;
  await withLock(join(directory, 'index.json.lock'), async () => {
    const manifests = [...(await readIndex(directory)).filter((other) => !replaces(other)), entry];
    const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests };
    await writeFileAtomic(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFileAtomic(join(directory, 'index.json'), JSON.stringify(index));
  });
}

async function readIndex(directory: string): Promise<readonly IndexEntry[]> {
  const text = await readTextIfThere(join(directory, 'index.json'));
  if (text === undefined) return [];
  const { manifests } = (parseJson(directory, text) ?? {}) as { readonly manifests?: unknown };
  if (!Array.isArray(manifests)) throw corrupt(directory, 'its index.json lists no manifests');
  return manifests as IndexEntry[];
}

function parseJson(directory: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt(directory, 'a manifest or its index.json is no JSON');
  }
}

function corrupt(directory: string, why: string): LayerwrightError {
  return new LayerwrightError(`${directory} is no image layout that can be used: ${why}`, {
    code: 'LAYOUT_CORRUPT',
    exit: EXIT.failed,
    hint: 'Remove the directory, and it is made anew.',
  });
}
