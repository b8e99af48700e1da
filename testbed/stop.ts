import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { endContainersBelow, unmountBelow } from '../src/engine/buildkitd-mounts.ts';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import { type DaemonId, isRunning, stopDaemon } from '../src/host/daemon.ts';
import { type Bed, ENTRIES, inBed, isThere } from './bed.ts';
import { endBuilder } from './builder.ts';
import { containerdSocket, dockerSocket } from './docker.ts';
import { removeContainers } from './docker-api.ts';
import { endByCommandLine } from './processes.ts';

/**
 * Ends everything that a testbed started and deletes everything that it stored, also after a crash of any of its
 * parts or of the process that was bringing it up. The abort signal is not heeded: this is what cleans up after it.
 *
 * @throws LayerwrightError `TESTBED_LEFTOVERS` (75) with what is left; the state then stays for another try
 */
export async function endTestbed(bed: Bed): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(() => endDockerContainers(bed));
  for (const service of [...bed.state.value.services].reverse()) await attempt(() => stopDaemon(service));
  for (const name of ['builder', 'provision'] as const) await attempt(() => endBuilder(bed, name));
  for (const command of bed.state.value.starting) await attempt(() => endByCommandLine(command));
  // A container's keeper lives on when its Docker Engine is killed.
  await attempt(() => endByCommandLine(['-address', containerdSocket(bed)]));
  await attempt(() => endContainersBelow(bed.dir));
  for (const directory of [bed.dir, bed.state.value.socketDirectory])
    await attempt(() => unmountBelow(bed.host, directory));
  if (failures.length === 0) {
    await attempt(() => rm(bed.state.value.socketDirectory, { recursive: true, force: true }));
    // The state goes last: with it a second try knows what there is.
    for (const entry of ENTRIES)
      if (failures.length === 0) await attempt(() => rm(inBed(bed, entry), { recursive: true, force: true }));
  }
  if (failures.length > 0) throw leftovers(bed, failures);
}

/**
 * A Docker Engine that runs removes its containers itself. One that dies meanwhile (a killed process answers until the
 * kernel is done with it) cannot: then its containers are ended with everything else below the testbed's directory.
 */
async function endDockerContainers(bed: Bed): Promise<void> {
  const dockerd = bed.state.value.services.find(({ name }) => name === 'dockerd');
  if (dockerd === undefined || !isRunning(dockerd) || !(await isThere(dockerSocket(bed)))) return;
  try {
    await removeContainers(dockerSocket(bed));
  } catch (error) {
    if (!(await endsSoon(dockerd))) throw error;
  }
}

async function endsSoon(service: DaemonId): Promise<boolean> {
  for (let left = 50; left > 0 && isRunning(service); left--) await sleep(100);
  return !isRunning(service);
}

function leftovers(bed: Bed, failures: readonly unknown[]): LayerwrightError {
  return new LayerwrightError(`the testbed in ${bed.dir} could not be ended whole`, {
    code: 'TESTBED_LEFTOVERS',
    exit: EXIT.temporary,
    detail: failures
      .map((error) => (error instanceof Error ? (error.stack ?? error.message) : String(error)))
      .join('\n'),
    hint: 'Run `npm run -s testbed -- down` for it again.',
    cause: failures[0],
  });
}
