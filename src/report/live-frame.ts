import { type BuildState, elapsedMs, type Step, type StepStatus } from '../engine/progress.ts';
import { bytesOf, totalsOf } from '../engine/progress-totals.ts';
import { count, cut, fit, formatBytes, formatSeconds, formatTransfer, type Paint } from './format.ts';
import { groupElapsedMs, groupsOf, isCacheMissing, type StepGroup, titleOf } from './groups.ts';

/** What a frame is drawn for. */
export interface FrameStyle {
  readonly columns: number;
  /** Lines that may be used; `Infinity` for the listing that stays. */
  readonly rows: number;
  readonly paint: Paint;
}

/** What is left out, more and more, until a frame fits. */
interface Detail {
  /** Last lines of what a running step prints. */
  readonly logLines: number;
  readonly showsDoneSteps: boolean;
  readonly showsWaitingSteps: boolean;
  /** Groups that are over, and groups that wait, each in a line of its own; otherwise counted in one. */
  readonly showsDoneGroups: boolean;
  readonly showsWaitingGroups: boolean;
  /** What is said of what has not begun; nothing begins any more once the build is over. */
  readonly waitingWord: 'waiting' | 'not run';
}

const FULL: Detail = {
  logLines: 4,
  showsDoneSteps: true,
  showsWaitingSteps: true,
  showsDoneGroups: true,
  showsWaitingGroups: true,
  waitingWord: 'waiting',
};
const SHORTEST: Detail = {
  ...FULL,
  logLines: 0,
  showsDoneSteps: false,
  showsWaitingSteps: false,
  showsDoneGroups: false,
  showsWaitingGroups: false,
};
const DETAILS: readonly Detail[] = [
  FULL,
  { ...FULL, showsWaitingSteps: false },
  { ...FULL, showsWaitingSteps: false, showsDoneSteps: false },
  { ...FULL, showsWaitingSteps: false, showsDoneSteps: false, logLines: 2, showsWaitingGroups: false },
  { ...FULL, showsWaitingSteps: false, showsDoneSteps: false, logLines: 1, showsWaitingGroups: false },
  { ...SHORTEST, logLines: 1 },
  SHORTEST,
];
/** The listing that stays: stages in one line each, with a failed step below its stage. */
const FINAL: Detail = {
  ...FULL,
  logLines: 0,
  showsDoneSteps: false,
  showsWaitingSteps: false,
  waitingWord: 'not run',
};

const SYMBOLS: Record<StepStatus, string> = {
  waiting: '·',
  running: '▸',
  cached: '✓',
  done: '✓',
  error: '✗',
  cancelled: '-',
};
const WORDS: Record<Exclude<StepStatus, 'waiting'>, string> = {
  running: '',
  cached: 'CACHED',
  done: '',
  error: 'FAILED',
  cancelled: 'cancelled',
};

/**
 * A build as lines for a terminal, the last one with the totals. What does not fit the height is left out in this
 * order: waiting steps, finished steps, most of what steps print, waiting stages, finished stages.
 */
export function liveFrame(state: BuildState, nowMs: number, style: FrameStyle): readonly string[] {
  const groups = groupsOf(state);
  const footer = footerOf(state, nowMs, style);
  const details = style.rows === Number.POSITIVE_INFINITY ? [FINAL] : DETAILS;
  let lines: readonly string[] = [];
  for (const detail of details) {
    lines = [...linesOf(groups, nowMs, detail, style), footer];
    if (lines.length <= style.rows) return lines;
  }
  return lines.slice(-Math.max(1, style.rows));
}

function linesOf(
  groups: readonly StepGroup[],
  nowMs: number,
  detail: Detail,
  style: FrameStyle,
): readonly string[] {
  const labelWidth = Math.min(24, Math.max(12, ...groups.map((group) => group.label.length)));
  const isOver = (group: StepGroup) => group.status === 'done' || group.status === 'cached';
  // One line for a single part saves nothing.
  const hiddenIf = (isHidden: boolean, found: readonly StepGroup[]) =>
    isHidden && found.length > 1 ? found : [];
  const hiddenDone = hiddenIf(!detail.showsDoneGroups, groups.filter(isOver));
  const hiddenWaiting = hiddenIf(
    !detail.showsWaitingGroups,
    groups.filter((group) => group.status === 'waiting' && !hasBegun(group)),
  );
  const hidden = new Set([...hiddenDone, ...hiddenWaiting]);
  const lines: string[] = [];
  if (hiddenDone.length > 0)
    lines.push(style.paint('dim', `${SYMBOLS.done} ${hiddenDone.length} parts done`));
  for (const group of groups)
    if (!hidden.has(group)) lines.push(...groupLines(group, nowMs, labelWidth, detail, style));
  if (hiddenWaiting.length > 0)
    lines.push(style.paint('dim', `${SYMBOLS.waiting} ${hiddenWaiting.length} parts waiting`));
  return lines;
}

function groupLines(
  group: StepGroup,
  nowMs: number,
  labelWidth: number,
  detail: Detail,
  style: FrameStyle,
): readonly string[] {
  const status = group.status === 'waiting' && hasBegun(group) ? 'running' : group.status;
  const head = row(
    {
      status: group.harmless ? 'cancelled' : status,
      label: group.label,
      labelWidth,
      text: groupText(group),
      word: group.harmless ? '' : wordOf(status, detail),
      elapsed: hasBegun(group) ? groupElapsedMs(group, nowMs) : undefined,
    },
    style,
  );
  return [head, ...group.steps.flatMap((step) => stepLines(group, step, nowMs, detail, style))];
}

function stepLines(
  group: StepGroup,
  step: Step,
  nowMs: number,
  detail: Detail,
  style: FrameStyle,
): readonly string[] {
  if (!group.isStage || !isOpen(group)) return [];
  if (step.status === 'waiting' && !detail.showsWaitingSteps) return [];
  if ((step.status === 'done' || step.status === 'cached') && !detail.showsDoneSteps) return [];
  const line = row(
    {
      status: step.status,
      label: `${step.number}/${step.of}`,
      labelWidth: 5,
      indent: 2,
      text: [titleOf(step), movedText(step)].filter(Boolean),
      word: wordOf(step.status, detail),
      elapsed: step.spans.length > 0 ? elapsedMs(step, nowMs) : undefined,
    },
    style,
  );
  const tail = step.status === 'running' && detail.logLines > 0 ? tailOf(step, detail.logLines) : [];
  return [line, ...tail.map((text) => style.paint('dim', `        ${cut(text, style.columns - 8)}`))];
}

interface Row {
  readonly status: StepStatus;
  readonly label: string;
  readonly labelWidth: number;
  readonly indent?: number;
  /** What is said; the first part is cut where there is not enough room, the others are not. */
  readonly text: readonly string[];
  readonly word: string;
  readonly elapsed: number | undefined;
}

function row(what: Row, style: FrameStyle): string {
  const { paint } = style;
  const indent = ' '.repeat(what.indent ?? 0);
  const label = fit(what.label, what.labelWidth);
  // The time of what came from a cache or waits says nothing.
  const hasTime = what.elapsed !== undefined && what.status !== 'cached' && what.status !== 'waiting';
  const time = hasTime ? formatSeconds((what.elapsed as number) / 1000) : '';
  const right = [what.word, time.padStart(what.word === '' ? 0 : 8)]
    .filter((part) => part.trim() !== '')
    .join(' ');
  const width = Math.max(0, style.columns - indent.length - what.labelWidth - right.length - 5);
  const [first = '', ...rest] = what.text;
  const fixed = rest.map((part) => `  ${part}`).join('');
  const text = fit(cut(first, width - fixed.length) + fixed, width);
  if (what.status === 'waiting')
    return paint('dim', `${indent}${SYMBOLS.waiting} ${label} ${text}  ${right}`.trimEnd());
  const name = what.indent === undefined ? paint('bold', label) : label;
  const end = what.status === 'error' ? paint('red', right) : right;
  return `${indent}${symbolOf(what.status, paint)} ${name} ${text}  ${end}`.trimEnd();
}

function wordOf(status: StepStatus, detail: Detail): string {
  return status === 'waiting' ? detail.waitingWord : WORDS[status];
}

function symbolOf(status: StepStatus, paint: Paint): string {
  const symbol = SYMBOLS[status];
  if (status === 'error') return paint('red', symbol);
  if (status === 'running') return paint('cyan', symbol);
  return status === 'waiting' || status === 'cancelled' ? symbol : paint('green', symbol);
}

/** What a group's line says beside its name. */
function groupText(group: StepGroup): readonly string[] {
  if (group.isStage) return [stageText(group), movedText(...group.steps)].filter(Boolean);
  const [step] = group.steps;
  if (!step) return [];
  if (step.kind === 'cache-import') return [titleOf(step), importText(step)];
  if (group.harmless) return [`to ${titleOf(step)}, not written`];
  if (step.kind === 'export' || step.kind === 'cache-export') return [exportText(step)];
  const running = group.steps.findLast((one) => one.status === 'running');
  const failed = group.steps.find((one) => one.status === 'error');
  const shown = failed ?? running ?? (group.steps.length === 1 ? step : undefined);
  return [shown ? titleOf(shown) : count(group.steps.length, 'step'), movedText(...group.steps)].filter(
    Boolean,
  );
}

function stageText(group: StepGroup): string {
  const making = group.steps.filter((step) => step.kind !== 'base');
  const steps = making.length > 0 ? making : group.steps;
  const over = steps.filter((step) => step.status === 'done' || step.status === 'cached');
  const cached = over.filter((step) => step.status === 'cached').length;
  const all = over.length === steps.length;
  const progress = all ? count(steps.length, 'step') : `${over.length} of ${count(steps.length, 'step')}`;
  if (cached === 0 || (all && cached === steps.length)) return progress;
  return `${progress}, ${cached} cached`;
}

function importText(step: Step): string {
  if (step.error === undefined) return step.status === 'running' ? '' : 'found';
  return isCacheMissing(step) ? 'none yet' : 'cannot be read';
}

/** The part of an export that is under way, else what it exports to. */
function exportText(step: Step): string {
  const parts = [...step.transfers.values()].filter(
    (part) => part.span !== undefined && part.span.end === undefined,
  );
  const part =
    step.status === 'running'
      ? parts.at(-1)?.id.replace(/(@?sha256:[0-9a-f]{8})[0-9a-f]{56}/, '$1')
      : undefined;
  const layers = [...step.transfers.keys()].filter((id) => id.startsWith('writing layer ')).length;
  const title =
    step.kind === 'export'
      ? titleOf(step)
      : `to ${titleOf(step)}${layers > 0 ? `, ${count(layers, 'layer')}` : ''}`;
  return part ?? (step.transfers.has('pushing layers') ? `${title}, pushed` : title);
}

function movedText(...steps: readonly Step[]): string {
  const moved = steps.map(bytesOf).filter((bytes) => bytes.current > 0);
  if (moved.length === 0) return '';
  const current = moved.reduce((sum, bytes) => sum + bytes.current, 0);
  const isTotalKnown = moved.every((bytes) => bytes.total !== undefined);
  return formatTransfer(
    current,
    isTotalKnown ? moved.reduce((sum, bytes) => sum + (bytes.total as number), 0) : undefined,
  );
}

function tailOf(step: Step, lines: number): readonly string[] {
  const all = step.log.partial === '' ? step.log.lines : [...step.log.lines, step.log.partial];
  return all.filter((line) => line.trim() !== '').slice(-lines);
}

function isOpen(group: StepGroup): boolean {
  return (
    group.status === 'running' || group.status === 'error' || (group.status === 'waiting' && hasBegun(group))
  );
}

function hasBegun(group: StepGroup): boolean {
  return group.steps.some((step) => step.status !== 'waiting');
}

function footerOf(state: BuildState, nowMs: number, style: FrameStyle): string {
  const { bytes } = totalsOf(state);
  const steps = state.steps.filter((step) => step.kind === 'instruction');
  const isIn = (...statuses: readonly StepStatus[]) =>
    steps.filter((step) => statuses.includes(step.status)).length;
  const parts = [
    formatSeconds(((state.endedMs ?? nowMs) - state.startedMs) / 1000),
    `${isIn('done', 'cached')} of ${count(steps.length, 'step')}`,
    ...(isIn('cached') > 0 ? [`${isIn('cached')} cached`] : []),
    ...(bytes.pulled > 0 ? [`${formatBytes(bytes.pulled)} pulled`] : []),
  ];
  return style.paint('dim', cut(`  ${parts.join(' · ')}`, style.columns));
}
