import { changeText } from './changes.ts';
import type { ExplainedInstruction, ExplainPart } from './explain-result.ts';
import { hanging } from './fold.ts';
import { cut, formatSeconds, painter } from './format.ts';
import { buildNowLines, titleLines, unsplitLines, type View } from './plan-text.ts';
import type { SummaryStyle } from './summary.ts';

/** For people: what changed since the last build, what a build now would do, and what only BuildKit can do. */
export function explainText(result: ExplainPart, { colour, columns }: SummaryStyle): string {
  const view: View = { paint: painter(colour), columns };
  const lines = [
    ...titleLines(result, view),
    ...(result.way === 'solved'
      ? []
      : [...changeLines(result, view), ...nowLines(result, view), ...solvedLines(result, view)]),
  ];
  return `${lines.join('\n')}\n`;
}

function changeLines({ last, changes, cacheRepository }: ExplainPart, view: View): readonly string[] {
  const { paint, columns } = view;
  if (last === null)
    return [
      '',
      paint('bold', 'Since the last build'),
      ...hanging('  ', `No build of this branch has left a record in ${cacheRepository}.`, columns),
    ];
  const day = last.builtAt?.replace('T', ' ').slice(0, 16);
  const when = [last.commit?.slice(0, 12), day && `${day} UTC`].filter(Boolean).join(', ');
  const head = `Since the last build${last.branch === null ? '' : ` of ${last.branch}`}`;
  const lines = changes.flatMap((change) => hanging('  ', changeText(change, ' of files'), columns));
  return [
    '',
    `${paint('bold', head)}${when === '' ? '' : paint('dim', ` (${when})`)}`,
    ...(lines.length === 0 ? ['  Nothing changed.'] : lines),
  ];
}

function nowLines({ counts, solved }: ExplainPart, view: View): readonly string[] {
  if (counts === null) return [];
  const places = solved.filter(({ state }) => state === 'missing').map(({ place }) => place);
  return ['', view.paint('bold', 'A build now'), ...buildNowLines(counts, places, view)];
}

function solvedLines({ solved }: ExplainPart, view: View): readonly string[] {
  const { paint } = view;
  if (solved.length === 0) return ['', paint('green', 'Nothing has to run: all of the image is composed.')];
  return [
    '',
    paint('bold', 'What only BuildKit can do, the costliest first'),
    ...solved.flatMap((one) => instructionLines(one, view)),
  ];
}

function instructionLines(one: ExplainedInstruction, view: View): readonly string[] {
  const { paint, columns } = view;
  const { place, text, reason, hint, state, seconds } = one;
  const took = seconds === null ? '' : ` in ${formatSeconds(seconds)}`;
  const now =
    state === 'missing' ? paint('yellow', 'to be solved now') : paint('green', `solved before${took}`);
  return [
    `  ${place}  ${paint('dim', cut(text, Math.max(20, columns - place.length - 4)))}`,
    ...hanging('    ', reason, columns),
    ...hanging('    ', `${now}; ${repeatsText(one)}`, columns),
    ...(hint === null ? [] : hanging('    ', hint, columns).map((line) => paint('cyan', line))),
    ...unsplitLines(one.notSplit, '    ', view),
  ];
}

function repeatsText({ repeats, copies }: ExplainedInstruction): string {
  switch (repeats) {
    case 'always':
      return 'runs in each build: it downloads something';
    case 'application':
      return `runs again when a file of ${[...new Set(copies)].join(', ')} changes`;
    case 'dependencies':
      return 'runs again when a dependency changes';
    case 'base':
      return 'runs again only with a new base image';
  }
}
