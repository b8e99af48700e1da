/**
 * The examples, one by one, built by Layerwright and by plain `buildx build` with a cache in the registry: how long a cold build, one
 * changed line and one changed package take, and how many bytes are pushed. `npm run bench:examples -- --only uv,venv`.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asRoot } from '../demo/main.ts';
import { checkOut, type Project } from '../demo/project.ts';
import manifest from '../package.json' with { type: 'json' };
import { readTextIfThere, temporaryDirectory, writeFileAtomic } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { formatBytes, formatSeconds } from '../src/report/format.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed } from '../testbed/testbed.ts';
import { testbedTools } from '../testbed/tools.ts';
import { changeCode, changePackage } from './example-changes.ts';
import { EXAMPLES, type MeasuredExample } from './example-list.ts';
import { type ExamplesOptions, examplesOptions, USAGE } from './examples-options.ts';
import { type ExampleSample, type ExamplesResult, examplesTable } from './examples-table.ts';
import { onFreshHost, type Surroundings } from './fresh-host.ts';
import { machineFacts } from './machine.ts';
import { type BuildBy, peersWith } from './peers.ts';
import { publishedCommand } from './published.ts';
import { countingProxy, type Traffic } from './traffic.ts';

/** Where Debian has them. */
const MACHINE_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** Milliseconds that one build may take. */
const LIMIT_MS = 10 * 60_000;

const ORDER = EXAMPLES.map(({ folder }) => folder);

/** What all builds are made with. */
interface Bench {
  readonly surroundings: Surroundings;
  readonly directory: string;
  readonly peers: Readonly<Record<ExampleSample['peer'], BuildBy>>;
  readonly traffic: () => Traffic;
}

async function measureAll(host: Host, options: ExamplesOptions): Promise<ExamplesResult> {
  const started = host.clock.monotonicMs();
  const steps = stepsFor(host);
  await using directory = await temporaryDirectory('lw-bench-');
  const launcher = await steps.step('Making the package that users have', () =>
    publishedCommand(host, join(directory.path, 'published')),
  );
  const dir = join(directory.path, 'testbed');
  const testbed = await startTestbed(host, { dir, parts: ['registry', 'images'] }, steps);
  try {
    await using proxy = await countingProxy(testbed.env.LW_REGISTRY ?? '');
    const place = join(directory.path, 'work');
    await mkdir(place);
    const tools = await testbedTools(host, steps);
    const { recipe, layerwright } = peersWith(launcher);
    const bench: Bench = {
      surroundings: { host, env: testbed.env, tools, registry: proxy.address },
      directory: place,
      peers: { buildx: recipe, layerwright },
      traffic: proxy.traffic,
    };
    const machine = machineFacts(host, manifest.version);
    const samples: ExampleSample[] = [];
    for (const example of options.examples) {
      if (host.clock.monotonicMs() - started > options.limitMs) {
        host.output.talk(`The time is over before ${example.folder}.\n`);
        break;
      }
      for (const peer of ['buildx', 'layerwright'] as const)
        samples.push(...(await measured(bench, example, peer)));
      // What is measured is kept, whatever becomes of the rest.
      if (options.into !== undefined) await writeInto(options.into, { schemaVersion: 1, machine, samples });
    }
    return { schemaVersion: 1, machine, samples };
  } finally {
    await testbed.stop();
  }
}

/** Puts rows into a document, which keeps those of other examples. */
async function writeInto(path: string, result: ExamplesResult): Promise<void> {
  await writeFileAtomic(path, examplesTable(result, ORDER, await readTextIfThere(path)));
}

/** One example by one peer: what fails ends it, but not the others. */
async function measured(
  bench: Bench,
  example: MeasuredExample,
  peer: ExampleSample['peer'],
): Promise<readonly ExampleSample[]> {
  const { host } = bench.surroundings;
  const { folder } = example;
  const samples: ExampleSample[] = [];
  const checkout = join(bench.directory, `${folder}-${peer}`);
  const source = join(import.meta.dirname, '..', 'examples', folder);
  const changes: readonly [ExampleSample['scenario'], (project: Project) => Promise<void>][] = [
    ['cold', async () => undefined],
    ['one line', (project) => changeCode(project, example)],
    ['one package', (project) => changePackage(bench.surroundings, project, example)],
  ];
  let scenario: ExampleSample['scenario'] = 'cold';
  try {
    const project = await checkOut(host, source, checkout);
    for (const [name, change] of changes) {
      scenario = name;
      await change(project);
      const sample = await oneBuild(bench, project, example, { folder, peer, scenario });
      samples.push(sample);
      host.output.talk(
        `${folder}, ${scenario}, ${peer}: ${sample.way ?? 'built'}, ${formatSeconds(sample.seconds ?? 0)}, ${formatBytes(sample.pushedBytes ?? 0)} pushed\n`,
      );
    }
  } catch (error) {
    host.signal.throwIfAborted();
    const { message, detail } = error as Error & { detail?: string };
    host.output.talk(`${folder}, ${scenario}, ${peer}: ${message}\n${detail ?? ''}\n`);
    const nothing = { way: null, seconds: null, pushedBytes: null, builderStarted: null };
    samples.push({ folder, peer, scenario, ...nothing, failure: message });
  } finally {
    await rm(checkout, { recursive: true, force: true });
  }
  return samples;
}

async function oneBuild(
  { surroundings, directory, peers, traffic }: Bench,
  project: Project,
  { ownAuthorities = false }: MeasuredExample,
  which: Pick<ExampleSample, 'folder' | 'peer' | 'scenario'>,
): Promise<ExampleSample> {
  const { host, registry } = surroundings;
  const { folder, peer, scenario } = which;
  const limited = { ...host, signal: AbortSignal.any([host.signal, AbortSignal.timeout(LIMIT_MS)]) };
  const before = traffic();
  const built = await onFreshHost({ ...surroundings, host: limited }, join(directory, 'host'), (fresh) =>
    peers[peer](surroundings, fresh, {
      checkout: project.directory,
      repository: `${registry}/examples/${peer}-${folder}`,
      tag: scenario.replace(' ', '-'),
      dockerfile: 'Dockerfile',
      ...(ownAuthorities && { authorities: host.env.SSL_CERT_FILE || MACHINE_AUTHORITIES }),
      logFile: join(directory, `${folder}-${peer}-${scenario.replace(' ', '-')}.log`),
    }),
  );
  const { way, seconds, builderStarted } = built;
  return { ...which, way, seconds, pushedBytes: traffic().sent - before.sent, builderStarted, failure: null };
}

await asRoot(async (host) => {
  const options = await examplesOptions(host, process.argv.slice(2));
  if (options === undefined) return host.output.data(USAGE);
  const result = await measureAll(host, options);
  host.output.data(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : examplesTable(result, ORDER));
}, 'bench');
