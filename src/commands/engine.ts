import { buildkitdLauncher } from '../engine/buildkitd-rootless.ts';
import { type SharedStatus, sharedBuildkitdStatus, stopSharedBuildkitd } from '../engine/buildkitd-shared.ts';
import { type Engine, findEngine, type Tool } from '../engine/find.ts';
import { installEngine } from '../engine/install.ts';
import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { stepsFor } from '../report/steps.ts';
import type { ProgressMode } from '../report/views.ts';

/** What a command found or did, for machines and for people. */
export interface EngineResult<T> {
  readonly record: T;
  readonly text: string;
}

/** `engine install --json` and `engine status --json`. */
export interface EngineRecord {
  readonly schemaVersion: 1;
  /** True if a build can start: buildx with a Docker, a running builder, or a BuildKit that can be started. */
  readonly ready: boolean;
  /** `docker`, `buildx`, `buildkitd`, `buildctl`, the OCI runtime and `uv`, as far as they are there. */
  readonly tools: readonly Tool[];
  /** Names of the tools that are not there; with a Docker, BuildKit's own are not missed. */
  readonly missing: readonly string[];
  /** Why a build cannot start, and what else is wrong; empty if nothing is. */
  readonly problems: readonly string[];
  /** The buildkitd that Layerwright's builds share. */
  readonly daemon: SharedStatus;
  /** What buildx knows of; empty without buildx. */
  readonly builders: readonly BuilderRecord[];
}

export interface BuilderRecord {
  readonly name: string;
  /** `docker`, `docker-container`, `remote`, `kubernetes`; empty if buildx cannot tell. */
  readonly driver: string;
  readonly current: boolean;
  /** `running`, `stopped`, `inactive` ... of its first node; `error` if it does not answer. */
  readonly status: string;
}

/** `engine stop --json`. */
export interface EngineStopRecord {
  readonly schemaVersion: 1;
  readonly stopped: boolean;
  readonly pid?: number;
}

/**
 * Finds or provisions what builds need, and says what there is.
 *
 * @throws LayerwrightError `ENGINE_UNAVAILABLE` (2 or 75), `CHECKSUM_MISMATCH` (2), `ROOTLESS_UNAVAILABLE` (2)
 */
export async function engineInstall(
  host: Host,
  progress: ProgressMode = 'auto',
): Promise<EngineResult<EngineRecord>> {
  const engine = await installEngine(host, stepsFor(host, progress));
  const record = await recordOf(host, engine);
  if (!record.ready && engine.buildkit) await buildkitdLauncher(host, engine.buildkit.buildkitd.path);
  return { record, text: renderEngine(record) };
}

/** Says what there is, where it comes from and whether it runs; changes nothing. */
export async function engineStatus(host: Host): Promise<EngineResult<EngineRecord>> {
  const record = await recordOf(host, await findEngine(host));
  return { record, text: renderEngine(record) };
}

/**
 * Stops the buildkitd that builds share, if one was left running. Its cache stays.
 *
 * @throws LayerwrightError `BUILDKITD_BUSY` (2) while builds use it, unless `force`
 */
export async function engineStop(
  host: Host,
  options: { force?: boolean } = {},
): Promise<EngineResult<EngineStopRecord>> {
  const pid = await stopSharedBuildkitd(host, options);
  if (pid === undefined)
    return {
      record: { schemaVersion: 1, stopped: false },
      text: 'No buildkitd of Layerwright is running.\n',
    };
  return { record: { schemaVersion: 1, stopped: true, pid }, text: `Stopped buildkitd (process ${pid}).\n` };
}

async function recordOf(host: Host, engine: Engine): Promise<EngineRecord> {
  const [daemon, listed, refusal] = await Promise.all([
    sharedBuildkitdStatus(host),
    listBuilders(host, engine.buildx),
    engine.buildkit && !engine.docker ? startRefusal(host, engine.buildkit.buildkitd.path) : undefined,
  ]);
  const { docker, buildx, buildkit, uv } = engine;
  const { builders } = listed;
  const canSolve =
    docker !== undefined ||
    builders.some(({ status }) => status === 'running') ||
    (buildkit !== undefined && refusal === undefined);
  const missing = [
    ...(buildx ? [] : ['buildx']),
    ...(buildkit || docker ? [] : ['buildkit']),
    ...(uv ? [] : ['uv']),
  ];
  const problems = [
    ...(buildx ? [] : ['buildx is not there']),
    ...(canSolve || refusal ? [] : ['there is no Docker, no running builder and no BuildKit']),
    ...(refusal ? [refusal] : []),
    ...(listed.problem ? [listed.problem] : []),
  ];
  return {
    schemaVersion: 1,
    ready: buildx !== undefined && canSolve,
    tools: [docker, buildx, buildkit?.buildkitd, buildkit?.buildctl, buildkit?.runtime, uv].filter(
      (tool) => tool !== undefined,
    ),
    missing,
    problems,
    daemon,
    builders,
  };
}

/** Why this user cannot start a buildkitd, if so. */
async function startRefusal(host: Host, buildkitd: string): Promise<string | undefined> {
  try {
    await buildkitdLauncher(host, buildkitd);
    return undefined;
  } catch (error) {
    if (error instanceof LayerwrightError) return [error.message, error.hint].filter(Boolean).join('. ');
    throw error;
  }
}

/** One line of `buildx ls --format '{{json .}}'`, as far as we read it. */
interface ListedBuilder {
  readonly Name: string;
  readonly Driver?: string;
  readonly Current?: boolean;
  readonly Err?: string;
  readonly Nodes?: readonly { readonly Status?: string; readonly Err?: string }[] | null;
}

async function listBuilders(
  host: Host,
  buildx: Tool | undefined,
): Promise<{ builders: BuilderRecord[]; problem?: string }> {
  if (!buildx) return { builders: [] };
  const result = await host.run([...buildx.command, 'ls', '--format', '{{json .}}'], {
    env: host.env,
    signal: host.signal,
    timeoutMs: 60_000,
  });
  if (result.exitCode !== 0) return { builders: [], problem: `buildx ls: ${result.stderr.trim()}` };
  const builders = result.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => builderRecord(JSON.parse(line) as ListedBuilder))
    // Without a Docker, buildx still lists the builder that a Docker would be.
    .filter(({ driver }) => driver !== '');
  return { builders };
}

function builderRecord(listed: ListedBuilder): BuilderRecord {
  const node = listed.Nodes?.[0];
  const failed = listed.Err || node?.Err;
  return {
    name: listed.Name,
    driver: listed.Driver ?? '',
    current: listed.Current ?? false,
    status: failed ? 'error' : (node?.Status ?? 'inactive'),
  };
}

/** Where a tool comes from, in words. */
export const ORIGIN: Record<Tool['from'], string> = {
  docker: 'Docker',
  path: 'PATH',
  release: 'its release',
  go: 'compiled with Go',
  pypi: 'PyPI',
};

/** The record as lines for a person. */
export function renderEngine(record: EngineRecord): string {
  const rows = [
    ...record.tools.map((tool) => [tool.name, tool.version, ORIGIN[tool.from], tool.command.join(' ')]),
    ...record.missing.map((name) => [name, '-', 'not there', '']),
  ];
  const lines = table(rows);
  const { daemon } = record;
  lines.push(
    '',
    daemon.running
      ? `buildkitd runs (process ${daemon.pid}) at ${daemon.address}, used by ${daemon.users.length || 'no'} build${daemon.users.length === 1 ? '' : 's'}`
      : 'buildkitd is not running; a build that needs it starts it',
  );
  if (record.builders.length > 0)
    lines.push(
      '',
      'Builders of buildx:',
      ...table(
        record.builders.map(({ name, driver, status, current }) => [
          `  ${name}`,
          driver,
          status,
          current ? '(current)' : '',
        ]),
      ),
    );
  lines.push('', ...record.problems.map((problem) => `Problem: ${problem}`));
  if (record.ready) lines.push('Ready to build.');
  else if (record.missing.some((name) => name !== 'uv'))
    lines.push('Not ready: run `layerwright engine install`.');
  else lines.push('Not ready.');
  return `${lines.join('\n')}\n`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
