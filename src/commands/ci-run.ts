import { randomUUID } from 'node:crypto';
import { relative, resolve } from 'node:path';
import type { Buildspec } from '../ci/buildspec/buildspec.ts';
import { readBuildspec } from '../ci/buildspec/read.ts';
import type { DirectoryStore } from '../ci/run/cache.ts';
import { type BuildIdentity, codebuildVariables, readSource } from '../ci/run/codebuild-variables.ts';
import { givenVariables, passedEnvironment } from '../ci/run/environment.ts';
import { hashFiles } from '../ci/run/hash-files.ts';
import { type BuildLog, buildLog } from '../ci/run/log.ts';
import { createMask, credentialsIn, type Mask } from '../ci/run/mask.ts';
import type { CiRunRecord } from '../ci/run/result.ts';
import { type CodeBuild, downloadFailed, runBuild } from '../ci/run/run.ts';
import { declaredValues } from '../ci/run/values.ts';
import { usageError } from '../errors.ts';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { ProgressMode } from '../report/views.ts';
import { directoryStore } from './ci-run-cache.ts';

/** What `layerwright ci run` is asked for. */
export interface CiRunRequest {
  /** Relative to the current directory. */
  readonly buildspec: string;
  /** `K=V`, or `K` for the caller's own value. */
  readonly env: readonly string[];
  /** `s3://BUCKET/PREFIX` or `file:///DIR`; without one there is no cache. */
  readonly store: string | undefined;
  /** Directory for artifacts; undefined for the default one, which is emptied first. */
  readonly artifacts: string | undefined;
  readonly progress: ProgressMode;
}

/** Where artifacts go if nobody says otherwise. */
const ARTIFACTS = '.layerwright/artifacts';

/**
 * Runs a CodeBuild buildspec on this machine: buildspec -> variables -> cache -> phases -> artifacts -> cache.
 *
 * @returns the build's result, whether or not it succeeded; the log goes to standard error
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1), of the command line (2), of AWS (2, 75), `INTERRUPTED` (130)
 */
export async function ciRun(host: Host, request: CiRunRequest): Promise<CiRunRecord> {
  const started = host.clock.monotonicMs();
  const mask = createMask(credentialsIn(host.env));
  const quiet = request.progress === 'quiet' || request.progress === 'rawjson';
  const log = buildLog(host, mask, quiet);
  const given = givenVariables(request.env, host.env);
  const store = request.store ? directoryStore(host, request.store) : undefined;

  log.line(`CODEBUILD_SRC_DIR=${host.cwd}`);
  const spec = await readSpec(host, request.buildspec, log);
  const identity = await identify(host);
  const notAvailable = whatIsNot(spec, identity, store);
  for (const line of notAvailable) log.line(`Not available here: ${line}`);
  const machine = passedEnvironment(host.env);
  tellLeftOut(log, machine.leftOut.filter((name) => !Object.hasOwn(given, name)).length);

  const values = await declaredValues(host, spec.env, given, log, mask);
  await using directory = await temporaryDirectory('layerwright-ci-');
  const build: CodeBuild = {
    host,
    log,
    mask,
    spec,
    identity,
    notAvailable,
    store,
    started,
    env: {
      ...machine.env,
      ...(values.outcome === 'found' && values.variables),
      ...identity.variables,
      ...given,
    },
    secretNames: values.outcome === 'found' ? values.secretNames : new Set(),
    workDirectory: directory.path,
    artifacts: {
      source: host.cwd,
      target: resolve(host.cwd, request.artifacts ?? ARTIFACTS),
      targetIsOurs: request.artifacts === undefined,
    },
  };
  const record = values.outcome === 'found' ? await runBuild(build) : downloadFailed(build, values);
  log.line(`Build ${record.outcome}`);
  if (quiet) tellFailure(host, mask, record);
  return record;
}

/** What `codebuild-hash-files` is in a run: prints the hash of the files that match. */
export async function ciHashFiles(host: Host, patterns: readonly string[]): Promise<void> {
  // Within a build a command may have gone elsewhere.
  const hash = await hashFiles(host.env.CODEBUILD_SRC_DIR || host.cwd, patterns);
  if (hash === undefined)
    throw usageError(
      'HASH_FILES_NOTHING',
      `codebuild-hash-files: no file matches ${patterns.join(' ')}`,
      'Patterns are relative to the source directory.',
    );
  host.output.data(`${hash}\n`);
}

async function readSpec(host: Host, name: string, log: BuildLog): Promise<Buildspec> {
  const file = resolve(host.cwd, name);
  log.line(`YAML location is ${file}`);
  try {
    const shown = relative(host.cwd, file);
    return await readBuildspec(file, shown.startsWith('..') ? file : shown);
  } catch (error) {
    log.line('Phase complete: DOWNLOAD_SOURCE State: FAILED');
    throw error;
  }
}

async function identify(host: Host): Promise<BuildIdentity> {
  const source = await readSource(host);
  return codebuildVariables(host.env, host.cwd, source, host.clock.now(), randomUUID());
}

/** What CodeBuild has and this run has not, a line each. */
function whatIsNot(
  spec: Buildspec,
  { variables }: BuildIdentity,
  store: DirectoryStore | undefined,
): readonly string[] {
  return [
    ...spec.notAvailable,
    ...(spec.cache !== undefined && store === undefined
      ? ['cache: there is no store to keep it in; name one with --store or LAYERWRIGHT_STORE']
      : []),
    ...(variables.AWS_REGION === undefined
      ? ['AWS_REGION: CodeBuild sets it and AWS_DEFAULT_REGION; this machine has neither']
      : []),
    ...(variables.CODEBUILD_RESOLVED_SOURCE_VERSION === undefined
      ? ['CODEBUILD_RESOLVED_SOURCE_VERSION: this directory is no git checkout with a commit']
      : []),
  ];
}

function tellLeftOut(log: BuildLog, number: number): void {
  if (number === 0) return;
  const variables = number === 1 ? '1 variable' : `${number} variables`;
  log.line(`${variables} of your environment stay outside, as in CodeBuild; --env NAME passes one on`);
}

function tellFailure(host: Host, mask: Mask, record: CiRunRecord): void {
  for (const { state, name, message } of record.phases)
    if (state === 'FAILED') host.output.talk(`${name}: ${mask.whole(message)}\n`);
}
