import { readDuration } from './duration.ts';
import { type FlagKinds, type ReadFlags, readFlags } from './flags.ts';
import { chomped, heredocMark } from './heredoc.ts';
import type {
  ArgInstruction,
  CommandInstruction,
  CopyInstruction,
  EnvInstruction,
  HealthcheckInstruction,
  InlineFile,
  ListInstruction,
  TypedInstruction,
  WordInstruction,
} from './instruction.ts';
import { jsonList } from './json-list.ts';
import type { Escape } from './lex.ts';
import type { Instruction } from './parse.ts';
import { readRun } from './read-run.ts';
import type { ScannedInstruction } from './scan.ts';
import { trimSpace } from './space.ts';
import { quotedWords, splitWords } from './split.ts';

/**
 * Reads an instruction as BuildKit does, variables not yet put in. Pure and without exceptions: what is not surely understood,
 * and what BuildKit refuses, is of the kind `unknown`, with the reason.
 *
 * @param escapeWith the Dockerfile's escape character
 */
export function readInstruction(instruction: Instruction, escapeWith: Escape): TypedInstruction {
  const { keyword, line, scanned } = instruction;
  const unknown = (reason: string): TypedInstruction => ({ kind: 'unknown', line, keyword, reason });
  if (scanned.problem !== undefined) return unknown(scanned.problem);
  if (/[\uFFFD\0]/.test(scanned.logical) || /[\uFFFD\0]/.test(scanned.heredoc))
    return unknown('its text is not valid UTF-8, or holds a zero byte');
  const reader = READERS[keyword];
  if (reader === undefined) return unknown(`unknown instruction ${keyword}`);
  // BuildKit does not look at the flags of these.
  const ignores =
    keyword === 'ARG' ||
    keyword === 'STOPSIGNAL' ||
    (keyword === 'HEALTHCHECK' && /^NONE$/i.test(scanned.rest));
  const flags = readFlags(ignores ? [] : scanned.flags, FLAGS[keyword] ?? {});
  if (flags.problem !== undefined) return unknown(flags.problem);
  const read = reader(scanned, flags, escapeWith);
  return typeof read === 'string' ? unknown(read) : ({ ...read, line } as TypedInstruction);
}

/** A reader's answer: the instruction without its line, or why it is not understood. */
type Answer = TypedInstruction extends infer T ? (T extends unknown ? Omit<T, 'line'> : never) : never;

type Reader = (scanned: ScannedInstruction, flags: ReadFlags, escapeWith: Escape) => Answer | string;

const FLAGS: Readonly<Record<string, FlagKinds>> = {
  COPY: {
    chown: 'string',
    from: 'string',
    chmod: 'string',
    link: 'boolean',
    exclude: 'list',
    parents: 'boolean',
  },
  ADD: {
    chown: 'string',
    chmod: 'string',
    link: 'boolean',
    'keep-git-dir': 'boolean',
    checksum: 'string',
    unpack: 'boolean',
    exclude: 'list',
  },
  RUN: { mount: 'list', network: 'string', security: 'string', device: 'list' },
  HEALTHCHECK: {
    interval: 'string',
    timeout: 'string',
    'start-period': 'string',
    'start-interval': 'string',
    retries: 'string',
  },
};

const READERS: Readonly<Record<string, Reader>> = {
  ENV: readPairs('env'),
  LABEL: readPairs('label'),
  ARG: readArg,
  COPY: readCopy('copy'),
  ADD: readCopy('add'),
  RUN: readRun,
  CMD: readCommand('cmd'),
  ENTRYPOINT: readCommand('entrypoint'),
  SHELL: readCommand('shell'),
  HEALTHCHECK: readHealthcheck,
  WORKDIR: readWord('workdir'),
  USER: readWord('user'),
  STOPSIGNAL: readWord('stopsignal'),
  MAINTAINER: readWord('maintainer'),
  ONBUILD: readOnbuild,
  EXPOSE: readExpose,
  VOLUME: readVolume,
};

function readPairs(kind: EnvInstruction['kind']): Reader {
  return ({ rest, keyword }, _flags, escapeWith) => {
    const words = quotedWords(rest, escapeWith);
    const [first] = words;
    if (first === undefined) return `${keyword} requires at least one argument`;
    if (!first.includes('=')) {
      const [, key = '', value] = /^([^\t\v\f\r ]*)[\t\v\f\r ]+(.*)$/su.exec(rest) ?? [];
      return value === undefined ? `${keyword} must have two arguments` : { kind, pairs: [{ key, value }] };
    }
    const wrong = words.find((word) => word.indexOf('=') <= 0);
    if (wrong !== undefined) return `"${wrong}" is not of the form name=value`;
    return { kind, pairs: words.map((word) => cut(word)) };
  };
}

function cut(word: string): { key: string; value: string } {
  const equals = word.indexOf('=');
  return { key: word.slice(0, equals), value: word.slice(equals + 1) };
}

function readArg({ rest }: ScannedInstruction, _flags: ReadFlags, escapeWith: Escape) {
  const words = quotedWords(rest, escapeWith);
  if (words.length === 0) return 'ARG requires at least one argument';
  if (words.some((word) => word.startsWith('='))) return 'ARG names can not be blank';
  const declared = words.map((word) => {
    if (!word.includes('=')) return { name: word, value: undefined };
    const { key, value } = cut(word);
    return { name: key, value };
  });
  return { kind: 'arg', declared } satisfies Omit<ArgInstruction, 'line'>;
}

function readCopy(kind: CopyInstruction['kind']): Reader {
  return (scanned, { strings, booleans, lists }) => {
    const list = jsonList(scanned.rest);
    if (list.kind === 'mixed') return 'a JSON list must be of strings only';
    const words = list.kind === 'list' ? list.items : splitWords(scanned.rest);
    const destination = words.at(-1);
    if (destination === undefined || words.length < 2) return `${scanned.keyword} has no destination`;
    if (heredocMark(destination) !== undefined) return 'a heredoc can not be the destination';
    const named = words.slice(0, -1).map((word) => ({ word, mark: heredocMark(word) }));
    return {
      kind,
      from: strings.get('from') || undefined,
      chown: strings.get('chown') ?? '',
      chmod: strings.get('chmod') ?? '',
      link: booleans.get('link') ?? false,
      parents: booleans.get('parents') ?? false,
      excludes: lists.get('exclude') ?? [],
      checksum: strings.get('checksum') ?? '',
      keepGitDir: booleans.get('keep-git-dir'),
      unpack: booleans.get('unpack'),
      sources: named.filter(({ mark }) => mark === undefined).map(({ word }) => word),
      destination,
      inline: named.flatMap(({ mark }) => (mark === undefined ? [] : inlineFile(scanned, mark))),
    };
  };
}

/** Of several heredocs of one name, the last one's content counts. */
function inlineFile(
  { heredocs }: ScannedInstruction,
  { name, expand, chomp }: { readonly name: string; readonly expand: boolean; readonly chomp: boolean },
): InlineFile {
  const content = heredocs.findLast((heredoc) => heredoc.name === name)?.content ?? '';
  return { name, content: chomped({ name, expand, chomp, content }), expand };
}

function readCommand(kind: CommandInstruction['kind']): Reader {
  return ({ rest, keyword }) => {
    const list = jsonList(rest);
    if (list.kind === 'mixed') return 'a JSON list must be of strings only';
    const form = list.kind === 'list' ? 'exec' : 'shell';
    const words = list.kind === 'list' ? list.items : rest === '' ? [] : [rest];
    if (kind === 'shell' && (form === 'shell' || words.length === 0))
      return `${keyword} requires a JSON list with at least one string`;
    return { kind, form, words };
  };
}

function readHealthcheck({ rest }: ScannedInstruction, { strings }: ReadFlags) {
  const [, type = '', command = ''] = /^([^\t-\r ]+)[\t-\r ]*([\s\S]*)$/.exec(rest) ?? [];
  const list = jsonList(command);
  if (list.kind === 'mixed') return 'a JSON list must be of strings only';
  const kind = type.toUpperCase();
  if (kind === 'NONE')
    return command === '' ? healthcheck(['NONE'], () => 0, 0) : 'HEALTHCHECK NONE takes no arguments';
  if (kind !== 'CMD') return `unknown type "${type}" in HEALTHCHECK (try CMD)`;
  const words = list.kind === 'list' ? list.items : command === '' ? [] : [command];
  if (words.length === 0) return 'a command is missing after HEALTHCHECK CMD';
  const durations = new Map<string, number>();
  for (const name of ['interval', 'timeout', 'start-period', 'start-interval']) {
    const text = strings.get(name) ?? '';
    const value = text === '' ? 0 : readDuration(text);
    if (value === undefined || (value !== 0 && value < 1e6))
      return `--${name} is no duration of at least 1ms: "${text}"`;
    durations.set(name, value);
  }
  const retries = strings.get('retries') || '0';
  if (!/^\+?\d+$|^-0+$/.test(retries) || Number(retries) > 0x7fffffff)
    return `--retries is no number: "${retries}"`;
  const test = [list.kind === 'list' ? 'CMD' : 'CMD-SHELL', ...words];
  return healthcheck(test, (name) => durations.get(name) as number, Math.abs(Number(retries)));
}

function healthcheck(
  test: readonly string[],
  duration: (name: string) => number,
  retries: number,
): Omit<HealthcheckInstruction, 'line'> {
  return {
    kind: 'healthcheck',
    test,
    interval: duration('interval'),
    timeout: duration('timeout'),
    startPeriod: duration('start-period'),
    startInterval: duration('start-interval'),
    retries,
  };
}

function readWord(kind: WordInstruction['kind']): Reader {
  return ({ rest, keyword }) =>
    rest === '' ? `${keyword} requires exactly one argument` : { kind, text: rest };
}

function readOnbuild({ rest, logical, heredocs }: ScannedInstruction) {
  const [word = ''] = /^[^\t\v\f\r ]*/.exec(rest) ?? [];
  if (word === '') return 'ONBUILD requires at least one argument';
  if (/^(?:ONBUILD|FROM|MAINTAINER)$/i.test(word)) return `${word} isn't allowed as an ONBUILD trigger`;
  const trigger = logical.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, '');
  const text = trigger + heredocs.map(({ name, content }) => `\n${content}${name}`).join('');
  return { kind: 'onbuild', text } satisfies Omit<WordInstruction, 'line'>;
}

function readExpose({ rest }: ScannedInstruction) {
  const words = splitWords(rest);
  if (words.length === 0) return 'EXPOSE requires at least one argument';
  if (/[^\t-~]/.test(rest)) return 'EXPOSE has characters beyond ASCII';
  return { kind: 'expose', words: [...words].sort() } satisfies Omit<ListInstruction, 'line'>;
}

function readVolume({ rest }: ScannedInstruction) {
  const list = jsonList(rest);
  if (list.kind === 'mixed') return 'a JSON list must be of strings only';
  const words = (list.kind === 'list' ? list.items : splitWords(rest)).map(trimSpace);
  if (words.length === 0 || words.includes('')) return 'VOLUME names an empty string';
  return { kind: 'volume', words } satisfies Omit<ListInstruction, 'line'>;
}
