import { type ExitCode, LayerwrightError } from '../errors.ts';
import type { DependencyLayerRequest, MadeLayer } from './layer.ts';

/** What the pool says to a worker. */
export type ToWorker =
  | { readonly make: DependencyLayerRequest; readonly directory: string }
  | { readonly order: DependencyLayerRequest; readonly directory: string }
  | { readonly abort: true };

/** What a worker answers to each `make` and `order`. */
export type FromWorker =
  | { readonly made: MadeLayer }
  | { readonly ordered: readonly string[] }
  | { readonly failure: Failure };

/** An error as it passes between threads, which keeps no fields of ours. */
interface Failure {
  readonly message: string;
  readonly stack: string | undefined;
  /** Undefined for what is no error of ours: a bug. */
  readonly known:
    | {
        readonly code: string;
        readonly exit: ExitCode;
        readonly temporary: boolean;
        readonly hint: string | undefined;
        readonly detail: string | undefined;
      }
    | undefined;
}

/** Packs an error for the other thread. */
export function packFailure(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof LayerwrightError)) return { message, stack, known: undefined };
  const { code, exit, temporary, hint, detail } = error;
  return { message, stack, known: { code, exit, temporary, hint, detail } };
}

/** The error that the other thread had. */
export function unpackFailure({ message, stack, known }: Failure): Error {
  const error =
    known === undefined
      ? new Error(message)
      : new LayerwrightError(message, {
          ...{ code: known.code, exit: known.exit, temporary: known.temporary },
          ...(known.hint === undefined ? {} : { hint: known.hint }),
          ...(known.detail === undefined ? {} : { detail: known.detail }),
        });
  if (stack !== undefined) error.stack = stack;
  return error;
}
