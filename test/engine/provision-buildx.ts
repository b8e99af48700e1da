/** Provisions buildx from the mirror in the environment and prints where it is: a process of its own for tests. */
import { releaseWay } from '../../src/engine/provision.ts';
import { processHost } from '../../src/host/host.ts';
import { silentSteps } from '../../src/host/steps.ts';

const host = processHost(new AbortController().signal);
const bin = await releaseWay(host, silentSteps, 'buildx', ['buildx'], new Map()).get();
process.stdout.write(`${bin}\n`);
