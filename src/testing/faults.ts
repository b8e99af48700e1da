/** Something that goes wrong with certain requests. */
export interface Fault {
  readonly when: FaultWhen;
  readonly effect: FaultEffect;
}

/** Which requests a fault is for. */
export interface FaultWhen {
  /** Any if not given. */
  readonly method?: string;
  /** Of the path with its query, e.g. `/v2/app/blobs/uploads/?mount=...`; any if not given. */
  readonly path?: RegExp;
  /** The first of the requests that fit and are meant, counted from 1; the first if not given. */
  readonly nth?: number;
  /** How many of them are meant; all that follow if not given. */
  readonly times?: number;
}

/** What goes wrong. */
export type FaultEffect =
  /** An answer instead of the registry's own, which does not see the request. */
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The connection is reset before anything is answered. */
  | { readonly reset: true }
  /** The connection is reset after so many bytes of the request's body. */
  | { readonly resetAfter: number }
  /** The connection is closed after so many bytes of the answer's body. */
  | { readonly truncateAfter: number }
  /** The answer stands still after so many bytes of its body, and the connection stays open. */
  | { readonly stallAfter: number }
  /** One bit in the middle of the answer's body is another. */
  | { readonly corrupt: true }
  /** Milliseconds before the answer. */
  | { readonly delayMs: number };

/** All effects that a request gets, as one record. */
export interface Effects {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly reset?: true;
  readonly resetAfter?: number;
  readonly truncateAfter?: number;
  readonly stallAfter?: number;
  readonly corrupt?: true;
  readonly delayMs?: number;
}

/** Counts requests, and tells for each what goes wrong with it. */
export function faultCounter(faults: readonly Fault[]): (method: string, path: string) => Effects {
  const counts = new Map<Fault, number>();
  return (method, path) => {
    const effects = faults.flatMap((fault) => {
      const { nth = 1, times = Number.POSITIVE_INFINITY } = fault.when;
      if (!fits(fault.when, method, path)) return [];
      const count = (counts.get(fault) ?? 0) + 1;
      counts.set(fault, count);
      return count >= nth && count < nth + times ? [fault.effect] : [];
    });
    return Object.assign({}, ...effects) as Effects;
  };
}

function fits(when: FaultWhen, method: string, path: string): boolean {
  // A global or sticky expression would go on where it found something before.
  const isThere = when.path === undefined || path.search(when.path) !== -1;
  return isThere && (when.method === undefined || when.method === method);
}
