import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { shortSocketPath } from '../src/engine/buildkitd.ts';
import { usageError } from '../src/errors.ts';
import { isRunning } from '../src/host/daemon.ts';
import { withLock } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import { provisionMoto, startAws } from './aws.ts';
import { type Bed, inBed } from './bed.ts';
import { provisionBrowsers } from './browsers.ts';
import { startFreshBuilder } from './builder.ts';
import { startDocker } from './docker.ts';
import { startDownloads } from './downloads.ts';
import { envRecord, writeEnvFile } from './env.ts';
import { provisionImages, pushImages } from './images.ts';
import { registryProgram, startRegistries } from './registry.ts';
import { awsVariables, s3Program, startS3 } from './s3.ts';
import { sideBySide } from './side-by-side.ts';
import { PARTS, type Part, readState, type StateFile, stateFile } from './state.ts';
import { endTestbed } from './stop.ts';
import { type TestbedTools, testbedTools, toolDirectories } from './tools.ts';

/** Real parts to build with and against: registries, an S3 server, an AWS stand-in, base images, a builder, a Docker Engine. */
export interface Testbed {
  readonly dir: string;
  /** What the env file exports, with the whole PATH. Changes with `freshBuilder` and `docker`. */
  readonly env: Readonly<Record<string, string>>;
  /** Puts a builder that has never seen anything in place of the present one. */
  readonly freshBuilder: () => Promise<void>;
  /** Starts a Docker Engine, if it does not run yet. */
  readonly docker: () => Promise<void>;
  /** Ends everything and deletes its data. */
  readonly stop: () => Promise<void>;
}

export interface TestbedOptions {
  /** Directory for everything that the testbed stores; made if it is not there. */
  readonly dir: string;
  /** Default: all but `docker`. Parts that others need come along. */
  readonly parts?: readonly Part[];
}

/** Parts that need another one. */
const NEEDS: Partial<Record<Part, readonly Part[]>> = { images: ['registry'], docker: ['registry'] };

/**
 * Brings a testbed up. What fails or is interrupted on the way is ended again.
 *
 * @throws LayerwrightError `TESTBED_UP` (2) if one is up there already, and whatever a part fails with
 */
export async function startTestbed(host: Host, options: TestbedOptions, steps: Steps): Promise<Testbed> {
  const parts = withNeeds(options.parts ?? PARTS.filter((part) => part !== 'docker'));
  await mkdir(options.dir, { recursive: true });
  const dir = await realpath(options.dir);
  return await locked(dir, async () => {
    await clearAway(host, dir, steps);
    const socketDirectory = dirname(await shortSocketPath(host, join(dir, 's', 'containerd.sock.ttrpc')));
    const state = stateFile(dir, {
      schemaVersion: 1,
      parts,
      ready: false,
      socketDirectory,
      services: [],
      starting: [],
      builders: {},
      env: {},
      path: [],
    });
    const bed: Bed = { host, steps, dir, state };
    try {
      await mkdir(socketDirectory, { recursive: true, mode: 0o700 });
      await bringUp(bed, parts);
      await writeEnvFile(bed);
      await state.change(() => ({ ready: true }));
    } catch (error) {
      await steps.step('Ending what was started', () => endTestbed(bed));
      throw error;
    }
    return handle(bed);
  });
}

/**
 * A testbed that is up, e.g. for a process other than the one that brought it up.
 *
 * @throws LayerwrightError `TESTBED_MISSING` (2)
 */
export async function openTestbed(host: Host, dir: string, steps: Steps): Promise<Testbed> {
  return handle(await openBed(host, dir, steps));
}

/** Ends the testbed in a directory, if there is one, also after a crash. */
export async function stopTestbed(host: Host, dir: string, steps: Steps): Promise<void> {
  const bed = await findBed(host, dir, steps);
  if (bed === undefined) {
    steps.note(`No testbed in ${resolve(dir)}`);
    return;
  }
  await locked(bed.dir, () => steps.step('Ending the testbed', () => endTestbed(bed)));
}

async function bringUp(bed: Bed, parts: readonly Part[]): Promise<void> {
  await mkdir(inBed(bed, 'docker-config'), { recursive: true });
  await writeFile(inBed(bed, 'docker-config', 'config.json'), '{}\n');
  const aws = parts.includes('s3') || parts.includes('aws') ? awsVariables() : {};
  await bed.state.change(() => ({ env: { DOCKER_CONFIG: inBed(bed, 'docker-config'), ...aws } }));
  const tools = await testbedTools(bed.host, bed.steps);
  await bed.state.change(() => ({ path: toolDirectories(tools) }));
  // Made before any server runs: the first time it takes minutes. The compilers of the one fill the pauses of the other.
  const [layouts] = await sideBySide(bed.host, [
    async (host) => (parts.includes('images') ? await provisionImages({ ...bed, host }, tools) : undefined),
    (host) => provisionServers({ ...bed, host }, parts),
  ]);
  if (parts.includes('registry')) await startRegistries(bed);
  if (parts.includes('s3')) await startS3(bed);
  if (parts.includes('aws')) await startAws(bed);
  if (parts.includes('downloads')) await startDownloads(bed);
  if (layouts !== undefined) await pushImages(bed, layouts);
  if (parts.includes('builder')) await startFreshBuilder(bed, tools);
  if (parts.includes('docker')) await startDocker(bed, tools);
}

async function provisionServers(bed: Bed, parts: readonly Part[]): Promise<undefined> {
  if (parts.includes('registry')) await registryProgram(bed);
  if (parts.includes('s3')) await s3Program(bed);
  if (parts.includes('aws')) await provisionMoto(bed.host, bed.steps);
  if (parts.includes('downloads')) await provisionBrowsers(bed);
}

function handle(opened: Bed): Testbed {
  const { host, dir, steps } = opened;
  let bed = opened;
  const change = (work: (bed: Bed, tools: TestbedTools) => Promise<void>) =>
    locked(dir, async () => {
      // Another process may have changed it since.
      bed = await openBed(host, dir, steps);
      await work(bed, await testbedTools(host, steps));
      await writeEnvFile(bed);
    });
  return {
    dir,
    get env() {
      return envRecord(bed.state.value, host.env);
    },
    freshBuilder: () => change(startFreshBuilder),
    docker: () => change(startDocker),
    stop: () => stopTestbed(host, dir, steps),
  };
}

async function findBed(host: Host, directory: string, steps: Steps): Promise<Bed | undefined> {
  const dir = await realpath(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const found = dir === undefined ? undefined : await readState(dir);
  if (dir === undefined || found === undefined) return undefined;
  const state: StateFile = stateFile(dir, found);
  return { host, steps, dir, state };
}

async function openBed(host: Host, dir: string, steps: Steps): Promise<Bed> {
  const bed = await findBed(host, dir, steps);
  if (bed?.state.value.ready) return bed;
  throw usageError(
    'TESTBED_MISSING',
    `there is no testbed in ${resolve(dir)}`,
    'Bring one up: npm run -s testbed -- up --dir DIR.',
  );
}

/** What a crash, a reboot or a killed `up` left of an earlier testbed is cleared away; one that runs is not touched. */
async function clearAway(host: Host, dir: string, steps: Steps): Promise<void> {
  const bed = await findBed(host, dir, steps);
  if (bed === undefined) return;
  const { ready, services, builders } = bed.state.value;
  const daemons = Object.values(builders).flatMap(({ daemon }) => daemon ?? []);
  if (ready && [...services, ...daemons].some(isRunning))
    throw usageError(
      'TESTBED_UP',
      `a testbed is already up in ${dir}`,
      'Use it, end it with `npm run -s testbed -- down --dir DIR`, or choose another directory.',
    );
  await steps.step('Clearing away what is left of an earlier testbed', () => endTestbed(bed));
}

function locked<T>(dir: string, work: () => Promise<T>): Promise<T> {
  return withLock(join(dir, 'lock'), work);
}

function withNeeds(parts: readonly Part[]): readonly Part[] {
  return PARTS.filter((part) => parts.includes(part) || parts.some((other) => NEEDS[other]?.includes(part)));
}
