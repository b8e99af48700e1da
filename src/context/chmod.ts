/** What `--chmod` makes of the mode of a file or directory. */
export interface Chmod {
  /** The new permission bits, with set-user-ID, set-group-ID and sticky. */
  readonly apply: (mode: number, isDirectory: boolean) => number;
  /** The permission bits of directories that are created on the way. */
  readonly created: number;
}

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };

/**
 * Reads `--chmod`: octal, or symbolic of `r`, `w`, `x` and `X` (`u=rwX,go=rX`), without a umask.
 *
 * @returns undefined for everything else: BuildKit may know it or refuse it
 */
export function parseChmod(text: string): Chmod | undefined {
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return mode > 0o7777 ? undefined : { apply: () => mode, created: mode & 0o777 };
  }
  const clauses = text.split(',').map(parseClause);
  if (clauses.some((clause) => clause === undefined)) return undefined;
  const actions = clauses.flatMap((clause) => clause as readonly Action[]);
  return {
    created: 0o755,
    apply: (mode, isDirectory) =>
      actions.reduce((now, action) => action(now, isDirectory || (mode & 0o111) !== 0), mode),
  };
}

/** One operator with its permissions; `X` looks at the mode before all changes. */
type Action = (mode: number, executable: boolean) => number;

function parseClause(clause: string): readonly Action[] | undefined {
  const match = /^([ugoa]*)((?:[-+=][rwxX]*)+)$/.exec(clause);
  if (match === null) return undefined;
  const [, who = '', operations = ''] = match;
  // With nobody named all are meant; a umask does not count in BuildKit.
  const mask = who === '' ? 0o6777 : [...who].reduce((bits, one) => bits | (WHO[one] ?? 0), 0);
  return [...operations.matchAll(/([-+=])([rwxX]*)/g)].map(([, operator = '', letters = '']) =>
    action(operator, letters, mask),
  );
}

function action(operator: string, letters: string, mask: number): Action {
  const bits = [...letters].reduce((all, letter) => all | (PERMISSIONS[letter] ?? 0), 0) & mask;
  const conditional = letters.includes('X') ? 0o111 & mask : 0;
  if (operator === '-') return (mode) => mode & ~(bits | conditional);
  return (mode, executable) =>
    (operator === '=' ? mode & ~mask : mode) | bits | (executable ? conditional : 0);
}
