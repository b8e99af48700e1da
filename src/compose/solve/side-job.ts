import { LayerwrightError } from '../../errors.ts';
import type { ImageState } from '../state.ts';

/** Where the files of a job are mounted. */
export const JOB_DIRECTORY = '/run/layerwright/job';

/** The name under which buildx gets them (`--build-context`). */
export const JOB_CONTEXT = 'layerwright-job';

/** The id of the secret with what the job is told in secret. */
export const JOB_SECRET_ID = 'layerwright-index';

/** Something that BuildKit runs beside the steps of the Dockerfile; the last stage holds nothing but its results. */
export interface SideJob {
  /** For people: `docopt 0.6.2`. */
  readonly title: string;
  readonly dockerfile: string;
  readonly platform: Pick<ImageState['stage']['image'], 'os' | 'architecture' | 'variant'>;
  /** Texts of the files of {@link JOB_CONTEXT}, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Further build contexts by name: directories, absolute. */
  readonly contexts?: Readonly<Record<string, string>>;
  /** Variables that may hold logins, for a secret that is a JSON file; empty if there is nothing to tell. */
  readonly secret: Readonly<Record<string, string>>;
}

/**
 * Has BuildKit solve a job.
 *
 * @returns the directory that the files of its last stage are in, absolute; it stays as long as the run
 * @throws LayerwrightError as `classifyFailure` names it: `RUN_FAILED` if the program failed
 */
export type RunSideJob = (job: SideJob) => Promise<string>;

/** True if it is the program's own failure, or that it has left nothing: another builder would not help. */
export function isJobFailure(error: unknown): error is LayerwrightError {
  return error instanceof LayerwrightError && ['RUN_FAILED', 'CONTEXT_FILE_MISSING'].includes(error.code);
}
