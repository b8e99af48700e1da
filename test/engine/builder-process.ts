/**
 * A build as the shared buildkitd sees it, in a process of its own: joins, says so in one line of JSON,
 * and leaves when its standard input ends.
 */
import { acquireBuildkitd } from '../../src/engine/buildkitd-shared.ts';
import { findBuildkit } from '../../src/engine/find.ts';
import { processHost } from '../../src/host/host.ts';

const host = processHost(new AbortController().signal);
const tools = await findBuildkit(host);
if (!tools) throw new Error('the test puts BuildKit on PATH');
const daemon = await acquireBuildkitd(host, tools);
process.stdout.write(`${JSON.stringify({ address: daemon.address, started: daemon.started })}\n`);
for await (const _chunk of process.stdin);
await daemon.release();
