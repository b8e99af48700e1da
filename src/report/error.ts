import { styleText } from 'node:util';
import { EXIT, LayerwrightError } from '../errors.ts';

/** An error as a person reads it: what, the program's own words, what next. An unknown error keeps its stack: it is our bug. */
export function renderError(error: unknown, style: { colour: boolean }): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    style.colour ? styleText(format, text, { validateStream: false }) : text;
  if (!(error instanceof LayerwrightError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${paint('red', 'internal error:')} ${stack}\nThis is a bug in Layerwright: please report it with the lines above.\n`;
  }
  const lines = [
    ...(error.detail === undefined ? [] : [error.detail.trimEnd(), '']),
    `${paint('red', 'error:')} ${error.message} ${paint('dim', `[${error.code}]`)}`,
    ...(error.hint === undefined ? [] : [`${paint('cyan', 'hint:')} ${error.hint}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What `--json` prints in place of a result; described in docs/reference/errors.md. */
export interface ErrorRecord {
  readonly schemaVersion: 1;
  readonly outcome: 'failed' | 'interrupted';
  readonly error: {
    /** Stable; `BUG` if the error is ours. */
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    /** Whether the same call may succeed later. */
    readonly temporary: boolean;
  };
}

/** An error for programs. Those of the argument parser have the code `FLAG_INVALID`. */
export function errorRecord(error: unknown): ErrorRecord {
  const known = error instanceof LayerwrightError ? error : undefined;
  const isOfParser = error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
  const message = error instanceof Error ? error.message : String(error);
  return {
    schemaVersion: 1,
    outcome: known?.exit === EXIT.interrupted ? 'interrupted' : 'failed',
    error: {
      code: isOfParser ? 'FLAG_INVALID' : (known?.code ?? 'BUG'),
      message: message.replace(/^error: /, ''),
      ...(known?.hint !== undefined && { hint: known.hint }),
      temporary: known?.temporary ?? false,
    },
  };
}
