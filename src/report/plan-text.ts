import type { WhyNotSplit } from './build-result.ts';
import { hanging, hangingList } from './fold.ts';
import { count, formatBytes, type Paint, painter } from './format.ts';
import type {
  PlanBase,
  PlanCounts,
  PlanDependencies,
  PlanLayer,
  PlanPart,
  PlanReason,
  PlanSegment,
} from './plan-result.ts';
import type { SummaryStyle } from './summary.ts';

/** A plan for people: base images, stages with what becomes of their instructions, dependencies, layers, and what a build would do. */
export function planText(plan: PlanPart, { colour, columns }: SummaryStyle): string {
  const paint = painter(colour);
  const view: View = { paint, columns };
  const body = plan.way === 'solved' ? [] : [...placeLines(plan, view), ...bodyLines(plan, view)];
  const lines = [...titleLines(plan, view), ...body];
  return `${lines.join('\n')}\n`;
}

/** How lines are made. */
export interface View {
  readonly paint: Paint;
  readonly columns: number;
}

/** What is asked about; and if BuildKit would build all of it, why. */
export function titleLines(
  about: Pick<PlanPart, 'dockerfile' | 'target' | 'platform' | 'way' | 'reason' | 'hint'>,
  { paint, columns }: View,
): readonly string[] {
  const { dockerfile, target, platform, way, reason, hint } = about;
  const what = dockerfile ?? 'A Dockerfile that is not read here';
  const title = `${what}, target ${target}${platform === null ? '' : `, for ${platform}`}`;
  if (way === 'composed') return [paint('bold', title)];
  return [
    paint('bold', title),
    ...hanging('  ', `BuildKit would build all of it: ${reason}`, columns),
    ...(hint === null ? [] : hanging('  ', hint, columns).map((line) => paint('cyan', line))),
  ];
}

function placeLines({ offline, cacheRepository }: PlanPart, { paint, columns }: View): readonly string[] {
  const place = offline
    ? 'Offline: base images are assumed by their names, and only what is pinned is known.'
    : `Layers are looked for in ${cacheRepository}. Nothing is made, solved or pushed.`;
  return hanging('', place, columns).map((line) => paint('dim', line));
}

function bodyLines(plan: PlanPart, view: View): readonly string[] {
  const { paint } = view;
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', paint('bold', title), ...lines];
  return [
    ...section(
      'Base images',
      plan.bases.flatMap((base) => baseLines(base, view)),
    ),
    ...section('Instructions', segmentLines(plan, view)),
    ...section(
      'Dependencies',
      plan.dependencies.flatMap((step) => dependencyLines(step, plan.offline, view)),
    ),
    ...section('Layers of the image', layerLines(plan, view)),
    ...section('A build now', verdictLines(plan, view)),
  ];
}

function baseLines(
  { reference, digest, layers, assumed, python, stages }: PlanBase,
  view: View,
): readonly string[] {
  const facts = assumed
    ? 'assumed, not looked at'
    : [digest?.slice(0, 'sha256:'.length + 12), count(layers ?? 0, 'layer')].filter(Boolean).join(', ');
  const words =
    python === null
      ? [assumed ? 'what is in it is not known offline' : 'no Python that is understood']
      : [
          `Python ${python.version}`,
          python.executable,
          ...(python.pip === null ? [] : [`pip ${python.pip}`]),
          ...(python.libc === null ? [] : [python.libc]),
        ];
  const text = `${words.join(', ')}; for ${stages.join(', ')}`;
  return [`  ${reference}  ${view.paint('dim', facts)}`, ...hanging('    ', text, view.columns)];
}

const SEGMENT_WORDS = {
  composed: 'composed',
  there: 'solved before',
  missing: 'to be solved',
  unknown: 'solved by BuildKit',
} as const;
const SPLIT_WORDS = {
  ...SEGMENT_WORDS,
  there: 'split before',
  missing: 'to be split',
  unknown: 'split',
} as const;

function segmentLines({ segments, offline }: PlanPart, view: View): readonly string[] {
  let stage: string | undefined;
  return segments.flatMap((segment) => {
    const head = segment.stage === stage ? [] : [`  ${segment.stage}`];
    stage = segment.stage;
    return [
      ...head,
      segmentLine(segment, offline, view),
      ...reasonLines(segment.reasons, '      ', view),
      ...unsplitLines(segment.notSplit, '      ', view),
    ];
  });
}

function segmentLine(
  { kind, state, fromLine, toLine, layers }: PlanSegment,
  offline: boolean,
  { paint }: View,
): string {
  const words = kind === 'split' ? SPLIT_WORDS : SEGMENT_WORDS;
  const word = paint(state === 'missing' ? 'yellow' : 'green', words[state].padEnd(13));
  const lines = fromLine === toLine ? `line ${fromLine}` : `lines ${fromLine}-${toLine}`;
  const added = layers === null || offline ? '' : `  ${count(layers, 'layer')}`;
  return `    ${lines.padEnd(13)}  ${word}${paint('dim', added)}`.trimEnd();
}

/** Why BuildKit has to, and what to change. */
export function reasonLines(
  reasons: readonly PlanReason[],
  indent: string,
  { paint, columns }: View,
): readonly string[] {
  return reasons.flatMap(({ place, instruction, reason, hint }) => [
    ...hanging(indent, `${place} ${instruction}: ${reason}`, columns),
    ...(hint === null ? [] : hanging(`${indent}  `, hint, columns).map((line) => paint('cyan', line))),
  ]);
}

/** Why what was installed was not split, and what to change. */
export function unsplitLines(
  notSplit: WhyNotSplit | undefined,
  indent: string,
  { paint, columns }: View,
): readonly string[] {
  if (notSplit === undefined) return [];
  const { reason, hint } = notSplit;
  return [
    ...hanging(indent, `not split: ${reason}`, columns),
    ...(hint === null ? [] : hanging(indent, hint, columns).map((line) => paint('cyan', line))),
  ];
}

const LOCK_WORDS = {
  kept: 'locked before',
  resolver: 'resolved now',
  pins: 'checked against the last lock',
  'lock file': 'from the lock file',
  exact: 'as pinned; what they need besides is not known offline',
} as const;

function dependencyLines(step: PlanDependencies, offline: boolean, view: View): readonly string[] {
  const { place, files, lock, reason, distributions, warnings } = step;
  if (lock === 'unknown')
    return hanging(`  ${place}  `, `not known${offline ? ' offline' : ' yet'}: ${reason}`, view.columns);
  const source = files.length === 0 ? 'the command line' : files.join(', ');
  const kept = distributions.filter(({ action }) => action === 'keep').length;
  const replaced = distributions.filter(({ action }) => action === 'replace').length;
  const words = [
    `${count(distributions.length, 'distribution')} of ${source}`,
    ...(kept === 0 ? [] : [`${kept} of them there already`]),
    ...(replaced === 0 ? [] : [`${replaced} in place of other versions`]),
    LOCK_WORDS[lock],
  ];
  const names = offline ? distributions.map(({ name, version }) => `${name} ${version}`) : [];
  return [
    ...hanging(`  ${place}  `, words.join(', '), view.columns),
    ...(names.length === 0
      ? []
      : hangingList('    ', names, view.columns).map((line) => view.paint('dim', line))),
    ...warnings.flatMap((warning) =>
      hanging(`    ${view.paint('yellow', 'warning:')} `, warning, view.columns),
    ),
  ];
}

const LAYER_WORDS = { given: 'given', there: 'there', missing: 'make', small: 'write' } as const;

function layerLines({ layers, offline }: PlanPart, view: View): readonly string[] {
  const given = layers.filter(({ state }) => state === 'given');
  const bytes = given.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const first =
    given.length === 0
      ? []
      : [
          layerLine(
            'given',
            formatBytes(bytes),
            `${count(given.length, 'layer')} of base images and solved segments`,
            view,
          ),
        ];
  const others = layers.filter(({ state }) => state !== 'given');
  return [...first, ...others.map((layer) => oneLayer(layer, offline, view))].flat();
}

function oneLayer({ state, bytes, title, key }: PlanLayer, offline: boolean, view: View): readonly string[] {
  const size = bytes === null ? '' : formatBytes(bytes);
  return layerLine(offline ? 'small' : state, size, title, view, key ?? '');
}

function layerLine(
  state: PlanLayer['state'],
  size: string,
  title: string,
  { paint, columns }: View,
  key = '',
): readonly string[] {
  const word = LAYER_WORDS[state];
  const head = `  ${word.padEnd(5)}  ${size.padStart(8)}  ${key.padEnd(12)}  `;
  const look = state === 'missing' ? 'yellow' : state === 'there' ? 'green' : 'dim';
  const [first = '', ...rest] = hangingList(head, title.split(', '), columns);
  // Painted afterwards: what gives a look takes no columns.
  return [`  ${paint(look, word.padEnd(5))}${first.slice(2 + 5)}`, ...rest];
}

function verdictLines({ counts, needsBuilder }: PlanPart, view: View): readonly string[] {
  if (counts !== null && needsBuilder !== null) return buildNowLines(counts, needsBuilder, view);
  const text = 'Which layers are there, and whether a builder is needed, is not known offline.';
  return hanging('  ', text, view.columns);
}

/** What a build would do now. @param places what BuildKit would have to run */
export function buildNowLines(
  { missing, missingBytes, compiled, small, layers, exact, there, unknown }: PlanCounts,
  places: readonly string[],
  { paint, columns }: View,
): readonly string[] {
  const total = `${exact ? '' : 'about '}${count(layers, 'layer')}`;
  const words = [
    missing === 0
      ? `makes none of ${total}`
      : `makes ${missing} of ${total} (${formatBytes(missingBytes)} of files)`,
    ...(there === 0 ? [] : [`finds ${there}`]),
    ...(small === 0 ? [] : [`writes ${small === 1 ? 'a small one' : `${small} small ones`}`]),
    ...(unknown === 0 ? [] : ['and what is not known before BuildKit has solved what stands above it']),
  ];
  const needs = [
    ...places,
    ...(compiled === 0
      ? []
      : [`the bytecode of ${count(compiled, 'layer')}, which no Python of this machine may compile`]),
  ];
  const builder =
    needs.length === 0
      ? hanging('  ', 'needs no builder', columns).map((line) => paint('green', line))
      : hanging('  ', `needs a builder for ${needs.join(', ')}`, columns).map((line) =>
          paint('yellow', line),
        );
  return [...hanging('  ', words.join(', '), columns), ...builder];
}
