import { expandWord, parseShell, type SimpleCommand, type Word } from './shell.ts';

/** A path of a command: absolute. */
export interface CommandPath {
  readonly path: string;
  /** True if its last part is a pattern of the shell (`*.sh`), which stands for the names that fit it. */
  readonly pattern: boolean;
}

/** What `mkdir`, `chmod` and `chown` do, as far as it is surely known. */
export type FileCommand =
  | {
      readonly kind: 'mkdir';
      /** `-p`: those above are made too, and one that is there is no error. */
      readonly parents: boolean;
      readonly paths: readonly CommandPath[];
    }
  | {
      readonly kind: 'chmod';
      readonly recursive: boolean;
      /** What becomes of permission bits. */
      readonly change: ModeChange;
      readonly paths: readonly CommandPath[];
    }
  | {
      readonly kind: 'chown';
      readonly recursive: boolean;
      /** Names or numbers; undefined for one that stays as it is. */
      readonly user: string | undefined;
      readonly group: string | undefined;
      readonly paths: readonly CommandPath[];
    };

/** `755` sets all nine bits, `+x` adds some to those that are there. */
export type ModeChange = { readonly set: number } | { readonly add: number };

/** Where a command runs. */
interface CommandPlace {
  /** What the shell puts in for variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly workdir: string;
}

/**
 * Reads a `RUN` in shell form that does nothing but make directories and change modes and owners. Pure.
 *
 * @returns undefined for every other one, and where an option, a mode or an owner is not surely known to mean the same in all
 *   coreutils and busybox
 */
export function fileCommands(text: string, place: CommandPlace): readonly FileCommand[] | undefined {
  const parsed = parseShell(text);
  if ('reason' in parsed || parsed.length === 0) return undefined;
  const commands = parsed.map((command) => fileCommand(command, place));
  return commands.some((one) => one === undefined) ? undefined : (commands as readonly FileCommand[]);
}

/** Variables that a shell has of its own, whatever is in the environment. */
const OF_SHELL =
  /^(?:_|UID|EUID|PPID|PWD|OLDPWD|SHLVL|IFS|RANDOM|SECONDS|LINENO|HOSTNAME|HOSTTYPE|MACHTYPE|OSTYPE|DIRSTACK|GROUPS|FUNCNAME|OPTIND|BASH.*|EPOCH.*)$/;

function fileCommand({ assignments, words }: SimpleCommand, place: CommandPlace): FileCommand | undefined {
  if (assignments.length > 0 || words.some(namesShell)) return undefined;
  const args = words.map((word) => argumentOf(word, place));
  if (args.some((one) => one === undefined)) return undefined;
  const [program, ...rest] = args as readonly Argument[];
  const options = rest.filter(({ text }) => text.startsWith('-'));
  const operands = rest.slice(options.length);
  // Options behind operands mean something else to some.
  if (operands.some(({ text }) => text.startsWith('-')) || program?.pattern) return undefined;
  const flags = options.map(({ text }) => text);
  switch (program?.text) {
    case 'mkdir':
      return mkdir(flags, operands, place);
    case 'chmod':
      return chmod(flags, operands, place);
    case 'chown':
      return chown(flags, operands, place);
    default:
      return undefined;
  }
}

interface Argument {
  readonly text: string;
  readonly pattern: boolean;
}

function namesShell({ parts }: Word): boolean {
  return parts.some((part) => 'variable' in part && OF_SHELL.test(part.variable));
}

function argumentOf(word: Word, { env }: CommandPlace): Argument | undefined {
  const texts = expandWord(word, env);
  if ('reason' in texts || texts.length !== 1) return undefined;
  const [text = ''] = texts;
  // Quoted pattern characters, classes, a pattern above the last part: a shell knows what these mean.
  const isQuoted = word.parts.some((part) => 'text' in part && part.quoted && part.text !== '');
  if (word.pattern && (isQuoted || /[[?\\]/.test(text) || /\*.*\//.test(text))) return undefined;
  return { text, pattern: word.pattern };
}

function mkdir(
  flags: readonly string[],
  operands: readonly Argument[],
  place: CommandPlace,
): FileCommand | undefined {
  if (!flags.every((flag) => /^-(?:p|v|pv|vp)$|^--parents$/.test(flag))) return undefined;
  const paths = pathsOf(operands, place);
  if (paths === undefined || paths.some(({ pattern }) => pattern)) return undefined;
  return { kind: 'mkdir', parents: flags.some((flag) => flag.includes('p')), paths };
}

function chmod(
  flags: readonly string[],
  [mode, ...operands]: readonly Argument[],
  place: CommandPlace,
): FileCommand | undefined {
  const recursive = recursiveBy(flags);
  const change = mode === undefined ? undefined : modeChange(mode.text);
  const paths = pathsOf(operands, place);
  if (recursive === undefined || change === undefined || paths === undefined) return undefined;
  return { kind: 'chmod', recursive, change, paths };
}

function chown(
  flags: readonly string[],
  [owner, ...operands]: readonly Argument[],
  place: CommandPlace,
): FileCommand | undefined {
  const recursive = recursiveBy(flags);
  const [, user, group] =
    /^([a-z_][\w-]*|\d{1,9})?(?::([a-z_][\w-]*|\d{1,9}))?$/i.exec(owner?.text ?? '') ?? [];
  const paths = pathsOf(operands, place);
  if (recursive === undefined || (user ?? group) === undefined || paths === undefined) return undefined;
  return { kind: 'chown', recursive, user, group, paths };
}

function recursiveBy(flags: readonly string[]): boolean | undefined {
  if (!flags.every((flag) => /^-R$|^--recursive$/.test(flag))) return undefined;
  return flags.length > 0;
}

const BITS: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 };
const LETTERS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };
/** That of a RUN in BuildKit: with nobody named, what it has stays out. */
const UMASK = 0o022;

function modeChange(text: string): ModeChange | undefined {
  if (/^0?[0-7]{3}$/.test(text)) return { set: Number.parseInt(text, 8) };
  const [, who = '', letters = ''] = /^([ugoa]*)\+([rwx]+)$/.exec(text) ?? [];
  if (letters === '') return undefined;
  const mask = who === '' ? 0o777 & ~UMASK : [...who].reduce((all, one) => all | (BITS[one] ?? 0), 0);
  return { add: [...letters].reduce((all, one) => all | (LETTERS[one] ?? 0), 0) & mask };
}

function pathsOf(
  operands: readonly Argument[],
  { workdir }: CommandPlace,
): readonly CommandPath[] | undefined {
  // What `..` leads to is a matter of links.
  const isPlain = operands.every(({ text }) => text !== '' && !text.split('/').includes('..'));
  if (operands.length === 0 || !isPlain) return undefined;
  return operands.map(({ text, pattern }) => ({
    path: text.startsWith('/') ? text : `${workdir}/${text}`,
    pattern,
  }));
}
