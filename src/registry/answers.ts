import { EXIT, type ExitCode, LayerwrightError } from '../errors.ts';
import { retryAfterMs } from '../host/http.ts';
import { HUB_LIMIT_HINT, loginHint, repositoryHint } from './hints.ts';

/** What a registry's error answer means for the user; reads the answer's body. */
export async function registryError(
  response: Response,
  domain: string,
  repository: string,
  now: Date,
): Promise<LayerwrightError> {
  const { status } = response;
  const body = (await response.text().catch(() => '')).slice(0, 2000);
  const why = errorMessages(body);
  const place = `${domain}/${repository}`;
  const make = (code: string, exit: ExitCode, message: string, hint?: string) =>
    new LayerwrightError(`${message}${why ? `: ${why}` : ''}`, {
      code,
      exit,
      ...(hint === undefined ? {} : { hint }),
      cause: { status, retryAfterMs: retryAfterMs(response.headers, now) },
    });
  if (status === 401 || status === 403)
    return make(
      'REGISTRY_DENIED',
      EXIT.usage,
      `${place}: the registry refuses (HTTP ${status})`,
      loginHint(domain),
    );
  if (status === 404)
    return make(
      'REPOSITORY_UNKNOWN',
      EXIT.usage,
      `${place}: the registry has no such repository`,
      repositoryHint(domain, repository),
    );
  if (status === 429 && domain === 'docker.io')
    return make(
      'REGISTRY_RATE_LIMIT',
      EXIT.temporary,
      `${place}: the limit on pulls is reached`,
      HUB_LIMIT_HINT,
    );
  if (status === 408 || status === 429 || status >= 500)
    return make(
      'REGISTRY_TEMPORARY',
      EXIT.temporary,
      `${place}: the registry answers HTTP ${status}`,
      status === 429
        ? 'It limits how often it may be asked: try again later, or log in for a higher limit.'
        : undefined,
    );
  return make('REGISTRY_ANSWER', EXIT.failed, `${place}: the registry answers HTTP ${status}`);
}

function errorMessages(body: string): string {
  return errorsIn(body)
    .map((error) => error.message ?? error.code ?? '')
    .join('; ');
}

/** One of the errors that a registry's answer lists, after the specification. */
export interface AnsweredError {
  readonly code?: string;
  readonly message?: string;
  readonly detail?: unknown;
}

/** The errors that the body of an answer lists; none if it is not the JSON of the specification. */
export function errorsIn(body: string): readonly AnsweredError[] {
  try {
    const { errors } = JSON.parse(body) as { readonly errors?: unknown };
    return Array.isArray(errors) ? errors.filter((one) => typeof one === 'object' && one !== null) : [];
  } catch {
    // A proxy's HTML page, say: the status alone must do.
    return [];
  }
}

/** The HTTP status that led to an error; undefined if it was something else. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof LayerwrightError
    ? (error.cause as { readonly status?: number } | undefined)?.status
    : undefined;
}

/**
 * An answer's JSON. A proxy's log-in page comes with status 200 too.
 *
 * @param otherwise what to say if it is none
 * @throws LayerwrightError `REGISTRY_ANSWER` (1)
 */
export function jsonAnswer(text: string, otherwise: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unexpectedAnswer(otherwise, error);
  }
}

/** An answer that makes no sense here (1). */
export function unexpectedAnswer(message: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(message, {
    code: 'REGISTRY_ANSWER',
    exit: EXIT.failed,
    hint: 'Something before the registry may have answered in its place, e.g. the login page of a proxy.',
    cause,
  });
}
