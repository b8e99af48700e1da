import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { LayerwrightError } from '../errors.ts';
import { sizeOfFile } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import type { Steps } from '../host/steps.ts';
import { readWheelFacts } from '../layers/wheel-facts.ts';
import { fetchWheel } from '../lock/fetch-wheel.ts';
import { type IndexCredential, indexCredentials } from '../lock/index-url.ts';
import { lockKey, lockScope } from '../lock/key.ts';
import type { LockInput, NotLocked, PreviousLock, ResolvedLock } from '../lock/lock-input.ts';
import { resolveLock } from '../lock/resolve.ts';
import { keyOf } from '../plan/key.ts';
import type { LockedDistribution, LockedWheel, WheelFacts } from '../python/lock.ts';
import { sha256Digest } from '../registry/body.ts';
import type { LockedStep } from './install-step.ts';
import type { Keeper } from './keeper.ts';
import type { RecentBuilds } from './recent.ts';

/** The wheels of a run on disk, each fetched once. */
export interface WheelStore {
  /** The path of a wheel, its hash checked. */
  readonly fetch: (wheel: LockedWheel) => Promise<string>;
  /** What later fetches may show to the origins of indexes. */
  readonly trust: (credentials: readonly IndexCredential[]) => void;
  /** Bytes that were downloaded. */
  readonly bytes: () => number;
}

/** Wheels that are downloaded at a time. */
const DOWNLOADS = 8;

/** @param directory where they are kept while the run lasts */
export function wheelStore(host: Host, directory: string): WheelStore {
  const wheels = new Map<string, Promise<string>>();
  const credentials: IndexCredential[] = [];
  let bytes = 0;
  return {
    fetch(wheel) {
      const known = wheels.get(wheel.sha256);
      if (known) return known;
      const fetched = fetchWheel(host, wheel, directory, credentials).then(async (path) => {
        bytes += await sizeOfFile(path);
        return path;
      });
      wheels.set(wheel.sha256, fetched);
      return fetched;
    },
    trust: (more) => void credentials.push(...more),
    bytes: () => bytes,
  };
}

const WHEELS_TYPE = 'application/vnd.layerwright.wheels.v1+zstd';

/** What is kept of a lock. */
interface KeptLock {
  readonly scope: string;
  readonly resolved: ResolvedLock;
}

/**
 * Locks of a run: the one that is kept for these very inputs, else a new one, found with the help of the last one of the
 * same environment and files. With each come the facts of its wheels, which are read from the wheels once.
 */
export function lockSource(
  host: Host,
  keeper: Keeper,
  wheels: WheelStore,
  recent: RecentBuilds,
  steps: Steps,
): (input: LockInput) => Promise<LockedStep | NotLocked> {
  const locks = new Map<string, Promise<LockedStep | NotLocked>>();
  return (input) => {
    const key = lockKey(input);
    const known = locks.get(key);
    if (known) return known;
    wheels.trust(indexCredentials(input.options));
    const found = findOrResolve(host, keeper, wheels, recent, input, key, steps).catch(leftToPip);
    locks.set(key, found);
    return found;
  };
}

/** pip decides about a wheel that is not as it should be. */
function leftToPip(error: unknown): NotLocked {
  if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID') return { reason: error.message };
  throw error;
}

async function findOrResolve(
  host: Host,
  keeper: Keeper,
  wheels: WheelStore,
  recent: RecentBuilds,
  input: LockInput,
  key: string,
  steps: Steps,
): Promise<LockedStep | NotLocked> {
  const step = recentKey(input);
  // Asked side by side: which of them is needed is known only afterwards.
  const [kept, before] = await Promise.all([findLock(keeper, key), recent.read(step)]);
  recent.note(step, key);
  if (kept !== undefined) return { key, resolved: kept.resolved, kept: true, wheels: kept.wheels };
  const last = before === undefined ? undefined : await findLock(keeper, before.lock);
  const previous: PreviousLock | undefined = last && {
    scope: last.scope,
    lock: last.resolved.lock,
    facts: last.wheels,
  };
  const resolved = await steps.step(`Resolving ${count(input.requirements.length, 'requirement')}`, () =>
    resolveLock(host, input, previous),
  );
  if ('reason' in resolved) return resolved;
  const facts = await factsOf(resolved, wheels, previous, steps);
  await keepLock(keeper, key, { scope: lockScope(input), resolved }, facts);
  return { key, resolved, kept: false, wheels: facts };
}

/** The same for the locks of one step, whatever its versions. */
function recentKey(input: LockInput): string {
  const files = [...new Set(input.requirements.map(({ from }) => from.replace(/:\d+$/, '')))];
  return keyOf('recent', { scope: lockScope(input), files });
}

async function factsOf(
  { lock, changes }: ResolvedLock,
  wheels: WheelStore,
  previous: PreviousLock | undefined,
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
  const title = `Fetching ${count(missing.length, 'wheel')}`;
  const fetched = missing.length === 0 ? [] : await steps.step(title, read);
  const known = wanted.filter(isKnown).map(({ wheel }) => previous?.facts.get((wheel as LockedWheel).sha256));
  const facts = [...fetched, ...known.filter((one) => one !== undefined)];
  return new Map(facts.map((one) => [one.sha256, one]));
}

async function findLock(
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

async function keepLock(
  keeper: Keeper,
  key: string,
  kept: KeptLock,
  wheels: ReadonlyMap<string, WheelFacts>,
): Promise<void> {
  const bytes = zstdCompressSync(Buffer.from(JSON.stringify([...wheels.values()])));
  const descriptor = { mediaType: WHEELS_TYPE, digest: sha256Digest(bytes), size: bytes.length };
  await keeper.keep('lock', key, kept, [{ descriptor, content: bytes }]);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
