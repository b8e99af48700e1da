import { count } from '../../report/format.ts';
import type { CheckRecord, DoctorRecord } from '../doctor.ts';

/** A sign beside each word, for the eye that looks for trouble. */
const SIGN = {
  ok: '✓ ok     ',
  warning: '! warning',
  problem: '✗ problem',
  skipped: '- skipped',
} as const;

/** For a terminal of 80 columns. */
const COLUMNS = 80;

/** The checks in their groups, what to do below each, and one line that says it all. */
export function renderDoctor({ checks }: DoctorRecord): string {
  const titles = Math.max(...checks.map(({ title }) => title.length));
  const groups = [...new Set(checks.map(({ group }) => group))];
  const lines = groups.flatMap((group) => [
    group,
    ...checks.filter((check) => check.group === group).flatMap((check) => linesOf(check, titles)),
    '',
  ]);
  return `${[...lines, closing(checks)].join('\n')}\n`;
}

function linesOf({ status, title, found, mend }: CheckRecord, titles: number): readonly string[] {
  const start = `  ${SIGN[status]}  ${title.padEnd(titles)}  `;
  const indent = ' '.repeat(start.length);
  const width = COLUMNS - start.length;
  const [first = '', ...more] = wrapped(found, width);
  const advice = mend === null ? [] : wrapped(mend, width - 2);
  return [
    `${start}${first}`,
    ...more.map((line) => `${indent}${line}`),
    ...advice.map((line, index) => `${indent}${index === 0 ? '→ ' : '  '}${line}`),
  ];
}

/** Words in lines of at most so many columns; a longer word, e.g. a reference that is copied, has its own line. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function closing(checks: readonly CheckRecord[]): string {
  const number = (status: CheckRecord['status']) => checks.filter((check) => check.status === status).length;
  const problems = number('problem');
  const warnings = number('warning');
  const parts = [
    ...(problems > 0 ? [count(problems, 'problem')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ];
  if (parts.length === 0) return 'Nothing stands in the way of a build.';
  return problems > 0 ? `${parts.join(', ')}.` : `${parts.join(', ')}, no problem.`;
}
