/**
 * The examples, one by one, built by Layerwright and by plain `buildx build` with a cache in the registry: how long a cold build, one
 * changed line and one changed package take, and how many bytes are pushed. `npm run bench:examples -- --only uv,venv`.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asRoot } from '../demo/main.ts';
import { checkOut, type Project } from '../demo/project.ts';
import manifest from '../package.json' with { type: 'json' };
import { usageError } from '../src/errors.ts';
import { temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { formatBytes, formatSeconds } from '../src/report/format.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed } from '../testbed/testbed.ts';
import { testbedTools } from '../testbed/tools.ts';
import { changeCode, changePackage, EXAMPLES, type MeasuredExample } from './example-list.ts';
import { type ExampleSample, type ExamplesResult, examplesTable } from './examples-table.ts';
import { onFreshHost, type Surroundings } from './fresh-host.ts';
import { machineFacts } from './machine.ts';
import { type BuildBy, peersWith } from './peers.ts';
import { publishedCommand } from './published.ts';
import { countingProxy, type Traffic } from './traffic.ts';

const USAGE = `Measures builds of the examples, each on a host that forgot everything, against plain buildx with a cache in the registry.

  npm run bench:examples -- [--only A,B] [--minutes N] [--json]

  --only     names of folders below examples; default: ${EXAMPLES.map(({ folder }) => folder).join(', ')}
  --minutes  for each build, at most (default: 10)
  --json     prints one object with every sample on standard output; else a table in Markdown
`;

interface Options {
  readonly examples: readonly MeasuredExample[];
  /** Milliseconds. */
  readonly limitMs: number;
  readonly json: boolean;
}

/** What all builds are made with. */
interface Bench {
  readonly surroundings: Surroundings;
  readonly directory: string;
  readonly peers: Readonly<Record<ExampleSample['peer'], BuildBy>>;
  readonly traffic: () => Traffic;
  readonly limitMs: number;
}

function optionsOf(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { only: text, minutes: text, json: flag, help: flag },
  });
  if (values.help) return undefined;
  const names = values.only?.split(',').map((name) => name.trim());
  const strange = names?.find((name) => !EXAMPLES.some(({ folder }) => folder === name));
  if (strange !== undefined)
    throw usageError(
      'BENCH_USAGE',
      `--only: "${strange}" is no example that is measured`,
      'See npm run bench:examples -- --help.',
    );
  const minutes = Number(values.minutes ?? 10);
  if (!(minutes > 0))
    throw usageError('BENCH_USAGE', '--minutes is a number above 0', 'See npm run bench:examples -- --help.');
  const examples = EXAMPLES.filter(({ folder }) => names === undefined || names.includes(folder));
  return { examples, limitMs: minutes * 60_000, json: values.json ?? false };
}

async function measureAll(host: Host, { examples, limitMs }: Options): Promise<ExamplesResult> {
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
      limitMs,
    };
    const samples: ExampleSample[] = [];
    for (const example of examples)
      for (const peer of ['buildx', 'layerwright'] as const)
        samples.push(...(await measured(bench, example, peer)));
    return { schemaVersion: 1, machine: machineFacts(host, manifest.version), samples };
  } finally {
    await testbed.stop();
  }
}

/** One example by one peer: what fails ends it, but not the others. */
async function measured(
  bench: Bench,
  example: MeasuredExample,
  peer: ExampleSample['peer'],
): Promise<readonly ExampleSample[]> {
  const { host } = bench.surroundings;
  const { folder, bump } = example;
  const samples: ExampleSample[] = [];
  const checkout = join(bench.directory, `${folder}-${peer}`);
  const source = join(import.meta.dirname, '..', 'examples', folder);
  const changes: readonly [ExampleSample['scenario'], (project: Project) => Promise<void>][] = [
    ['cold', async () => undefined],
    ['one line', (project) => changeCode(project, example)],
    ...(bump === undefined
      ? []
      : [
          ['one package', (project: Project) => changePackage(bench.surroundings, project, bump)] as [
            'one package',
            (project: Project) => Promise<void>,
          ],
        ]),
  ];
  let scenario: ExampleSample['scenario'] = 'cold';
  try {
    const project = await checkOut(host, source, checkout);
    for (const [name, change] of changes) {
      scenario = name;
      await change(project);
      const sample = await oneBuild(bench, project, { folder, peer, scenario });
      samples.push(sample);
      host.output.talk(
        `${folder}, ${scenario}, ${peer}: ${formatSeconds(sample.seconds ?? 0)}, ${formatBytes(sample.pushedBytes ?? 0)} pushed\n`,
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
  { surroundings, directory, peers, traffic, limitMs }: Bench,
  project: Project,
  which: Pick<ExampleSample, 'folder' | 'peer' | 'scenario'>,
): Promise<ExampleSample> {
  const { host, registry } = surroundings;
  const { folder, peer, scenario } = which;
  const limited = { ...host, signal: AbortSignal.any([host.signal, AbortSignal.timeout(limitMs)]) };
  const before = traffic();
  const built = await onFreshHost({ ...surroundings, host: limited }, join(directory, 'host'), (fresh) =>
    peers[peer](surroundings, fresh, {
      checkout: project.directory,
      repository: `${registry}/examples/${peer}-${folder}`,
      tag: scenario.replace(' ', '-'),
      dockerfile: 'Dockerfile',
      logFile: join(directory, `${folder}-${peer}-${scenario.replace(' ', '-')}.log`),
    }),
  );
  const { way, seconds, builderStarted } = built;
  return { ...which, way, seconds, pushedBytes: traffic().sent - before.sent, builderStarted, failure: null };
}

await asRoot(async (host) => {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return host.output.data(USAGE);
  const result = await measureAll(host, options);
  host.output.data(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : examplesTable(result));
}, 'bench');
