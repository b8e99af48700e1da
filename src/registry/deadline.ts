/** How long things may take, in milliseconds. */
export interface Waits {
  /** Until an answer's headers are there, and all of a short answer. */
  readonly answerMs: number;
  /** Until something of a longer answer's body comes. */
  readonly idleMs: number;
  /** Until something of what we send is taken. */
  readonly sendIdleMs: number;
  /** Until an answer to what was sent is there: a registry checks gigabytes before it puts them away. */
  readonly sentMs: number;
}

export const DEFAULT_WAITS: Waits = {
  answerMs: 30_000,
  idleMs: 30_000,
  sendIdleMs: 60_000,
  sentMs: 300_000,
};

/** A time limit that is put off as long as something moves. */
export interface Deadline {
  /** Aborted with a `TimeoutError` when the time is over. */
  readonly signal: AbortSignal;
  /** Milliseconds from now; after `end` nothing. */
  readonly putOff: (milliseconds: number) => void;
  readonly end: () => void;
}

/** A deadline in so many milliseconds. It keeps no process alive. */
export function deadline(milliseconds: number): Deadline {
  const controller = new AbortController();
  const start = (time: number) => setTimeout(() => controller.abort(timeoutError()), time).unref();
  let timer: NodeJS.Timeout | undefined = start(milliseconds);
  return {
    signal: controller.signal,
    putOff(time) {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = start(time);
    },
    end() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** What `work` gives, if it does within so many milliseconds. Does not end `work`. */
export async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutError()), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function timeoutError(): DOMException {
  return new DOMException('no answer in time', 'TimeoutError');
}
