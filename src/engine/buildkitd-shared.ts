import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import { type DaemonId, isRunning } from '../host/daemon.ts';
import { readTextIfThere, withLock, writeFileAtomic } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { authorityBundle } from '../host/network.ts';
import { answers, type Buildkitd, shortSocketPath, startBuildkitd, stopBuildkitd } from './buildkitd.ts';
import { buildkitdConfig, registrySettings, withRegistries } from './buildkitd-config.ts';
import type { BuildkitTools } from './find.ts';
import { engineDirectory } from './find-kept.ts';

/** A build's share of the one buildkitd that all builds of a user on this host have in common. */
export interface SharedBuildkitd {
  readonly address: string;
  readonly socket: string;
  /** True if this call started it, false if it was running. */
  readonly started: boolean;
  /** Ends the share; the last one out stops the daemon. May be called twice. */
  readonly release: () => Promise<void>;
}

export interface SharedStatus {
  readonly running: boolean;
  readonly pid?: number;
  readonly address?: string;
  /** Version of the running buildkitd. */
  readonly version?: string;
  /** Process ids of the builds that use it. */
  readonly users: readonly number[];
  readonly root: string;
  readonly logFile: string;
}

/** What is written down of the running daemon. */
interface DaemonRecord extends Buildkitd {
  readonly config: string;
  readonly version: string;
}

/**
 * Joins the shared buildkitd, or starts it. A socket that answers is used; what a crash left is replaced.
 *
 * Its configuration is the file `LAYERWRIGHT_BUILDKITD_CONFIG` names, and that alone; else the user's or the system's
 * `buildkit/buildkitd.toml`, or BuildKit's defaults, with what the network settings say of registries. Authorities are
 * trusted for everything that it fetches.
 *
 * @throws LayerwrightError `BUILDKITD_BUSY` (75) if other builds use one with another configuration;
 *   and what {@link startBuildkitd} throws
 */
export async function acquireBuildkitd(host: Host, tools: BuildkitTools): Promise<SharedBuildkitd> {
  const state = stateOf(host);
  const authorities = host.network.ca.length > 0 ? await authorityBundle(host) : undefined;
  const config = identified(await configFor(host), authorities);
  return await withLock(state.lock, async () => {
    const running = await runningDaemon(host, tools, state, config);
    const daemon = running ?? (await startShared(host, tools, state, config, authorities));
    const user = await enter(state);
    return {
      address: daemon.address,
      socket: daemon.socket,
      started: running === undefined,
      release: () => leave(host, state, user),
    };
  });
}

/** What is known of the shared buildkitd, without touching it. */
export async function sharedBuildkitdStatus(host: Host): Promise<SharedStatus> {
  const state = stateOf(host);
  const daemon = await readRecord(state);
  const users = (await livingUsers(state)).map(({ pid }) => pid);
  const place = { users, root: state.root, logFile: state.logFile };
  if (!daemon || !isRunning(daemon)) return { running: false, ...place };
  return { running: true, pid: daemon.pid, address: daemon.address, version: daemon.version, ...place };
}

/**
 * Stops the shared buildkitd and clears away what it left; its cache stays.
 *
 * @param options.force also while builds use it
 * @returns the id of the process that was ended, undefined if none was running
 * @throws LayerwrightError `BUILDKITD_BUSY` (2) while builds use it
 */
export async function stopSharedBuildkitd(
  host: Host,
  options: { force?: boolean } = {},
): Promise<number | undefined> {
  const state = stateOf(host);
  return await withLock(state.lock, async () => {
    const users = await livingUsers(state);
    if (users.length > 0 && !options.force)
      throw usageError(
        'BUILDKITD_BUSY',
        `buildkitd is in use by ${users.length === 1 ? 'process' : 'processes'} ${users.map(({ pid }) => pid).join(', ')}`,
        'Wait for these builds to end, or add --force to break them off.',
      );
    const daemon = await readRecord(state);
    if (!daemon) return undefined;
    const pid = isRunning(daemon) ? daemon.pid : undefined;
    await stopRecorded(host, state, daemon);
    return pid;
  });
}

interface State {
  readonly lock: string;
  readonly record: string;
  readonly users: string;
  readonly root: string;
  readonly logFile: string;
  readonly socket: string;
  /** The PEM file of the authorities that the daemon trusts, if it was given some. */
  readonly authorities: string;
}

function stateOf(host: Host): State {
  const directory = join(engineDirectory(host.env), 'state');
  return {
    lock: join(directory, 'state.lock'),
    record: join(directory, 'daemon.json'),
    users: join(directory, 'users'),
    root: join(directory, 'root'),
    logFile: join(directory, 'buildkitd.log'),
    socket: join(directory, 'buildkitd.sock'),
    authorities: join(directory, 'authorities.pem'),
  };
}

/** The daemon that is there, if this build can use it. One that nobody uses and that does not fit is stopped. */
async function runningDaemon(
  host: Host,
  tools: BuildkitTools,
  state: State,
  config: string,
): Promise<Buildkitd | undefined> {
  const daemon = await readRecord(state);
  if (!daemon) return undefined;
  const users = await livingUsers(state);
  if (isRunning(daemon) && (await answers(host, tools, daemon.address))) {
    const fits = daemon.config === config && daemon.version === tools.buildkitd.version;
    // A build in progress is not broken off for another version, which can build as well.
    if (fits || (users.length > 0 && daemon.config === config)) return daemon;
    if (users.length > 0)
      throw new LayerwrightError('other builds use a buildkitd with another configuration', {
        code: 'BUILDKITD_BUSY',
        exit: EXIT.temporary,
        hint: `Wait for process ${users.map(({ pid }) => pid).join(', ')}, or give this build its own LAYERWRIGHT_CACHE_DIR.`,
      });
  }
  await stopRecorded(host, state, daemon);
  return undefined;
}

async function startShared(
  host: Host,
  tools: BuildkitTools,
  state: State,
  config: string,
  authorities: string | undefined,
): Promise<Buildkitd> {
  if (authorities !== undefined) await writeFileAtomic(state.authorities, authorities);
  // The log tells of one life only, else it would grow for ever.
  await rm(state.logFile, { force: true });
  const daemon = await startBuildkitd(host, {
    tools,
    root: state.root,
    socket: await shortSocketPath(host, state.socket),
    configToml: config,
    logFile: state.logFile,
    ...(authorities === undefined ? {} : { authorities: state.authorities }),
  });
  const record: DaemonRecord = { ...daemon, config, version: tools.buildkitd.version };
  try {
    await writeFileAtomic(state.record, `${JSON.stringify(record, null, 2)}\n`, 0o600);
  } catch (error) {
    await stopBuildkitd(host, daemon);
    throw error;
  }
  return daemon;
}

async function stopRecorded(host: Host, state: State, daemon: Buildkitd): Promise<void> {
  await stopBuildkitd(host, daemon);
  await rm(state.record, { force: true });
}

async function readRecord(state: State): Promise<DaemonRecord | undefined> {
  const text = await readTextIfThere(state.record);
  return text === undefined ? undefined : (JSON.parse(text) as DaemonRecord);
}

/** A user is a file named by process id and start time; its living processes hold the daemon. */
async function enter(state: State): Promise<string> {
  await mkdir(state.users, { recursive: true });
  const { pid, startTime } = await ownIdentity();
  const file = join(state.users, [pid, startTime, randomBytes(4).toString('hex')].join('-'));
  await writeFile(file, '');
  return file;
}

async function leave(host: Host, state: State, user: string): Promise<void> {
  await withLock(state.lock, async () => {
    await rm(user, { force: true });
    if ((await livingUsers(state)).length > 0) return;
    const daemon = await readRecord(state);
    if (daemon) await stopRecorded(host, state, daemon);
  });
}

/** The builds that use the daemon; files of those that died are removed. */
async function livingUsers(state: State): Promise<DaemonId[]> {
  const living: DaemonId[] = [];
  for (const name of await namesIn(state.users)) {
    const [pid = '', startTime = ''] = name.split('-');
    const id = { pid: Number(pid), startTime };
    if (isRunning(id)) living.push(id);
    else await rm(join(state.users, name), { force: true });
  }
  return living;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function ownIdentity(): Promise<DaemonId> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return { pid: process.pid, startTime };
}

/** A daemon with other authorities is another daemon: the configuration, which decides that, says which ones it has. */
function identified(config: string, authorities: string | undefined): string {
  if (authorities === undefined) return config;
  return `# certificate authorities: ${createHash('sha256').update(authorities).digest('hex')}\n${config}`;
}

async function configFor(host: Host): Promise<string> {
  const named = host.env.LAYERWRIGHT_BUILDKITD_CONFIG;
  if (named) {
    const text = await readTextIfThere(resolve(host.cwd, named));
    if (text !== undefined) return text;
    throw usageError(
      'BUILDKITD_CONFIG_MISSING',
      `LAYERWRIGHT_BUILDKITD_CONFIG names ${named}, which is not there`,
    );
  }
  const directory =
    process.getuid?.() === 0
      ? '/etc'
      : host.env.XDG_CONFIG_HOME || join(host.env.HOME ?? homedir(), '.config');
  const found = await readTextIfThere(join(directory, 'buildkit', 'buildkitd.toml'));
  return withRegistries(found ?? buildkitdConfig(), registrySettings({ ...host.network, ca: [] }, []));
}
