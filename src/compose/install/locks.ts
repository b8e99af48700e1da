import { LayerwrightError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { Steps } from '../../host/steps.ts';
import { type FrozenInput, resolveFrozen } from '../../lock/frozen.ts';
import type { KnownFiles } from '../../lock/frozen-files.ts';
import { indexCredentials } from '../../lock/index-url.ts';
import { lockKey, lockScope } from '../../lock/key.ts';
import type { LockInput, NotLocked, PreviousLock, ResolvedLock } from '../../lock/lock-input.ts';
import { resolveLock } from '../../lock/resolve.ts';
import { keyOf } from '../../plan/key.ts';
import type { Keeper } from '../keep/keeper.ts';
import type { RecentBuilds } from '../keep/recent.ts';
import { stateKey } from '../solve/solve-request.ts';
import type { ResolveBuild, SourceResolver } from '../wheels/wheel-resolve.ts';
import { withoutCopies } from '../wheels/wheel-state.ts';
import type { LockedFile, LockedStep } from './installation.ts';
import { factsOf, findLock, type KeptLock, keepLock } from './kept-locks.ts';
import type { WheelStore } from './wheels-on-disk.ts';

/** What locks are found with. */
export interface LockSourceOptions {
  readonly host: Host;
  readonly keeper: Keeper;
  readonly wheels: WheelStore;
  readonly recent: RecentBuilds;
  readonly steps: Steps;
}

/** Locks of a run, each found once. With each come the facts of its wheels, which are read from the wheels once. */
export interface LockSource {
  /**
   * What a package tool installs for requirements: the lock that is kept for these very inputs, else a new one, found with the
   * help of the last one of the same environment and files.
   */
  readonly lock: (input: LockInput) => Promise<LockedStep | NotLocked>;
  /** What a project's lock file says. */
  readonly lockFile: (input: FrozenInput) => Promise<LockedFile | NotLocked>;
  /** What a package tool installs where it builds some of it: what is kept for the same input and image, else what the tool says. */
  readonly lockSources: (
    input: LockInput,
    build: ResolveBuild,
    resolver: SourceResolver,
  ) => Promise<LockedStep | NotLocked>;
}

/** @throws its calls: LayerwrightError of the index and of fetching wheels */
export function lockSource(options: LockSourceOptions): LockSource {
  const locks = new Map<string, Promise<LockedStep | NotLocked>>();
  return {
    lock(input) {
      const key = lockKey(input);
      const known = locks.get(key);
      if (known) return known;
      options.wheels.trust(indexCredentials(input.options));
      const found = findOrResolve(options, input, key).catch(leftToTool);
      locks.set(key, found);
      return found;
    },
    async lockFile(input) {
      options.wheels.trust(indexCredentials(input.indexes));
      return await readLockFile(options, input).catch(leftToTool);
    },
    lockSources: (input, build, resolver) =>
      resolveSources(options, input, build, resolver).catch(leftToTool),
  };
}

/** The tool itself decides about a wheel that is not as it should be. */
function leftToTool(error: unknown): NotLocked {
  if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID') return { reason: error.message };
  throw error;
}

function findOrResolve(
  options: LockSourceOptions,
  input: LockInput,
  key: string,
): Promise<LockedStep | NotLocked> {
  const title = `Resolving ${input.requirements.length} requirement${input.requirements.length === 1 ? '' : 's'}`;
  return keptOrNew(options, input, key, (previous) =>
    options.steps.step(title, () => resolveLock(options.host, input, previous)),
  );
}

function resolveSources(
  options: LockSourceOptions,
  input: LockInput,
  build: ResolveBuild,
  resolver: SourceResolver,
): Promise<LockedStep | NotLocked> {
  const key = keyOf('lock-sources', { input: lockKey(input), state: stateKey(withoutCopies(build.state)) });
  return keptOrNew(options, input, key, () => resolver(input, build));
}

/** The lock that is kept under a key, else a new one; the last one of the step helps, and its wheels are known. */
async function keptOrNew(
  { keeper, wheels, recent, steps }: LockSourceOptions,
  input: LockInput,
  key: string,
  resolve: (previous: PreviousLock | undefined) => Promise<ResolvedLock | NotLocked>,
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
  const resolved = await resolve(previous);
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

/** The lock file is read in each build; what its wheels say of themselves is kept under the set of them. */
async function readLockFile(
  { host, keeper, wheels, recent, steps }: LockSourceOptions,
  input: FrozenInput,
): Promise<LockedFile | NotLocked> {
  const { facts } = input;
  const python = [facts.version, facts.libc.kind, facts.libc.version, facts.architecture];
  const step = keyOf('recent', { lock: [input.lock.kind, input.lock.path], python });
  const before = await recent.read(step);
  const last = before === undefined ? undefined : await findLock(keeper, before.lock);
  const resolved = await resolveFrozen(host, input, knownFiles(last));
  if ('reason' in resolved) return resolved;
  const { own, asked, ...rest } = resolved;
  const key = keyOf('lock-file', { lock: step, distributions: identityOf(rest), asked });
  recent.note(step, key);
  const kept = before?.lock === key ? last : await findLock(keeper, key);
  if (kept !== undefined) return { key, resolved: rest, kept: true, wheels: kept.wheels, own };
  const read = await factsOf(rest, wheels, last && { facts: last.wheels }, steps);
  await keepLock(keeper, key, { scope: step, resolved: rest, asked }, read);
  return { key, resolved: rest, kept: false, wheels: read, own };
}

function knownFiles(last: KeptLock | undefined): KnownFiles {
  const asked = Object.entries(last?.asked ?? {});
  return new Map(
    asked.flatMap(([name, question]) => {
      const one = last?.resolved.lock.distributions.find((other) => other.name === name);
      return one === undefined ? [] : [[name, { ...one, asked: question }]];
    }),
  );
}

function identityOf({ lock, changes }: ResolvedLock) {
  return [
    lock.distributions.map(({ name, version, wheel, source, directUrl, requested }) => [
      ...[name, version, wheel?.sha256, source && { ...source }],
      ...[directUrl, requested],
    ]),
    changes.map(({ name, action }) => [name, action]),
  ];
}
