import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import { type DaemonId, isRunning, startDaemon, stopDaemon } from '../host/daemon.ts';
import { kindOf, writeFileAtomic } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { endContainersBelow, unmountBelow } from './buildkitd-mounts.ts';
import { buildkitdLauncher, type Launcher } from './buildkitd-rootless.ts';
import type { BuildkitTools } from './find.ts';

export interface BuildkitdOptions {
  readonly tools: BuildkitTools;
  /** Directory for everything that buildkitd stores; made if it is not there. An empty one is a fresh builder. */
  readonly root: string;
  /** Path of the socket to listen on; see {@link shortSocketPath}. */
  readonly socket: string;
  /** Text of its `buildkitd.toml`. */
  readonly configToml: string;
  /** Receives its log (appended). */
  readonly logFile: string;
  /** A PEM file with all authorities to trust, in place of the system's. */
  readonly authorities?: string;
}

/** A buildkitd of ours. Plain data: it may be saved, and stopped by another process. */
export interface Buildkitd extends DaemonId {
  readonly root: string;
  readonly socket: string;
  /** What buildx and buildctl connect to: `unix://...`. */
  readonly address: string;
  readonly logFile: string;
}

/** A start takes well under a second; on a busy CI host with a cold disk it may take many. */
const START_MS = 60_000;

/**
 * Starts buildkitd and resolves once it answers. What a crashed one left in the same root is cleared away first.
 *
 * @throws LayerwrightError `BUILDKITD_FAILED` (2; 75 for a full disk), `BUILDKITD_TIMEOUT` (75),
 *   `ROOTLESS_UNAVAILABLE` (2), `SOCKET_PATH_TOO_LONG` (2)
 */
export async function startBuildkitd(host: Host, options: BuildkitdOptions): Promise<Buildkitd> {
  const { tools, root, socket, logFile } = options;
  assertSocketPath(socket);
  const launcher = await buildkitdLauncher(host, tools.buildkitd.path);
  await mkdir(root, { recursive: true, mode: 0o700 });
  await Promise.all([socket, logFile].map((path) => mkdir(dirname(path), { recursive: true })));
  await clearLeftovers(host, root, socket);
  const config = join(root, 'buildkitd.toml');
  await writeFileAtomic(config, options.configToml);

  const id = await startDaemon(
    [
      ...launcher.prefix,
      tools.buildkitd.path,
      `--config=${config}`,
      `--root=${root}`,
      `--addr=unix://${socket}`,
      // The default is one path for all daemons of a machine.
      `--otel-socket-path=${traceSocket(socket)}`,
      '--oci-worker=true',
      '--containerd-worker=false',
      '--oci-worker-net=host',
      `--oci-worker-binary=${tools.runtime.path}`,
      ...launcher.flags,
    ],
    {
      cwd: root,
      env: {
        ...(await launchEnvironment(host, tools, launcher, root)),
        ...(options.authorities === undefined ? {} : { SSL_CERT_FILE: options.authorities }),
      },
      logFile,
    },
  );
  const daemon: Buildkitd = { ...id, root, socket, address: `unix://${socket}`, logFile };
  try {
    await waitUntilItAnswers(host, tools, daemon);
    return daemon;
  } catch (error) {
    await stopBuildkitd(host, daemon);
    throw error;
  }
}

/**
 * Ends a buildkitd, the containers it may have left, and its mounts. Its root stays, and can be deleted or used again.
 * Nothing happens to a process that merely has its old number.
 */
export async function stopBuildkitd(host: Host, daemon: Buildkitd): Promise<void> {
  await stopDaemon(daemon);
  await clearLeftovers(host, daemon.root, daemon.socket);
}

/** Whether a buildkitd answers at this address. */
export async function answers(host: Host, tools: BuildkitTools, address: string): Promise<boolean> {
  try {
    const result = await host.run(
      [tools.buildctl.path, '--timeout', '5', '--addr', address, 'debug', 'workers'],
      { env: daemonEnvironment(host.env, tools), signal: host.signal, timeoutMs: 10_000, killAfterMs: 1_000 },
    );
    return result.exitCode === 0;
  } catch (error) {
    if (error instanceof LayerwrightError && error.code === 'PROGRAM_TIMEOUT') return false;
    throw error;
  }
}

/**
 * A path for a socket that the kernel accepts (at most 107 bytes): the preferred one, else one in a directory of
 * this user's alone in the runtime directory or the temporary directory.
 *
 * @throws LayerwrightError `SOCKET_DIRECTORY_UNSAFE` (2) if somebody else made that directory
 */
export async function shortSocketPath(host: Host, preferred: string): Promise<string> {
  if (fits(preferred)) return preferred;
  const base = host.env.XDG_RUNTIME_DIR || tmpdir();
  const key = createHash('sha256').update(dirname(preferred)).digest('hex').slice(0, 12);
  const directory = join(base, `layerwright-${process.getuid?.() ?? 0}-${key}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid) || (found.mode & 0o022) !== 0)
    throw usageError(
      'SOCKET_DIRECTORY_UNSAFE',
      `${directory} belongs to somebody else or can be written by others`,
      'Remove it, or set XDG_RUNTIME_DIR to a private directory.',
    );
  return join(directory, basename(preferred));
}

/** `sockaddr_un.sun_path` has 108 bytes with the final zero; macOS has 104. */
function fits(socket: string): boolean {
  return Buffer.byteLength(traceSocket(socket)) <= 103 && Buffer.byteLength(socket) <= 103;
}

function assertSocketPath(socket: string): void {
  if (fits(socket)) return;
  throw usageError(
    'SOCKET_PATH_TOO_LONG',
    `the path of buildkitd's socket is too long for the kernel: ${socket}`,
    'Choose a shorter cache directory with LAYERWRIGHT_CACHE_DIR.',
  );
}

/** buildkitd's second socket, on which build steps hand in their traces. */
function traceSocket(socket: string): string {
  return `${socket.replace(/\.sock$/, '')}.otel`;
}

/** Without root, runc keeps its state in XDG_RUNTIME_DIR; `su` and many CI containers set none. */
async function launchEnvironment(
  host: Host,
  tools: BuildkitTools,
  launcher: Launcher,
  root: string,
): Promise<NodeJS.ProcessEnv> {
  const env = daemonEnvironment(host.env, tools);
  if (launcher.prefix.length === 0 || env.XDG_RUNTIME_DIR) return env;
  const runtime = join(root, 'runtime');
  await mkdir(runtime, { recursive: true, mode: 0o700 });
  return { ...env, XDG_RUNTIME_DIR: runtime };
}

async function clearLeftovers(host: Host, root: string, socket: string): Promise<void> {
  await endContainersBelow(root);
  await unmountBelow(host, root);
  await rm(socket, { force: true });
  await rm(traceSocket(socket), { force: true });
}

/** What a buildkitd needs to know of our environment, and nothing else: CI environments are full of credentials. */
export function daemonEnvironment(env: NodeJS.ProcessEnv, tools: BuildkitTools): NodeJS.ProcessEnv {
  const kept: NodeJS.ProcessEnv = {};
  for (const name of HANDED_ON) if (env[name] !== undefined) kept[name] = env[name];
  // BuildKit's emulators for other processors lie beside it.
  kept.PATH = [dirname(tools.buildkitd.path), env.PATH].filter(Boolean).join(':');
  return kept;
}

const HANDED_ON = [
  ...['HOME', 'USER', 'TMPDIR', 'XDG_RUNTIME_DIR', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
    'ALL_PROXY',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'all_proxy',
  ],
];

async function waitUntilItAnswers(host: Host, tools: BuildkitTools, daemon: Buildkitd): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    host.signal.throwIfAborted();
    if (!isRunning(daemon))
      throw await startError(daemon, 'buildkitd ended while starting', 'BUILDKITD_FAILED');
    if ((await kindOf(daemon.socket)) === 'other' && (await answers(host, tools, daemon.address))) return;
    await sleep(20);
  }
  throw await startError(
    daemon,
    `buildkitd does not answer within ${START_MS / 1000} s`,
    'BUILDKITD_TIMEOUT',
  );
}

async function startError(daemon: Buildkitd, what: string, code: string): Promise<LayerwrightError> {
  const log = await readFile(daemon.logFile, 'utf8');
  const lines = log.trimEnd().split('\n').slice(-20);
  // Its last own line says it best; Go prints the stack of the error below.
  const reason = lines.findLast((line) => /^buildkitd: |level=(error|fatal)/.test(line));
  const temporary = code === 'BUILDKITD_TIMEOUT' || log.includes('no space left on device');
  return new LayerwrightError(`${what}${reason ? `: ${reason.replace(/^buildkitd: /, '')}` : ''}`, {
    code,
    exit: temporary ? EXIT.temporary : EXIT.usage,
    detail: lines.join('\n'),
    hint: `Its log is ${daemon.logFile}.`,
  });
}
