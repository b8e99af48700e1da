import type { BuildResult, BuildSeconds, SegmentResult } from './build-result.ts';
import { count, formatBytes, formatSeconds, painter } from './format.ts';

/** How a summary looks. */
export interface SummaryStyle {
  readonly colour: boolean;
  /** Width of the terminal; lines of values are folded there. */
  readonly columns: number;
}

const LABEL_WIDTH = 8;

/** The names of the parts of a build in the order in which they begin. */
const PARTS: readonly (readonly [Exclude<keyof BuildSeconds, 'total'>, string])[] = [
  ['connect', 'connect'],
  ['cacheLookup', 'cache look-up'],
  ['context', 'context'],
  ['import', 'cache import'],
  ['solve', 'solve'],
  ['export', 'export'],
  ['push', 'push'],
  ['cacheExport', 'cache export'],
];

/** What a build did, in a few lines for a person: image, steps, bytes, caches, how long each part took. Ends with a line end. */
export function summary(result: BuildResult, style: SummaryStyle): string {
  const paint = painter(style.colour);
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['image', imageLines(result)],
    ['layers', layersLines(result)],
    ['changed', changeLines(result)],
    ['solved', solvedLines(result)],
    ['steps', result.steps.total === 0 ? [] : [stepsLine(result)]],
    ['bytes', [bytesLine(result)]],
    ['cache', [...cacheLines(result), ...directoryLines(result)]],
    ['time', folded(timeParts(result.seconds), style.columns - LABEL_WIDTH - 4)],
  ];
  const lines = rows.flatMap(([label, values]) =>
    values.map((value, index) => `  ${paint('dim', (index === 0 ? label : '').padEnd(LABEL_WIDTH))}${value}`),
  );
  const warnings = result.warnings.flatMap((warning) => [
    `${paint('yellow', 'warning:')} ${warningText(warning)}`,
    ...warningReason(warning).map((line) => paint('dim', `  ${line}`)),
  ]);
  const next = result.next.map((hint) => `${paint('cyan', 'hint:')} ${hint}`);
  return `${[headline(result, paint), ...lines, ...warnings, ...next].join('\n')}\n`;
}

function headline(result: BuildResult, paint: ReturnType<typeof painter>): string {
  const time = formatSeconds(result.seconds.total);
  if (result.outcome === 'interrupted') return `Interrupted after ${time}: ${result.target}`;
  if (result.outcome === 'failed') return paint('red', `Not built: ${result.target}, after ${time}`);
  return (
    paint('green', `Built ${result.target} in ${time}`) +
    paint(
      'dim',
      ` (${result.way}, ${result.builder === null ? 'no builder' : `builder ${result.builder.name}`})`,
    )
  );
}

function imageLines({ image }: BuildResult): readonly string[] {
  if (!image) return [];
  const size = image.compressedBytes === null ? '' : `, ${formatBytes(image.compressedBytes)} compressed`;
  const each = (image.platforms ?? []).map(
    ({ platform, digest, compressedBytes }) => `${platform}: ${digest}, ${formatBytes(compressedBytes)}`,
  );
  return [...image.references, `${image.digest}${size}`, ...each];
}

/** Layers that were made are named, as long as they are few. */
function layersLines({ layers }: BuildResult): readonly string[] {
  if (layers === null) return [];
  const { given, found, made } = layers;
  const bytes = made.reduce((sum, one) => sum + one.bytes, 0);
  const words = [
    `${given} of base images and solved segments`,
    `${found} found`,
    `${made.length} made${made.length === 0 ? '' : ` (${formatBytes(bytes)})`}`,
  ];
  const named = made.length <= 5 ? made.map((one) => `made: ${one.title}, ${formatBytes(one.bytes)}`) : [];
  return [words.join(', '), ...named];
}

/** As many changes as are read at a glance. */
const CHANGES = 5;

function changeLines({ changes }: BuildResult): readonly string[] {
  const more = changes.length - CHANGES;
  return more > 0 ? [...changes.slice(0, CHANGES - 1), `${more + 1} more: layerwright explain`] : changes;
}

/** What BuildKit solved, and why. */
function solvedLines({ segments, way }: BuildResult): readonly string[] {
  if (way === 'solved' && segments.every(({ reasons }) => reasons.every(({ hint }) => hint === null))) {
    const reasons = segments.flatMap((segment) => segment.reasons.map(({ reason }) => reason));
    return [...new Set(reasons)].map((reason) => `all by BuildKit: ${reason}`);
  }
  return segments
    .filter(({ kind }) => kind !== 'composed')
    .flatMap(({ kind, outcome, platform, reasons, notSplit }) => [
      ...reasons.flatMap(({ place, instruction, reason, hint }) => [
        `${[place, instruction, platform && `for ${platform}`].filter(Boolean).join(' ')}${remark(kind, outcome)}: ${reason}`,
        ...(hint === null || outcome === 'reused' ? [] : [`  ${hint}`]),
      ]),
      ...(notSplit === undefined ? [] : [`  not split: ${notSplit.reason}`]),
      ...(notSplit?.hint && outcome !== 'reused' ? [`  ${notSplit.hint}`] : []),
    ]);
}

/** How it was solved, where that is good news. */
function remark(kind: SegmentResult['kind'], outcome: SegmentResult['outcome']): string {
  const words = [...(kind === 'split' ? ['split'] : []), ...(outcome === 'reused' ? ['reused'] : [])];
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function stepsLine({ steps }: BuildResult): string {
  const left = steps.total - steps.cached - steps.executed;
  return `${steps.cached} cached, ${steps.executed} executed${left > 0 ? `, ${left} not run` : ''}, of ${count(steps.total, 'step')}`;
}

function bytesLine({ bytes, builder }: BuildResult): string {
  return [
    `${formatBytes(bytes.pulled)} pulled`,
    ...(bytes.pushed === null ? [] : [`${formatBytes(bytes.pushed)} pushed`]),
    ...(builder === null ? [] : [`${formatBytes(bytes.context)} of context sent`]),
  ].join(', ');
}

function cacheLines({ cache }: BuildResult): readonly string[] {
  const words = {
    hit: 'found',
    miss: 'none yet',
    unreadable: 'could not be read',
    off: 'not looked at',
  } as const;
  const written = { written: 'written', failed: 'could not be written', off: 'not written' } as const;
  const refs = new Map<string, string[]>();
  const add = (ref: string, word: string) => refs.set(ref, [...(refs.get(ref) ?? []), word]);
  for (const one of cache.from)
    add(
      one.ref,
      one.outcome === 'hit' && one.detail !== null ? `${words.hit} (${one.detail})` : words[one.outcome],
    );
  for (const one of cache.to) add(one.ref, written[one.outcome]);
  return [...refs].map(([ref, said]) => `${ref}: ${said.join(', ')}`);
}

const DIRECTORY_WORDS = {
  used: 'stood for the stage',
  filled: 'filled',
  current: 'not needed',
  stale: 'not needed, out of date',
  unknown: 'not used',
  failed: 'could not be filled',
} as const;

function directoryLines({ directories }: BuildResult): readonly string[] {
  return directories.map(
    ({ stage, directory, outcome, detail }) =>
      `${directory} (stage ${stage}): ${DIRECTORY_WORDS[outcome]}${detail === null ? '' : ` (${detail})`}`,
  );
}

function timeParts(seconds: BuildSeconds): readonly string[] {
  return PARTS.filter(([key]) => seconds[key] >= 0.05).map(
    ([key, name]) => `${name} ${formatSeconds(seconds[key])}`,
  );
}

/** Values joined by commas, in as many lines as the width asks for. */
function folded(values: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const value of values) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + value.length <= width)
      lines[lines.length - 1] = `${last}, ${value}`;
    else {
      if (last !== undefined) lines[lines.length - 1] = `${last},`;
      lines.push(value);
    }
  }
  return lines;
}

/** Why, in the program's own words; the detail of a check only says what its page says too. */
function warningReason(warning: BuildResult['warnings'][number]): readonly string[] {
  return warning.file === null && warning.detail !== null ? warning.detail.split('\n') : [];
}

function warningText(warning: BuildResult['warnings'][number]): string {
  const place =
    warning.file === null ? '' : `${warning.file}${warning.line === null ? '' : `:${warning.line}`}: `;
  // The checks of the Dockerfile frontend repeat the line at the end of their message.
  const message = place === '' ? warning.message : warning.message.replace(/ \(line \d+\)$/, '');
  return `${place}${message}${warning.url === null ? '' : ` (${warning.url})`}`;
}
