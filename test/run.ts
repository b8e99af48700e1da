/**
 * Runs the tests by tier and prints one closing line. `npm test` runs both tiers:
 * `unit` (`*.test.ts`, seconds, no daemon) and `integration` (`*.itg.test.ts`, real registry, S3, BuildKit, Docker Engine).
 * Nothing is skipped silently: a real part that cannot start fails the run.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { interruptedError, LayerwrightError } from '../src/errors.ts';
import { temporaryDirectory } from '../src/host/files.ts';
import { processHost } from '../src/host/host.ts';
import { renderError } from '../src/report/error.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed } from '../testbed/testbed.ts';

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

async function runFiles(
  files: string[],
  concurrency: number,
  signal: AbortSignal,
  write: (text: string) => void = (text) => process.stdout.write(text),
): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) return counts;
  const stream = run({ files, concurrency, signal, cwd: root, timeout: 20 * 60_000 });
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite') return;
    if (event.skip !== undefined || event.todo !== undefined) counts.skipped++;
    else counts.passed++;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') counts.failed++;
  });
  for await (const text of stream.compose(spec)) write(text as string);
  return counts;
}

/**
 * One file at a time of those that use the runner's testbed, since a test may replace its builder; beside them, one at a
 * time, those that bring up what they need themselves. What the second line prints comes after the first.
 */
async function inTwoLines(files: readonly string[], signal: AbortSignal): Promise<Counts> {
  const sharesTestbed = (file: string) => readFileSync(file, 'utf8').includes('testbedVariable(');
  let later = '';
  const counts = await Promise.all([
    runFiles(files.filter(sharesTestbed), 1, signal),
    runFiles(
      files.filter((file) => !sharesTestbed(file)),
      1,
      signal,
      (text) => {
        later += text;
      },
    ),
  ]);
  process.stdout.write(later);
  return sumOf(counts);
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
  await using directory = await temporaryDirectory('lw-test-');
  const testbed = await startTestbed(host, { dir: directory.path }, stepsFor(host));
  try {
    // Test files run in processes of their own and find the testbed through the environment.
    Object.assign(process.env, testbed.env, { LW_TESTBED_DIR: directory.path });
    return await inTwoLines(files, signal);
  } finally {
    await testbed.stop();
  }
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
          ? await runFiles(filesOf('unit', positionals), 2, controller.signal)
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
