import { createHash } from 'node:crypto';
import { fileContent } from '../../cache/file-content.ts';
import type { Descriptor } from '../../image/oci.ts';
import type { LockedWheel, WheelFacts } from '../../python/lock.ts';
import type { Keeper } from '../keep/keeper.ts';
import type { LeftBehind, LeftEntry } from './wheel-left.ts';

/** What is kept of a built wheel. */
export interface KeptWheel {
  readonly filename: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly facts: WheelFacts;
  /** What the tool adds to the dist-info, by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly left: readonly LeftEntry[];
}

const WHEEL_TYPE = 'application/vnd.layerwright.wheel.v1.blob';
const LEFT_TYPE = 'application/vnd.layerwright.left.v1.blob';

/** The address of a built wheel. */
export function builtUrl(key: string): string {
  return `layerwright:wheel/${key}`;
}

export function isBuiltUrl(url: string): boolean {
  return url.startsWith('layerwright:wheel/');
}

export function builtWheel(key: string, { filename, sha256, size }: KeptWheel): LockedWheel {
  return { url: builtUrl(key), filename, sha256, size };
}

/** The wheel that is kept under a key, all of it there. */
export async function findWheel(
  keeper: Keeper,
  key: string,
): Promise<{ readonly kept: KeptWheel; readonly left: LeftBehind } | undefined> {
  const artifact = await keeper.find('wheel', key);
  const kept = artifact?.config as KeptWheel | undefined;
  if (artifact === undefined || !isKept(kept)) return undefined;
  for (const { digest, size } of artifact.layers)
    if ((await keeper.statBlob(digest)) !== size) return undefined;
  if (!artifact.layers.some(({ digest }) => digest === `sha256:${kept.sha256}`)) return undefined;
  const blob = artifact.layers.find(({ mediaType }) => mediaType === LEFT_TYPE);
  if (blob === undefined && kept.left.some(({ entry }) => entry.size > 0)) return undefined;
  return { kept, left: { entries: kept.left, content: () => readLeft(keeper, blob, kept.left) } };
}

function isKept(kept: Partial<KeptWheel> | undefined): kept is KeptWheel {
  return (
    typeof kept?.filename === 'string' &&
    /^[0-9a-f]{64}$/.test(kept.sha256 ?? '') &&
    typeof kept.size === 'number' &&
    kept.facts?.sha256 === kept.sha256 &&
    typeof kept.files === 'object' &&
    Array.isArray(kept.left)
  );
}

/** @param file the wheel on disk */
export async function keepWheel(
  keeper: Keeper,
  key: string,
  kept: KeptWheel,
  file: string,
  left: Uint8Array,
): Promise<void> {
  const wheel: Descriptor = { mediaType: WHEEL_TYPE, digest: `sha256:${kept.sha256}`, size: kept.size };
  const digest = `sha256:${createHash('sha256').update(left).digest('hex')}`;
  await keeper.keep('wheel', key, kept, [
    { descriptor: wheel, content: fileContent(file) },
    ...(left.length === 0
      ? []
      : [{ descriptor: { mediaType: LEFT_TYPE, digest, size: left.length }, content: left }]),
  ]);
}

async function readLeft(
  keeper: Keeper,
  blob: Descriptor | undefined,
  entries: readonly LeftEntry[],
): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  if (blob === undefined) return new Map();
  const stream = await keeper.repository.openBlob(blob.digest);
  if (stream === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return contentsOf(Buffer.concat(chunks), entries);
}

/** Takes contents that follow each other apart. */
export function contentsOf(
  bytes: Uint8Array,
  entries: readonly LeftEntry[],
): ReadonlyMap<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  let at = 0;
  for (const { entry, sha256 } of entries) {
    if (sha256 === undefined || contents.has(sha256)) continue;
    contents.set(sha256, bytes.subarray(at, at + entry.size));
    at += entry.size;
  }
  return contents;
}
