import { join } from 'node:path';
import { readPlainFile } from '../../host/plain-files.ts';
import { applicable, changesOf } from '../../lock/applicable.ts';
import type { LockInput, NotLocked, ResolvedLock } from '../../lock/lock-input.ts';
import type { FileRequirement } from '../../python/requirements/requirement-file.ts';
import { formatRequirement } from '../../python/requirements/requirement-line.ts';
import type { WheelBuild } from './wheel-build.ts';
import {
  indexVariables,
  indexWords,
  openVariables,
  PIP_VARIABLES,
  pipWords,
  secretVariables,
  surroundings,
} from './wheel-order.ts';
import { type ProgramOrder, WORK } from './wheel-program.ts';
import { jobRunner, type NotBuilt, type WheelSourceOptions } from './wheel-source.ts';

/** Where and by what a resolution is run. */
export type ResolveBuild = Pick<WheelBuild, 'state' | 'place' | 'tool' | 'env'>;

/**
 * Finds out by the image's own tool, run in the image by BuildKit, what a step installs: where there are versions without a wheel that
 * fits, their requirements may be known only to their own build. pip says it by a report of what it would do (22.2 or later), uv
 * by a pylock.toml. What has no wheel comes with its `source`.
 *
 * @returns the lock, or why BuildKit has to run the step itself
 */
export type SourceResolver = (
  input: LockInput,
  build: ResolveBuild,
) => Promise<ResolvedLock | NotLocked | NotBuilt>;

export function sourceResolver(options: Omit<WheelSourceOptions, 'keeper'>): SourceResolver {
  const run = jobRunner(options);
  return async (input, build) => {
    if (build.state.assumed) return { reason: 'what is below it is not solved yet' };
    const applying = applicable(input);
    if ('reason' in applying) return applying;
    const [major = 0, minor = 0] = (input.facts.pip ?? '').split('.').map(Number);
    const isPip = build.tool.kind === 'pip';
    if (isPip && (major < 22 || (major === 22 && minor < 2)))
      return { reason: `pip ${input.facts.pip} does not say what it would install` };
    const output = await run(
      { ...build, python: input.facts },
      {
        order: resolveOrder(input, build),
        secret: {
          ...secretVariables(build.env),
          ...indexVariables({ tool: build.tool, indexes: input.options }),
        },
      },
      'what the requirements need',
      {
        what: 'resolving by the tool of the image',
        hint: 'With a Python on this machine, and versions that have wheels for the image, nothing would have to run.',
      },
    );
    if ('reason' in output) return output;
    const text = (await readPlainFile(join(output.directory, 'report')))?.toString('utf8');
    if (text === undefined) return { reason: 'the resolver in the image says nothing' };
    const { parsePipReport, parseUvLock } = await import('./wheel-report.ts');
    const found = isPip ? parsePipReport(text) : parseUvLock(text, applying);
    if ('reason' in found) return found;
    const distributions = found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const changes = changesOf(distributions, input.facts.installed, input.exact);
    return { lock: { distributions }, changes, by: 'resolver', warnings: [] };
  };
}

/** What the program in the image is told. Pure. */
export function resolveOrder(input: LockInput, build: ResolveBuild): ProgramOrder {
  const { command, report, env } =
    build.tool.kind === 'pip' ? pipCommand(input) : uvCommand(input, build.tool.program);
  return {
    ...{ mode: 'report', command, report, project: '/nowhere' },
    env: { ...openVariables(build.env), ...env },
    files: {
      'requirements.txt': linesOf(input.requirements),
      'constraints.txt': linesOf(input.constraints),
    },
    ...surroundings({ ...build, indexes: input.options }),
  };
}

function linesOf(requirements: readonly FileRequirement[]): string {
  return requirements
    .map((one) => [formatRequirement(one), ...one.hashes.map((hash) => `--hash=${hash}`)].join(' '))
    .map((line) => `${line}\n`)
    .join('');
}

type Call = Pick<ProgramOrder, 'command' | 'env'> & { readonly report: string };

const FILES = (constraints: readonly unknown[]) => [
  ...['-r', `${WORK}/requirements.txt`],
  ...(constraints.length > 0 ? ['-c', `${WORK}/constraints.txt`] : []),
];

function pipCommand({ options, facts, constraints }: LockInput): Call {
  return {
    command: [
      ...pipWords({ python: facts }),
      ...['install', '--quiet', '--dry-run', '--report', `${WORK}/report`, ...FILES(constraints)],
      // Elsewhere than in the environment nothing is installed yet.
      ...(facts.installed.length === 0 ? ['--ignore-installed'] : []),
      ...(options.noDeps ? ['--no-deps'] : []),
      ...(options.requireHashes ? ['--require-hashes'] : []),
      ...(options.upgrade ? ['--upgrade', '--upgrade-strategy', options.upgradeStrategy] : []),
      ...(options.pre ? ['--pre'] : []),
      ...(options.preferBinary ? ['--prefer-binary'] : []),
      ...options.onlyBinary.flatMap((name) => ['--only-binary', name]),
      ...(options.breakSystemPackages ? ['--break-system-packages'] : []),
      ...[...indexWords(options), ...options.buildOptions],
    ],
    env: PIP_VARIABLES,
    report: 'report',
  };
}

function uvCommand({ options, facts, constraints }: LockInput, program: string): Call {
  const [requirements = '', file = '', ...rest] = FILES(constraints);
  return {
    command: [
      ...[program, 'pip', 'compile', requirements === '-r' ? file : requirements, ...rest],
      ...['--format', 'pylock.toml', '--output-file', `${WORK}/pylock.toml`, '--no-header', '--no-progress'],
      ...['--quiet', '--python', facts.executable],
      ...(options.noDeps ? ['--no-deps'] : []),
      ...(options.pre ? ['--prerelease', 'allow'] : []),
      ...options.onlyBinary.flatMap((name) => ['--only-binary', name]),
      ...[...indexWords(options), ...options.buildOptions],
    ],
    env: {},
    report: 'pylock.toml',
  };
}
