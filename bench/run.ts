/**
 * How long builds take and how many bytes they move on machines that forget everything, Layerwright beside the recipe
 * that everybody copies: `npm run bench -- --quick`. Brings up its own registry and builders, and ends them.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asRoot } from '../demo/main.ts';
import manifest from '../package.json' with { type: 'json' };
import { temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import { painter } from '../src/report/format.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed, type Testbed } from '../testbed/testbed.ts';
import { testbedTools } from '../testbed/tools.ts';
import { pulledAndStarted } from './docker.ts';
import { machineFacts } from './machine.ts';
import { type Bench, measureRun, repositoryOf } from './measure.ts';
import { type BenchOptions, benchOptions, USAGE } from './options.ts';
import { peersWith } from './peers.ts';
import { publishedCommand } from './published.ts';
import { type BenchResult, benchReport, benchResult } from './report.ts';
import type { DockerSample, Sample } from './sample.ts';
import { CHAT } from './scenarios.ts';
import { countingProxy } from './traffic.ts';

/** Measures everything on a testbed of its own. */
async function bench(host: Host, options: BenchOptions): Promise<BenchResult> {
  const steps = stepsFor(host);
  await using directory = await temporaryDirectory('lw-bench-');
  const launcher = await steps.step('Making the package that users have', () =>
    publishedCommand(host, join(directory.path, 'published')),
  );
  const dir = join(directory.path, 'testbed');
  const testbed = await startTestbed(host, { dir, parts: ['registry', 'images'] }, steps);
  try {
    await using proxy = await countingProxy(testbed.env.LW_REGISTRY ?? '');
    const surroundings = {
      host,
      env: testbed.env,
      tools: await testbedTools(host, steps),
      registry: proxy.address,
    };
    const place = join(directory.path, 'work');
    await mkdir(place);
    const own: Bench = {
      surroundings,
      example: CHAT,
      directory: place,
      peers: peersWith(launcher),
      traffic: proxy.traffic,
    };
    const samples = await allRuns(own, options);
    const docker = options.docker ? await inDocker(host, testbed, options, steps) : [];
    return benchResult(machineFacts(host, manifest.version), samples, docker);
  } finally {
    await testbed.stop();
  }
}

async function allRuns(own: Bench, options: BenchOptions): Promise<Sample[]> {
  const { output } = own.surroundings.host;
  const samples: Sample[] = [];
  for (let run = 1; run <= options.runs; run++) {
    output.talk(`\n${painter(output.colour)('bold', `Run ${run} of ${options.runs}`)}\n`);
    samples.push(...(await measureRun(own, options, run)));
  }
  return samples;
}

/** The last images of the recipe and of Layerwright in each run, in a Docker Engine that has none of them. */
async function inDocker(
  host: Host,
  testbed: Testbed,
  { peers, scenarios, runs }: BenchOptions,
  steps: Steps,
): Promise<DockerSample[]> {
  await testbed.docker();
  const engine = { host, env: { ...host.env, ...testbed.env } };
  const samples: DockerSample[] = [];
  for (let run = 1; run <= runs; run++)
    for (const peer of peers.filter((one) => one !== 'recipe-link')) {
      const reference = `${testbed.env.LW_REGISTRY}/${repositoryOf(peer, run)}:${scenarios.at(-1)}`;
      const sample = await steps.step(`Pulling and starting the image of ${peer}`, () =>
        pulledAndStarted(engine, reference, peer, run),
      );
      samples.push(sample);
    }
  return samples;
}

await asRoot(async (host) => {
  const options = benchOptions(process.argv.slice(2));
  if (options === undefined) return host.output.data(USAGE);
  const result = await bench(host, options);
  host.output.talk('\n');
  host.output.data(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : benchReport(result));
}, 'bench');
