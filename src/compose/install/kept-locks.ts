import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { inParallel } from '../../host/parallel.ts';
import type { Steps } from '../../host/steps.ts';
import { readWheelFacts } from '../../layers/wheel-facts.ts';
import type { PreviousLock, ResolvedLock } from '../../lock/lock-input.ts';
import type { LockedDistribution, LockedWheel, WheelFacts } from '../../python/lock.ts';
import { sha256Digest } from '../../registry/body.ts';
import type { Keeper } from '../keep/keeper.ts';
import type { WheelStore } from './wheels-on-disk.ts';

const WHEELS_TYPE = 'application/vnd.layerwright.wheels.v1+zstd';

/** Wheels that are downloaded at a time. */
const DOWNLOADS = 8;

/** What is kept of a lock. */
export interface KeptLock {
  readonly scope: string;
  readonly resolved: ResolvedLock;
  /** By name, what the index was asked for it: see `KnownFiles`. */
  readonly asked?: Readonly<Record<string, string>>;
}

/** A lock that an earlier build kept, with the facts of its wheels by their SHA-256; undefined if there is none. */
export async function findLock(
  keeper: Keeper,
  key: string,
): Promise<(KeptLock & { readonly wheels: ReadonlyMap<string, WheelFacts> }) | undefined> {
  const artifact = await keeper.find('lock', key);
  const kept = artifact?.config as KeptLock | undefined;
  const [blob] = artifact?.layers ?? [];
  if (kept?.resolved?.lock === undefined || blob?.mediaType !== WHEELS_TYPE) return undefined;
  const bytes = await keeper.blob(blob.digest);
  if (bytes === undefined) return undefined;
  const list = JSON.parse(zstdDecompressSync(bytes).toString('utf8')) as readonly WheelFacts[];
  return { ...kept, wheels: new Map(list.map((one) => [one.sha256, one])) };
}

/** Keeps a lock for later builds. */
export async function keepLock(
  keeper: Keeper,
  key: string,
  kept: KeptLock,
  wheels: ReadonlyMap<string, WheelFacts>,
): Promise<void> {
  const bytes = zstdCompressSync(Buffer.from(JSON.stringify([...wheels.values()])));
  const descriptor = { mediaType: WHEELS_TYPE, digest: sha256Digest(bytes), size: bytes.length };
  await keeper.keep('lock', key, kept, [{ descriptor, content: bytes }]);
}

/**
 * What the wheels of a lock that are to be installed say of themselves: as an earlier lock has it, else read from the wheels.
 *
 * @throws LayerwrightError of fetching a wheel; `WHEEL_INVALID` (1)
 */
export async function factsOf(
  { lock, changes }: ResolvedLock,
  wheels: WheelStore,
  previous: Pick<PreviousLock, 'facts'> | undefined,
  steps: Steps,
): Promise<ReadonlyMap<string, WheelFacts>> {
  const kept = new Set(changes.filter(({ action }) => action === 'keep').map(({ name }) => name));
  const wanted = lock.distributions.filter(({ name, wheel }) => wheel !== undefined && !kept.has(name));
  const isKnown = ({ wheel }: LockedDistribution) => previous?.facts.has((wheel as LockedWheel).sha256);
  const missing = wanted.filter((one) => !isKnown(one));
  const read = () =>
    inParallel(missing, DOWNLOADS, async ({ name, version, wheel }) => {
      const { filename, sha256 } = wheel as LockedWheel;
      const file = await wheels.fetch(wheel as LockedWheel);
      return await readWheelFacts(file, { name, version, filename, sha256 });
    });
  const title = `Fetching ${missing.length} wheel${missing.length === 1 ? '' : 's'}`;
  const fetched = missing.length === 0 ? [] : await steps.step(title, read);
  const known = wanted.filter(isKnown).map(({ wheel }) => previous?.facts.get((wheel as LockedWheel).sha256));
  const facts = [...fetched, ...known.filter((one) => one !== undefined)];
  return new Map(facts.map((one) => [one.sha256, one]));
}
