import { EXIT, LayerwrightError } from '../../errors.ts';
import {
  DEFAULT_PIP_COMMAND,
  DEFAULT_PIP_SETTINGS,
  type PipSettings,
  parsePipArguments,
  type Refusal,
} from '../recognise/pip-arguments.ts';
import { type DirectRequirement, parseDirect, sourceOfPath } from './requirement-direct.ts';
import { parseRequirement, type Requirement } from './requirement-line.ts';

/** A requirement with what a requirements file says of it. */
export interface FileRequirement extends Requirement {
  /** `sha256:` and hex digits, or another algorithm's; empty if none are given. */
  readonly hashes: readonly string[];
  /** `requirements.txt:12`, or `inline` on the command line. */
  readonly from: string;
}

/** One meaningful line of a requirements file. */
export type RequirementItem =
  | { readonly requirement: FileRequirement }
  | { readonly direct: DirectRequirement }
  | { readonly include: string; readonly constraint: boolean; readonly from: string }
  | { readonly options: readonly string[]; readonly from: string };

/**
 * Parses one requirements or constraints file the way pip does: joined lines, comments, `${NAME}` of the environment,
 * `--hash` behind a requirement, nested files and index options.
 *
 * @param name as shown in messages
 * @param workdir what paths are relative to, absolute: where addresses and paths are taken too
 * @returns a reason where pip would take something from elsewhere, or where versions of pip disagree
 * @throws LayerwrightError `REQUIREMENT_INVALID` (1) with file and line
 */
export function parseRequirements(
  text: string,
  name: string,
  env: Readonly<Record<string, string | undefined>> = {},
  workdir?: string,
): readonly RequirementItem[] | Refusal {
  const items: RequirementItem[] = [];
  for (const line of logicalLines(text)) {
    const item = parseLine(expandVariables(line.text, env), { from: `${name}:${line.number}`, workdir });
    if ('reason' in item) return item;
    items.push(item);
  }
  return items;
}

/** @throws LayerwrightError `REQUIREMENT_INVALID` (1) */
export function requirementInvalid(from: string, why: string): LayerwrightError {
  return new LayerwrightError(`${from}: ${why}`, {
    code: 'REQUIREMENT_INVALID',
    exit: EXIT.failed,
    hint: 'A requirement is a name with an optional condition, e.g. requests>=2.31,<3 (https://pip.pypa.io/en/stable/reference/requirements-file-format/).',
  });
}

/**
 * Decodes a requirements file: by its byte order mark, by a `# coding:` line, else as UTF-8.
 *
 * @returns a reason if it is in another encoding
 */
export function decodeRequirements(bytes: Uint8Array, name: string): string | Refusal {
  const encoding = encodingOf(bytes);
  if (encoding === undefined) return { reason: `${name} is in an encoding that is not known` };
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return { reason: `${name} is not in ${encoding.toUpperCase()}` };
  }
}

function encodingOf(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? undefined : 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return undefined;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 1000)).split('\n').slice(0, 2);
  const declared = start.map((line) => /^#.*?coding[:=]\s*([-\w.]+)/.exec(line)?.[1]).find(Boolean);
  return declared === undefined || /^(?:utf-?8|ascii|us-ascii)$/i.test(declared) ? 'utf-8' : undefined;
}

/** Line ends as Python's `splitlines` knows them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they end lines for Python
const LINE_END = /\r\n|[\n\r\v\f\x1C\x1D\x1E\x85\u2028\u2029]/;

const COMMENT = /(?:^|\s+)#.*$/;

/** Continued lines joined under the number of the first, comments and empty lines left out. */
function logicalLines(text: string): readonly { readonly text: string; readonly number: number }[] {
  const joined: { text: string; number: number }[] = [];
  let open: { text: string; number: number } | undefined;
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(LINE_END)
    .entries()) {
    const comment = /^\s*#/.test(line);
    const current: { text: string; number: number } = open ?? { text: '', number: index + 1 };
    if (line.endsWith('\\') && !comment) {
      current.text += line.replace(/^\\+|\\+$/g, '');
      open = current;
      continue;
    }
    // A space keeps a comment one where it ends a continued line.
    current.text += comment ? ` ${line}` : line;
    joined.push(current);
    open = undefined;
  }
  if (open) joined.push(open);
  return joined
    .map((line) => ({ ...line, text: line.text.replace(COMMENT, '').trim() }))
    .filter((line) => line.text !== '');
}

/** `${NAME}` in capitals; one that is not set or empty stays as it is. */
function expandVariables(line: string, env: Readonly<Record<string, string | undefined>>): string {
  return line.replaceAll(/\$\{([A-Z0-9_]+)\}/g, (written, name: string) => env[name] || written);
}

interface Place {
  readonly from: string;
  /** Undefined: nothing but requirements of an index is taken. */
  readonly workdir: string | undefined;
}

function parseLine(line: string, place: Place): RequirementItem | Refusal {
  const { from } = place;
  const words = line.split(' ');
  const first = words.findIndex((word) => word.startsWith('-'));
  const before = (first === -1 ? words : words.slice(0, first)).join(' ').trim();
  const options = first === -1 ? [] : splitOptions(words.slice(first).join(' '));
  if ('reason' in options) return { reason: `${from}: ${options.reason}` };
  return before === '' ? parseOptionLine(options, place) : parseRequirementLine(before, options, place);
}

/** Words with quotes, as Python's shlex cuts them; escapes are left to pip. */
function splitOptions(text: string): readonly string[] | Refusal {
  if (text.includes('\\')) return { reason: 'an option with an escape' };
  const found = text.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  if (found.join('').replaceAll(/\s/g, '') !== text.replaceAll(/\s/g, ''))
    return { reason: 'an option with an open quote' };
  return found.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

function parseRequirementLine(
  text: string,
  options: readonly string[],
  { from, workdir }: Place,
): RequirementItem | Refusal {
  const hashes = hashesOf(options, from);
  if ('reason' in hashes) return hashes;
  const direct = workdir === undefined ? undefined : parseDirect(text, workdir);
  if (direct !== undefined && 'reason' in direct) return { reason: `${from}: ${direct.reason}` };
  if (direct !== undefined) return { direct: { ...direct, hashes, from } };
  const requirement = parseRequirement(text);
  if ('reason' in requirement) return { reason: `${from}: ${requirement.reason}` };
  if ('invalid' in requirement) throw requirementInvalid(from, requirement.invalid);
  return { requirement: { ...requirement, hashes, from } };
}

/** What stands behind a requirement; sorted, each once. */
function hashesOf(options: readonly string[], from: string): readonly string[] | Refusal {
  const hashes: string[] = [];
  const rest = [...options];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, joined] = /^--hash(?:=(.*))?$/.exec(word) ?? [];
    if (!/^--hash(?:=|$)/.test(word)) return { reason: `${from}: the option ${word} of a requirement` };
    const hash = joined ?? rest.shift() ?? '';
    if (!/^(?:sha256|sha384|sha512):[0-9a-f]+$/i.test(hash))
      throw requirementInvalid(from, `"${hash}" is no hash; expected sha256:HEX, sha384:HEX or sha512:HEX`);
    hashes.push(hash.toLowerCase());
  }
  return [...new Set(hashes)].sort();
}

/** Options that pip takes in a requirements file; others are an error there. */
const IN_FILES = [
  ...['-r', '--requirement', '-c', '--constraint', '-i', '--index-url', '--pypi-url', '--extra-index-url'],
  ...['--pre', '--prefer-binary', '--only-binary', '--require-hashes', '--trusted-host'],
];

function parseOptionLine(options: readonly string[], { from, workdir }: Place): RequirementItem | Refusal {
  const editable = workdir === undefined ? undefined : editableOf(options, workdir);
  if (editable !== undefined) {
    if ('reason' in editable) return { reason: `${from}: ${editable.reason}` };
    return { direct: { ...editable, hashes: [], from } };
  }
  const parsed = parsePipArguments(options);
  if ('reason' in parsed) return { reason: `${from}: ${parsed.reason}` };
  const names = options.filter((word) => word.startsWith('-')).map((word) => optionName(word));
  const unusual = names.find((name) => !IN_FILES.includes(name));
  if (unusual !== undefined) return { reason: `${from}: the option ${unusual} in a requirements file` };
  if (parsed.positional.length > 0) return { reason: `${from}: words behind an option` };
  const { requirementFiles, constraintFiles } = parsed.settings;
  const [include, ...more] = [...requirementFiles, ...constraintFiles];
  if (include === undefined) return { options, from };
  if (more.length > 0 || names.length > 1) return { reason: `${from}: several files or options in one line` };
  return { include, constraint: constraintFiles.length > 0, from };
}

/** `-e PATH` as a whole line; undefined if it is another option. */
function editableOf(
  options: readonly string[],
  workdir: string,
): ReturnType<typeof parseEditable> | undefined {
  const [, path] = /^(?:-e|--editable)[ =]?(.+)$/.exec(options.join(' ')) ?? [];
  return path === undefined ? undefined : parseEditable(path, workdir);
}

/** What `-e` names: a project's directory. An editable repository is checked out into the image, which is not taken. */
export function parseEditable(
  text: string,
  workdir: string,
): Omit<DirectRequirement, 'hashes' | 'from'> | Refusal {
  const path = /^[a-z][a-z0-9+.-]*:|^\.{0,2}\/|^\.{1,2}(?:$|\[)/i.test(text) ? text : `./${text}`;
  const parsed = parseDirect(path, workdir);
  if (parsed === undefined) return { reason: `-e ${text} is not understood` };
  if ('reason' in parsed) return parsed;
  if (parsed.source.kind !== 'directory') return { reason: `-e ${text} is no directory of a project` };
  return { ...parsed, source: sourceOfPath(parsed.source.path, true) };
}

function optionName(word: string): string {
  return word.startsWith('--') ? (word.split('=')[0] as string) : word.slice(0, 2);
}

/** The settings after the index options of a file: pip forgets all earlier indexes at an `--index-url`. */
export function applyFileOptions(settings: PipSettings, options: readonly string[]): PipSettings | Refusal {
  const parsed = parsePipArguments(options, { ...DEFAULT_PIP_COMMAND, ...settings });
  if ('reason' in parsed) return parsed;
  const after = settingsOf(parsed.settings);
  if (
    after.indexUrl === settings.indexUrl ||
    !options.some((word) => /^(?:-i|--index-url|--pypi-url)/.test(word))
  )
    return after;
  return { ...after, extraIndexUrls: after.extraIndexUrls.slice(settings.extraIndexUrls.length) };
}

/** The settings without what only a command line says. */
function settingsOf(all: PipSettings): PipSettings {
  const names = Object.keys(DEFAULT_PIP_SETTINGS) as (keyof PipSettings)[];
  return Object.fromEntries(names.map((name) => [name, all[name]])) as unknown as PipSettings;
}
