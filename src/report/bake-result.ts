import type { BuildResult } from './build-result.ts';
import { count, formatBytes, formatSeconds, painter } from './format.ts';

/** What a bake did: the `--json` output of `layerwright bake`, described in docs/reference/bake.md. */
export interface BakeResult {
  readonly schemaVersion: 1;
  /** By target, in the order in which they were built: also those that are only contexts of others. */
  readonly targets: Readonly<Record<string, BuildResult>>;
}

/**
 * What a bake did, for a person: a line a target and the totals. Pure. Ends with a line end.
 *
 * @param seconds wall clock, of everything
 */
export function bakeSummary(
  { targets }: BakeResult,
  seconds: number,
  { colour }: { readonly colour: boolean },
): string {
  const paint = painter(colour);
  const names = Object.keys(targets);
  const width = Math.max(...names.map((name) => name.length));
  const results = Object.values(targets);
  const head = `Built ${count(names.length, 'target')} in ${formatSeconds(seconds)}`;
  const builders = new Set(results.flatMap(({ builder }) => (builder === null ? [] : [builder.name])));
  const by = builders.size === 0 ? 'no builder' : `builder ${[...builders].join(', ')}`;
  const lines = Object.entries(targets).flatMap(([name, result]) => [
    `  ${name.padEnd(width)}  ${targetLine(result)}`,
    ...imageLines(result).map((line) => paint('dim', `  ${' '.repeat(width)}  ${line}`)),
  ]);
  const warnings = Object.entries(targets).flatMap(([name, result]) =>
    result.warnings.map(({ message }) => `${paint('yellow', 'warning:')} ${name}: ${message}`),
  );
  return `${[paint('green', head) + paint('dim', ` (${by})`), ...lines, `  ${totals(results)}`, ...warnings].join('\n')}\n`;
}

function targetLine({ way, seconds, layers, steps, bytes }: BuildResult): string {
  return [
    `${way} in ${formatSeconds(seconds.total)}`,
    ...(layers === null ? [] : [`${layers.found} layers found, ${layers.made.length} made`]),
    ...(steps.total === 0 ? [] : [`${steps.executed} of ${count(steps.total, 'step')} executed`]),
    ...(bytes.pushed === null ? [] : [`${formatBytes(bytes.pushed)} pushed`]),
  ].join(', ');
}

function imageLines({ image }: BuildResult): readonly string[] {
  if (image === null) return [];
  const [reference] = image.references;
  return [reference === undefined ? image.digest : `${reference}@${image.digest}`];
}

function totals(results: readonly BuildResult[]): string {
  const sum = (of: (result: BuildResult) => number) => results.reduce((all, one) => all + of(one), 0);
  return `in all: ${formatBytes(sum(({ bytes }) => bytes.pulled))} pulled, ${formatBytes(
    sum(({ bytes }) => bytes.pushed ?? 0),
  )} pushed, ${count(
    sum(({ layers }) => layers?.made.length ?? 0),
    'layer',
  )} made, ${count(
    sum(({ steps }) => steps.executed),
    'step',
  )} executed`;
}
