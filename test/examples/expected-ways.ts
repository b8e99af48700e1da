/** A run of instructions that is produced in one way. Lines count from 1. */
export interface ExpectedSegment {
  readonly kind: 'composed' | 'split' | 'solved';
  /** The stage's name, else `stage N` from 0. */
  readonly stage: string;
  /** First and last line of its instructions in the Dockerfile, without `FROM`. */
  readonly fromLine: number;
  readonly toLine: number;
}

/**
 * How each example is built: composed where nothing has to be executed, solved by BuildKit from the first `RUN` that is no
 * dependency step to the last one in a row. In the order in which the stages are needed.
 */
export const EXPECTED_WAYS: Readonly<Record<string, readonly ExpectedSegment[]>> = {
  recipe: [
    // apt-get is executed.
    { kind: 'solved', stage: 'base', fromLine: 5, toLine: 13 },
    { kind: 'composed', stage: 'dependencies', fromLine: 17, toLine: 20 },
    // What is copied of the dependencies are layers that are spliced in.
    { kind: 'composed', stage: 'final', fromLine: 24, toLine: 32 },
  ],
  // The install reads requirements.txt alone: its layers may stand below those of COPY . .
  naive: [{ kind: 'composed', stage: 'stage 0', fromLine: 6, toLine: 12 }],
  venv: [
    // The skeleton of a virtual environment is made by the image's own Python, once a base.
    { kind: 'solved', stage: 'builder', fromLine: 5, toLine: 5 },
    { kind: 'composed', stage: 'builder', fromLine: 7, toLine: 11 },
    { kind: 'composed', stage: 'stage 1', fromLine: 15, toLine: 26 },
  ],
  hashes: [{ kind: 'composed', stage: 'stage 0', fromLine: 3, toLine: 12 }],
  several: [{ kind: 'composed', stage: 'stage 0', fromLine: 5, toLine: 22 }],
  nonroot: [
    // A user is made.
    { kind: 'solved', stage: 'stage 0', fromLine: 5, toLine: 7 },
    { kind: 'composed', stage: 'stage 0', fromLine: 9, toLine: 13 },
    // compileall and collectstatic are executed, on top of what was copied.
    { kind: 'solved', stage: 'stage 0', fromLine: 15, toLine: 21 },
    { kind: 'composed', stage: 'stage 0', fromLine: 23, toLine: 25 },
  ],
};
