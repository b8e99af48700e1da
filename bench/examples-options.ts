import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { usageError } from '../src/errors.ts';
import { readTextIfThere } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { EXAMPLES, type MeasuredExample } from './example-list.ts';
import { examplesIn } from './examples-table.ts';

export const USAGE = `Measures builds of the examples, each on a host that forgot everything, against plain buildx with a cache in the registry.

  npm run bench:examples -- [--only A,B] [--into FILE [--missing]] [--minutes N] [--json]

  --only     names of folders below examples; default: all, those first that most projects look like
  --into     a Markdown file that gets the rows, each as soon as it is measured, and keeps its other ones
  --missing  only what the file has no row of
  --minutes  no other example is begun after so many
  --json     prints one object with every sample on standard output; else a table in Markdown
`;

export interface ExamplesOptions {
  readonly examples: readonly MeasuredExample[];
  /** Milliseconds after which no other example is begun. */
  readonly limitMs: number;
  /** Absolute. */
  readonly into: string | undefined;
  readonly json: boolean;
}

/**
 * @returns undefined for `--help`
 * @throws LayerwrightError BENCH_USAGE
 */
export async function examplesOptions(
  { cwd }: Pick<Host, 'cwd'>,
  args: readonly string[],
): Promise<ExamplesOptions | undefined> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { only: text, into: text, minutes: text, missing: flag, json: flag, help: flag },
  });
  if (values.help) return undefined;
  const names = values.only?.split(',').map((name) => name.trim());
  const strange = names?.find((name) => !EXAMPLES.some(({ folder }) => folder === name));
  if (strange !== undefined) throw wrong(`--only: "${strange}" is no example that is measured`);
  const minutes = Number(values.minutes ?? Number.POSITIVE_INFINITY);
  if (!(minutes > 0)) throw wrong('--minutes is a number above 0');
  if (values.missing && values.into === undefined) throw wrong('--missing looks into the file of --into');
  const into = values.into === undefined ? undefined : resolve(cwd, values.into);
  const there =
    values.missing && into !== undefined ? examplesIn((await readTextIfThere(into)) ?? '') : new Set();
  const examples = EXAMPLES.filter(
    ({ folder }) => (names === undefined || names.includes(folder)) && !there.has(folder),
  );
  return { examples, limitMs: minutes * 60_000, into, json: values.json ?? false };
}

function wrong(message: string) {
  return usageError('BENCH_USAGE', message, 'See npm run bench:examples -- --help.');
}
