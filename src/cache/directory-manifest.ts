import { archiveCorrupt } from './archive-header.ts';
import { referenceName, referencePrefix } from './store/keys.ts';
import type { Store, StoredObject } from './store/store.ts';

/** What a key holds: a small JSON object in the store, written after its archive. */
export interface Manifest {
  readonly schemaVersion: 1;
  readonly key: string;
  /** Of the archive before compression: the identity of the content. */
  readonly sha256: string;
  /** Bytes of the archive before compression. */
  readonly size: number;
  /** Bytes of the archive in the store. */
  readonly compressedSize: number;
  /** Files and symbolic links. */
  readonly files: number;
  /** ISO 8601, UTC: when this content was saved under this key. */
  readonly created: string;
}

/** A manifest has a few hundred bytes: what is much longer is none. */
const MOST_BYTES = 64 * 1024;

/** Storage times are told in whole seconds, so that a newest one is known only among these. */
const SAME_TIME_MS = 2_000;

/**
 * Reads what a key holds; undefined if it holds nothing.
 *
 * @param onRead told the bytes that were read
 * @throws LayerwrightError `CACHE_CORRUPT` (1) if it is no manifest of this key
 */
export async function readManifest(
  store: Store,
  key: string,
  onRead: (bytes: number) => void,
): Promise<Manifest | undefined> {
  const manifest = await readNamed(store, referenceName(key), onRead);
  if (manifest !== undefined && manifest.key !== key)
    throw archiveCorrupt(`what is under ${JSON.stringify(key)} belongs to another key`);
  return manifest;
}

/** Reads what the newest key holds that starts with `prefix`; undefined if there is none. Throws as `readManifest`. */
export async function readNewest(
  store: Store,
  prefix: string,
  onRead: (bytes: number) => void,
): Promise<Manifest | undefined> {
  const found = [...(await store.list(referencePrefix(prefix)))].sort(
    (a, b) => b.modified.getTime() - a.modified.getTime(),
  );
  for (let at = 0; at < found.length; ) {
    const newest = (found[at] as StoredObject).modified.getTime();
    const group = found.slice(at).filter(({ modified }) => newest - modified.getTime() <= SAME_TIME_MS);
    at += group.length;
    // Names of long keys are cut, so that others may begin alike.
    const manifests = (await Promise.all(group.map(({ name }) => readNamed(store, name, onRead))))
      .filter((one) => one?.key.startsWith(prefix))
      .filter((one) => one !== undefined);
    const best = manifests.sort((a, b) => (a.created < b.created ? 1 : -1))[0];
    if (best !== undefined) return best;
  }
  return undefined;
}

/** Writes what a key holds. */
export async function writeManifest(
  store: Store,
  manifest: Manifest,
  onSent: (bytes: number) => void,
): Promise<void> {
  const content = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  await store.write(referenceName(manifest.key), { content: once(content), limit: content.length, onSent });
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

async function readNamed(
  store: Store,
  name: string,
  onRead: (bytes: number) => void,
): Promise<Manifest | undefined> {
  const object = await store.read(name);
  if (object === undefined) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of object) {
    size += chunk.length;
    onRead(chunk.length);
    if (size > MOST_BYTES) throw archiveCorrupt('its manifest is too long');
    chunks.push(Buffer.from(chunk));
  }
  return parseManifest(Buffer.concat(chunks).toString('utf8'));
}

function parseManifest(text: string): Manifest {
  let found: Partial<Record<keyof Manifest, unknown>>;
  try {
    found = (JSON.parse(text) ?? {}) as typeof found;
  } catch {
    throw archiveCorrupt('its manifest is no JSON');
  }
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (found.schemaVersion !== 1) throw archiveCorrupt('its manifest is of a form that is not known here');
  const isWhole =
    typeof found.key === 'string' &&
    typeof found.created === 'string' &&
    /^[0-9a-f]{64}$/.test(String(found.sha256)) &&
    [found.size, found.compressedSize, found.files].every(isCount);
  if (!isWhole) throw archiveCorrupt('its manifest is not whole');
  return found as Manifest;
}
