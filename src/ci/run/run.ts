import { chmod, mkdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { kindOf } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import type { Buildspec } from '../buildspec/buildspec.ts';
import { ArtifactError, type ArtifactPlaces, writeArtifacts } from './artifacts.ts';
import type { ValueMissing } from './aws-values.ts';
import { type DirectoryStore, planCache } from './cache.ts';
import { type CacheRun, cacheRun } from './cache-run.ts';
import type { BuildIdentity } from './codebuild-variables.ts';
import type { BuildLog } from './log.ts';
import type { Mask } from './mask.ts';
import { putPrograms } from './path-programs.ts';
import { endPhase, runPhases } from './phases.ts';
import type { ArtifactRecord, CacheRecord, CiRunRecord, PhaseRecord } from './result.ts';
import { type BuildShell, openShell } from './shell.ts';
import { type User, userNamed } from './user.ts';

/** A build, ready to run. */
export interface CodeBuild {
  readonly host: Host;
  readonly log: BuildLog;
  readonly mask: Mask;
  readonly spec: Buildspec;
  readonly identity: BuildIdentity;
  readonly notAvailable: readonly string[];
  readonly store: DirectoryStore | undefined;
  /** Monotonic milliseconds. */
  readonly started: number;
  /** The environment of the first command, but for the programs of ours on PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose value must not be shown. */
  readonly secretNames: ReadonlySet<string>;
  /** A directory of this run alone. */
  readonly workDirectory: string;
  readonly artifacts: ArtifactPlaces;
}

/** How one attempt ended; `retry` if `on-failure` wants another one. */
interface Attempt {
  readonly records: readonly PhaseRecord[];
  readonly retry: boolean;
  readonly artifacts: readonly ArtifactRecord[];
  readonly exportedVariables: Readonly<Record<string, string>>;
}

const NOTHING_MADE = { artifacts: [], exportedVariables: {} } as const;

/**
 * Runs a build: cache, phases, artifacts, cache; all of it again, but for the restored cache, when `on-failure` says RETRY.
 *
 * @throws LayerwrightError `INTERRUPTED` (130), `USER_UNKNOWN`, `RUN_AS_NEEDS_ROOT`, `SHELL_FAILED` (2)
 */
export async function runBuild(build: CodeBuild): Promise<CiRunRecord> {
  const { host, spec, workDirectory } = build;
  const users = await usersOf(host, spec);
  // Who commands run as must be able to pass through to their own part of it.
  await chmod(workDirectory, 0o711);
  const bin = await putPrograms(workDirectory, await launcher());
  const env = { ...build.env, PATH: [bin, build.env.PATH || STANDARD_PATH].join(delimiter) };
  const phases: PhaseRecord[] = [];
  let cache: CacheRun | undefined;
  for (let number = 1; ; number++) {
    const shell = await shellFor(build, env, number);
    let attempt: Attempt;
    try {
      if (number === 1) {
        cache = await openCache(build, shell, users);
        await cache?.restore();
        phases.push(endDownload(build, undefined));
      }
      attempt = await runAttempt(build, shell, users, number);
    } finally {
      await endShell(build, shell);
    }
    phases.push(...attempt.records);
    if (attempt.retry) {
      build.log.line(
        `Retrying the build, attempt ${number + 1}: CodeBuild would take a fresh machine for it`,
      );
      continue;
    }
    const succeeded = attempt.records.every(({ state }) => state === 'SUCCEEDED');
    await cache?.save(succeeded);
    return { ...recordOf(build, phases, succeeded, attempt), cache: cacheRecord(spec, cache) };
  }
}

/** The result of a build that could not begin: a value that a variable wants is not there. */
export function downloadFailed(build: CodeBuild, missing: ValueMissing): CiRunRecord {
  const record = endDownload(build, missing);
  return { ...recordOf(build, [record], false, NOTHING_MADE), cache: cacheRecord(build.spec, undefined) };
}

/** CodeBuild's own images have it, and a machine without PATH cannot run anything. */
const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function usersOf(host: Host, spec: Buildspec): Promise<ReadonlyMap<string, User>> {
  const names = [spec.runAs, ...spec.phases.map(({ runAs }) => runAs)].filter((name) => name !== undefined);
  const users = new Map<string, User>();
  for (const name of new Set(names)) users.set(name, await userNamed(host, name));
  return users;
}

/** bin/layerwright.js of this package: above the source in a checkout, above the bundle in the published package. */
async function launcher(): Promise<string> {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const file = join(directory, 'bin', 'layerwright.js');
    if ((await kindOf(file)) === 'file') return file;
    if (directory === dirname(directory)) throw new Error('bin/layerwright.js is not there');
  }
}

async function shellFor(
  { host, spec, log, identity, workDirectory }: CodeBuild,
  env: Readonly<Record<string, string>>,
  attempt: number,
): Promise<BuildShell> {
  const directory = join(workDirectory, `attempt-${attempt}`);
  await mkdir(directory);
  await chmod(directory, 0o711);
  return await openShell({
    shell: spec.env.shell,
    sourceDirectory: host.cwd,
    env,
    workDirectory: directory,
    variable: `CODEBUILD_BUILD_ID=${identity.id}`,
    signal: host.signal,
    onOutput: log.output,
    separate: spec.version === '0.1',
  });
}

async function endShell({ log }: CodeBuild, shell: BuildShell): Promise<void> {
  const left = await shell.end();
  if (left.length > 0)
    log.line(
      `Ended what the build left running: ${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`,
    );
}

async function openCache(
  { spec, store, host, env, identity, log, workDirectory }: CodeBuild,
  shell: BuildShell,
  users: ReadonlyMap<string, User>,
): Promise<CacheRun | undefined> {
  if (spec.cache === undefined || store === undefined) return undefined;
  const user = users.get(spec.runAs ?? '');
  const places = {
    source: host.cwd,
    home: user?.home ?? env.HOME ?? '/root',
    project: identity.id.split(':')[0] ?? '',
  };
  const plan = await planCache(spec.cache, places, (text) => shell.expand(text, user));
  return cacheRun(plan, store, log, workDirectory);
}

async function runAttempt(
  build: CodeBuild,
  shell: BuildShell,
  users: ReadonlyMap<string, User>,
  number: number,
): Promise<Attempt> {
  const { spec, log, mask, host } = build;
  const run = { spec, shell, log, users, clock: host.clock, mask: mask.whole, attempt: number };
  const end = await runPhases(run);
  if (end.retry) return { records: end.records, retry: true, ...NOTHING_MADE };
  const exportedVariables = await exported(build, shell);
  if (!end.reachedArtifacts) return { records: end.records, retry: false, artifacts: [], exportedVariables };
  const uploaded = await uploadArtifacts(build, shell, number);
  return {
    records: [...end.records, uploaded.record],
    retry: false,
    artifacts: uploaded.artifacts,
    exportedVariables,
  };
}

async function uploadArtifacts(
  { host, spec, log, mask, artifacts: places }: CodeBuild,
  shell: BuildShell,
  attempt: number,
): Promise<{ record: PhaseRecord; artifacts: readonly ArtifactRecord[] }> {
  const started = host.clock.monotonicMs();
  const end = (failure?: { statusCode: string; message: string }) =>
    endPhase(
      { log, mask: mask.whole, attempt },
      'UPLOAD_ARTIFACTS',
      (host.clock.monotonicMs() - started) / 1000,
      failure,
    );
  if (spec.artifacts === undefined) return { record: end(), artifacts: [] };
  try {
    const artifacts = await writeArtifacts(spec.artifacts, places, (text) => shell.expand(text), log.line);
    return { record: end(), artifacts };
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    return { record: end({ statusCode: 'CLIENT_ERROR', message: error.message }), artifacts: [] };
  }
}

/** Build specification reference, env/exported-variables: neither secrets nor variables of AWS are exported. */
async function exported(
  { spec, mask, secretNames }: CodeBuild,
  shell: BuildShell,
): Promise<Readonly<Record<string, string>>> {
  const names = spec.env.exportedVariables.filter(
    (name) => !secretNames.has(name) && !name.startsWith('AWS_'),
  );
  const values = await shell.variables(names);
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !mask.has(value)));
}

function endDownload(build: CodeBuild, failure: ValueMissing | undefined): PhaseRecord {
  const { log, mask, host, started, spec } = build;
  if (failure === undefined) {
    log.line(`Phases found in YAML: ${spec.phases.length}`);
    for (const { name, commands } of spec.phases)
      log.line(` ${name.toUpperCase()}: ${commands.length} command${commands.length === 1 ? '' : 's'}`);
  }
  const seconds = (host.clock.monotonicMs() - started) / 1000;
  return endPhase({ log, mask: mask.whole, attempt: 1 }, 'DOWNLOAD_SOURCE', seconds, failure);
}

function recordOf(
  { identity, notAvailable }: CodeBuild,
  phases: readonly PhaseRecord[],
  succeeded: boolean,
  made: Pick<CiRunRecord, 'artifacts' | 'exportedVariables'>,
): Omit<CiRunRecord, 'cache'> {
  return {
    schemaVersion: 1,
    outcome: succeeded ? 'succeeded' : 'failed',
    buildId: identity.id,
    phases,
    exportedVariables: made.exportedVariables,
    artifacts: made.artifacts,
    notAvailable,
  };
}

function cacheRecord(spec: Buildspec, cache: CacheRun | undefined): CacheRecord | null {
  if (spec.cache === undefined) return null;
  if (cache !== undefined) return cache.record();
  const paths = spec.cache.paths.map((path) => ({
    ...{ path, restored: null, restoredKey: null, saved: null, problem: null },
  }));
  return { key: null, restored: null, saved: null, paths };
}
