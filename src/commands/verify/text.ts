import { count, formatSeconds } from '../../report/format.ts';
import { type Difference, EXCUSES, type Excuse } from '../../verify/difference.ts';
import { sourceOf } from '../../verify/excuses.ts';
import type { VerifyRecord } from '../verify.ts';

/** Differences that are shown; the rest is counted, and in the JSON. */
const SHOWN = 20;

/** The result for people: one line that says it all, then what differs, then what was excused. */
export function renderVerify(record: VerifyRecord): string {
  const lines = [
    headline(record),
    ...checkLines(record),
    ...constraintLines(record),
    ...settingLines(record),
    ...fileLines(record),
    ...excuseLines(record),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function headline(record: VerifyRecord): string {
  if (record.files !== null) return filesHeadline(record);
  const other = record.plain?.reference ?? 'a plain build';
  const looked = `${number(record.paths)} paths in ${formatSeconds(record.seconds)}`;
  if (record.outcome === 'same') return `✓ ${record.image.reference} is the same as ${other}: ${looked}`;
  const paths = new Set(record.differences.map(({ path }) => path)).size;
  const what = [
    ...(paths > 0 ? [count(paths, 'path')] : []),
    ...(record.settings.length > 0 ? [count(record.settings.length, 'setting')] : []),
  ].join(' and ');
  return `✗ ${record.image.reference} differs from ${other} in ${what}: ${looked}`;
}

function filesHeadline({ image, outcome, differences, settings, seconds }: VerifyRecord): string {
  const name = `${image.reference} (${image.platform})`;
  const looked = `looked at its files in ${formatSeconds(seconds)}`;
  if (outcome === 'same') return `✓ ${name} has what its locks say: ${looked}`;
  return `✗ ${name} is not what its locks say in ${count(differences.length + settings.length, 'place')}: ${looked}`;
}

/** Which check it was, where it was not the usual one. */
function checkLines({ files, image }: VerifyRecord): readonly string[] {
  if (files === null) return [];
  const { why, distributions, files: looked, programs } = files;
  return [
    `  It was not compared with a plain build, which would have to run for ${image.platform}: ${why}.`,
    `  Checked by files: ${count(looked, 'file')} of ${count(distributions, 'wheel')} by the hashes in RECORD,`,
    `  ${programs} programs and libraries and the interpreter for their processor, and the settings.`,
  ];
}

/** What the plain build was held to, or why to nothing. */
function constraintLines({ constraints: { from, versions, why } }: VerifyRecord): readonly string[] {
  const held = `The plain build was held to ${count(versions, 'version')}`;
  if (from === 'lock') return [`  ${held} of the composed build's locks.`];
  if (from === 'file') return [`  ${held} of the file.`];
  return why === null ? [] : [`  The plain build was held to no versions: ${why}.`];
}

function settingLines({ settings }: VerifyRecord): readonly string[] {
  return settings.flatMap(({ field, image, plain }) => ['', `  ${field}`, ...sides(image, plain)]);
}

function fileLines({ differences, image }: VerifyRecord): readonly string[] {
  const whole = new Set(differences.filter(isWhole).map(({ kind, path }) => `${kind} ${path}`));
  const altered = new Set(differences.map(({ path }) => path));
  const top = differences.filter((one) => !isBelowAnother(one, whole) && !isOfAlteredSource(one, altered));
  const shown = top.slice(0, SHOWN).flatMap((one) => {
    const below = isWhole(one) ? differences.filter(({ path }) => path.startsWith(`${one.path}/`)).length : 0;
    const rest = below > 0 ? `, with ${count(below, 'path')} below` : '';
    return [
      '',
      `  ${one.path}`,
      `    ${headOf(one)}${rest}`,
      ...(isWhole(one) || one.kind === 'layering' ? [] : sides(one.image, one.plain)),
      ...(one.layer === null
        ? []
        : [`    from   ${layerName(one.layer, image.layers[one.layer]?.createdBy)}`]),
    ];
  });
  const left = differences.length - top.length;
  const more = top.length - SHOWN;
  return [
    ...shown,
    ...(more > 0 ? ['', `  … and ${count(more, 'more difference')}`] : []),
    ...(more > 0 || left > 0 ? ['', '  --json has them all'] : []),
  ];
}

/** A directory that is missing or added as a whole stands for all that is in it. */
function isBelowAnother({ kind, path }: Difference, whole: ReadonlySet<string>): boolean {
  const parts = path.split('/');
  return parts.some((_part, at) => at > 0 && whole.has(`${kind} ${parts.slice(0, at).join('/')}`));
}

/** Other source has other bytecode: the source is worth the line. */
function isOfAlteredSource({ path }: Difference, altered: ReadonlySet<string>): boolean {
  const source = sourceOf(path);
  return source !== undefined && altered.has(source);
}

function isWhole({ kind }: Difference): boolean {
  return kind === 'missing' || kind === 'added';
}

function headOf({ kind, image, plain }: Difference): string {
  if (kind === 'missing') return `missing: ${plain}`;
  if (kind === 'added') return `added: ${image}`;
  if (kind === 'layering') return `${image}`;
  return `other ${kind}`;
}

function sides(image: string | null, plain: string | null): readonly string[] {
  return [`    image  ${image || 'none'}`, `    plain  ${plain || 'none'}`];
}

function layerName(layer: number, createdBy: string | null | undefined): string {
  const words = (createdBy ?? '').replace(/\s+/g, ' ').trim();
  return `layer ${layer}${words === '' ? '' : `, ${words.length > 60 ? `${words.slice(0, 59)}…` : words}`}`;
}

function excuseLines({ excused }: VerifyRecord): readonly string[] {
  const made = (Object.keys(EXCUSES) as Excuse[]).filter((name) => (excused[name] ?? 0) > 0);
  if (made.length === 0) return [];
  const width = Math.max(...made.map((name) => number(excused[name] ?? 0).length));
  return [
    '',
    'Not counted as differences:',
    ...made.map((name) => `  ${number(excused[name] ?? 0).padStart(width)}  ${EXCUSES[name]}`),
  ];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
