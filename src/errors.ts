/**
 * The one error type of Layerwright and its exit codes.
 *
 * Exit codes are part of the contract with CI scripts:
 * 0 fine · 1 the user's build or finding · 2 flags, configuration, permission ·
 * 70 our bug · 75 something outside failed and may work later · 130 interrupted.
 */
export const EXIT = { ok: 0, failed: 1, usage: 2, bug: 70, temporary: 75, interrupted: 130 } as const;

/** One of the six exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorDetails {
  /** Stable, greppable name, e.g. `REGISTRY_DENIED`. */
  readonly code: string;
  readonly exit: ExitCode;
  /** What to do next, one or two sentences. */
  readonly hint?: string;
  /** True if the same call may succeed later without any change by the user. */
  readonly temporary?: boolean;
  /** The program's own output that led to this error, already redacted. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/** An error that says what happened, why, and what to do next. Anything else that is thrown is our bug (70). */
export class LayerwrightError extends Error {
  override readonly name = 'LayerwrightError';
  readonly code: string;
  readonly exit: ExitCode;
  readonly hint: string | undefined;
  readonly temporary: boolean;
  readonly detail: string | undefined;

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.exit = details.exit;
    this.hint = details.hint;
    this.temporary = details.temporary ?? details.exit === EXIT.temporary;
    this.detail = details.detail;
  }
}

/** Flags, configuration or permission: exit 2. */
export function usageError(code: string, message: string, hint?: string): LayerwrightError {
  return new LayerwrightError(message, { code, exit: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}

/** The user pressed Ctrl-C or the CI stopped us: exit 130. */
export function interruptedError(): LayerwrightError {
  return new LayerwrightError('interrupted', {
    code: 'INTERRUPTED',
    exit: EXIT.interrupted,
    temporary: false,
  });
}

const FILE_TROUBLE: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'not there',
  ENOTDIR: 'a part of the path is no directory',
  EISDIR: 'it is a directory',
  EEXIST: 'something else is there',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its links go round in a circle',
};

/** What the file system refused, as an error of ours that names the path: a full disk is temporary (75), the rest is 2. */
export function knownError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof LayerwrightError) return error;
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new LayerwrightError(`no space left on this machine's disk${path ? `, for ${path}` : ''}`, {
      code: 'DISK_FULL',
      exit: EXIT.temporary,
      hint: 'Free some space, or set TMPDIR and LAYERWRIGHT_CACHE_DIR to a larger disk.',
      cause: error,
    });
  if (FILE_TROUBLE[code] === undefined || path === undefined || syscall === 'spawn') return error;
  return new LayerwrightError(`${path} cannot be used: ${FILE_TROUBLE[code]}`, {
    code: 'FILE_UNUSABLE',
    exit: EXIT.usage,
    hint: `The system call ${syscall} failed with ${code}.`,
    cause: error,
  });
}

/** The exit code for anything that was thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof LayerwrightError ? error.exit : EXIT.bug;
}
