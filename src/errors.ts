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

/** The exit code for anything that was thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof LayerwrightError ? error.exit : EXIT.bug;
}
