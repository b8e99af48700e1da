/** Time, handed in so that tests can stop it. */
export interface Clock {
  /** Wall clock, for dates that people and registries see. */
  readonly now: () => Date;
  /** Monotonic milliseconds, for durations. */
  readonly monotonicMs: () => number;
}

export const systemClock: Clock = { now: () => new Date(), monotonicMs: () => performance.now() };
