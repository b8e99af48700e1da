import { mkdir, readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, interruptedError, LayerwrightError } from '../src/errors.ts';
import { type DaemonId, isRunning, startDaemon, stopDaemon } from '../src/host/daemon.ts';
import { type Bed, inBed, isThere, serviceEnvironment } from './bed.ts';
import { freePort, listensOn } from './processes.ts';
import type { Service } from './state.ts';

/** A process to start. */
export interface ServiceSpec {
  readonly name: string;
  /** Absolute path of the program and its arguments. One of them must be this testbed's alone. */
  readonly command: readonly string[];
  /** Beside what every service gets. */
  readonly env?: NodeJS.ProcessEnv;
  /** Whether it does its work; asked again and again. */
  readonly isReady: (id: DaemonId) => Promise<boolean>;
}

/** Services start in well under a second; a busy machine with cold disks may take many. */
const START_MS = 60_000;

/**
 * Starts a process and resolves when it is ready. It is in the state file from the moment it exists.
 *
 * @throws LayerwrightError `SERVICE_FAILED` (75) with the end of its log
 */
export async function startService(bed: Bed, spec: ServiceSpec): Promise<Service> {
  await mkdir(inBed(bed, 'logs'), { recursive: true });
  const logFile = inBed(bed, 'logs', `${spec.name}.log`);
  const logStart = (await isThere(logFile)) ? (await stat(logFile)).size : 0;
  await bed.state.change(({ starting }) => ({ starting: [...starting, spec.command] }));
  const id = await startDaemon(spec.command, {
    cwd: bed.dir,
    env: serviceEnvironment(bed.host, spec.env),
    logFile,
  });
  const service: Service = { ...id, name: spec.name, logFile };
  await bed.state.change(({ starting, services }) => ({
    starting: starting.filter((command) => command !== spec.command),
    services: [...services, service],
  }));
  try {
    await waitUntilReady(bed, spec, service, logStart);
    return service;
  } catch (error) {
    await stopService(bed, service);
    throw error;
  }
}

/** Ends a process of the testbed and forgets it. */
export async function stopService(bed: Bed, service: Service): Promise<void> {
  await stopDaemon(service);
  await bed.state.change(({ services }) => ({ services: services.filter(({ pid }) => pid !== service.pid) }));
}

/**
 * Starts a server on a free port of 127.0.0.1; on another if somebody takes it in between.
 *
 * @param answers asked when the server listens: whether it also answers
 */
export async function startServer(
  bed: Bed,
  specOn: (port: number) => Promise<Omit<ServiceSpec, 'isReady'>>,
  answers: (port: number) => Promise<boolean>,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      await startService(bed, {
        ...(await specOn(port)),
        isReady: async ({ pid }) => (await listensOn(pid, port)) && (await answers(port)),
      });
      return port;
    } catch (error) {
      const taken =
        error instanceof LayerwrightError &&
        /address already in use|port .* in use/i.test(error.detail ?? '');
      if (!taken || attempt === 5) throw error;
    }
  }
}

/** Whether a URL answers with one of these statuses. Nothing else is an error: a server that starts refuses connections. */
export async function respondsWith(bed: Bed, url: string, statuses: readonly number[]): Promise<boolean> {
  try {
    const response = await bed.host.fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return statuses.includes(response.status);
  } catch {
    return false;
  }
}

async function waitUntilReady(
  bed: Bed,
  spec: ServiceSpec,
  service: Service,
  logStart: number,
): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    if (bed.host.signal.aborted) throw interruptedError();
    if (!isRunning(service)) throw await startError(service, `${spec.name} ended while starting`, logStart);
    if (await spec.isReady(service)) return;
    await sleep(20);
  }
  throw await startError(service, `${spec.name} is not ready within ${START_MS / 1000} s`, logStart);
}

async function startError(service: Service, what: string, logStart: number): Promise<LayerwrightError> {
  const log = (await readFile(service.logFile)).subarray(logStart).toString('utf8');
  return new LayerwrightError(what, {
    code: 'SERVICE_FAILED',
    exit: EXIT.temporary,
    detail: log.trimEnd().split('\n').slice(-20).join('\n'),
    hint: 'The lines above are the end of its log.',
  });
}
