/**
 * Runs the tests by tier and prints one closing line. `npm test` runs both tiers:
 * `unit` (`*.test.ts`, seconds, no daemon) and `integration` (`*.itg.test.ts`, real registry, S3, BuildKit, Docker Engine).
 * Nothing is skipped silently: a real part that cannot start fails the run.
 */
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { interruptedError, LayerwrightError } from '../src/errors.ts';
import { temporaryDirectory } from '../src/host/files.ts';
import { processHost } from '../src/host/host.ts';
import { renderError } from '../src/report/error.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed, type Testbed } from '../testbed/testbed.ts';

const TIERS = ['unit', 'integration'] as const;
type Tier = (typeof TIERS)[number];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const root = join(import.meta.dirname, '..');

function filesOf(tier: Tier, wanted: readonly string[]): string[] {
  return globSync('test/**/*.test.ts', { cwd: root })
    .filter((file) => file.endsWith('.itg.test.ts') === (tier === 'integration'))
    .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
    .map((file) => join(root, file))
    .sort();
}

/** What a run of files came to. */
interface Outcome {
  readonly counts: Counts;
  /** Names of the tests that failed. */
  readonly failed: readonly string[];
}

async function runFiles(
  files: readonly string[],
  options: { readonly concurrency: number; readonly signal: AbortSignal; readonly env?: NodeJS.ProcessEnv },
  write: (text: string) => void,
): Promise<Outcome> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failed: string[] = [];
  if (files.length === 0) return { counts, failed };
  const { env = process.env, ...limits } = options;
  // `env` is not in the types of @types/node 24.19.
  const settings = { ...limits, files: [...files], env, cwd: root, timeout: 20 * 60_000 };
  const stream = run(settings);
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite') return;
    if (event.skip !== undefined || event.todo !== undefined) counts.skipped++;
    else counts.passed++;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    counts.failed++;
    failed.push(event.name);
  });
  for await (const text of stream.compose(spec)) write(text as string);
  return { counts, failed };
}

/**
 * Files that take minutes, the longest first: the lines end at about the same time if these begin early. What is not
 * here comes after them by its name. The run prints its longest files for whoever keeps this list.
 */
const LONGEST: readonly string[] = [
  ...['compose/locked-tools', 'examples/shapes-pip', 'examples/shapes.itg', 'examples/shapes-poetry'],
  ...[
    'examples/shapes-bases',
    'examples/private.itg',
    'examples/shapes-uv',
    'lock/frozen',
    'split/split.itg',
  ],
  ...[
    'commands/bake.itg',
    'ci/codebuild',
    'wheels/wheel-projects',
    'examples/shapes-split',
    'wheels/git-requirements',
  ],
];

/**
 * Runs the files in two lines, each with a testbed of its own: one file at a time on a testbed, since a test may replace
 * its builder, and the next file on whichever is free. A file's output is printed when it has ended.
 */
async function inLines(
  files: readonly string[],
  testbeds: readonly { readonly dir: string; readonly env: Readonly<Record<string, string>> }[],
  signal: AbortSignal,
): Promise<Counts> {
  const rank = (file: string) => {
    const index = LONGEST.findIndex((name) => file.includes(name));
    return index < 0 ? LONGEST.length : index;
  };
  const waiting = files.toSorted((a, b) => rank(a) - rank(b));
  const done: { readonly file: string; readonly seconds: number; readonly outcome: Outcome }[] = [];
  const line = async ({ dir, env }: (typeof testbeds)[number]) => {
    for (let file = waiting.shift(); file !== undefined && !signal.aborted; file = waiting.shift()) {
      const began = performance.now();
      let printed = '';
      // Test files run in processes of their own and find the testbed through the environment. They start the command hundreds of
      // times: without a compile cache its sources take more of a processor's time than what it does.
      const own = { ...env, LW_TESTBED_DIR: dir, NODE_COMPILE_CACHE: join(dir, 'compiled') };
      const options = { concurrency: 1, signal, env: { ...process.env, ...own } };
      const outcome = await runFiles([file], options, (text) => {
        printed += text;
      });
      const seconds = (performance.now() - began) / 1000;
      process.stdout.write(`\n${relative(root, file)}: ${seconds.toFixed(1)} s\n${printed}`);
      done.push({ file: relative(root, file), seconds, outcome });
    }
  };
  await Promise.all(testbeds.map(line));
  const longest = done.toSorted((a, b) => b.seconds - a.seconds).slice(0, 15);
  process.stdout.write(
    `\nLongest files\n${longest.map(({ file, seconds }) => `${seconds.toFixed(0).padStart(5)} s  ${file}\n`).join('')}`,
  );
  const failures = done.flatMap(({ file, outcome }) => outcome.failed.map((name) => `  ${file}: ${name}\n`));
  if (failures.length > 0) process.stdout.write(`\nFailed\n${failures.join('')}`);
  return sumOf(done.map(({ outcome }) => outcome.counts));
}

function sumOf(counts: readonly Counts[]): Counts {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

async function integration(wanted: readonly string[], signal: AbortSignal): Promise<Counts> {
  const files = filesOf('integration', wanted);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const host = processHost(signal);
  const testbeds: Testbed[] = [];
  await using directory = await temporaryDirectory('lw-test-');
  try {
    // One after the other: the first provisions what both use.
    for (const name of files.length > 1 ? ['a', 'b'] : ['a'])
      testbeds.push(await startTestbed(host, { dir: join(directory.path, name) }, stepsFor(host)));
    return await inLines(files, testbeds, signal);
  } finally {
    await Promise.all(testbeds.map((testbed) => testbed.stop()));
  }
}

async function unit(wanted: readonly string[], signal: AbortSignal): Promise<Counts> {
  const write = (text: string) => process.stdout.write(text);
  return (await runFiles(filesOf('unit', wanted), { concurrency: 2, signal }, write)).counts;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { tier: { type: 'string' } },
    allowPositionals: true,
  });
  const tiers = TIERS.filter((tier) => values.tier === undefined || values.tier === tier);
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => controller.abort(interruptedError()));
  let total: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const tier of tiers) {
      process.stdout.write(`\n${tier} tests\n`);
      const counts =
        tier === 'unit'
          ? await unit(positionals, controller.signal)
          : await integration(positionals, controller.signal);
      total = sumOf([total, counts]);
    }
  } catch (error) {
    total.failed++;
    process.stderr.write(renderError(error, { colour: false }));
    if (!(error instanceof LayerwrightError))
      process.stderr.write('The tests could not be run to their end.\n');
  }
  if (total.passed + total.failed === 0) {
    total.failed++;
    process.stderr.write('No test was run: check the names given.\n');
  }
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

await main();
