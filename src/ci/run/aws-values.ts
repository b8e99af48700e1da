import { EXIT, LayerwrightError, usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { withRetries } from '../../host/http.ts';

/** Values by the names of the variables that get them. */
export type Values = Readonly<Record<string, string>>;

/** What variables get from AWS. */
export interface FoundValues {
  readonly outcome: 'found';
  readonly values: Values;
  /** What must not be shown: the values, and the whole secrets that they are parts of. */
  readonly hidden: readonly string[];
}

/** A value that CodeBuild could not get either: the build fails in its first phase. */
export interface ValueMissing {
  readonly outcome: 'missing';
  /** As CodeBuild's log has it. */
  readonly statusCode: string;
  readonly message: string;
}

/**
 * Calls AWS, again if it is only busy.
 *
 * @throws LayerwrightError `AWS_CREDENTIALS_MISSING`, `AWS_REGION_MISSING`, `AWS_DENIED` (2), `AWS_UNREACHABLE`, `UNREACHABLE` (75)
 */
export function callingAws<T>(host: Host, what: string, call: () => Promise<T>): Promise<T> {
  return withRetries(async () => {
    try {
      return await call();
    } catch (error) {
      throw awsError(error, what);
    }
  }, host.signal);
}

/** What a failed call means to a build, in the service's own words, which have no credentials in them. */
function awsError(thrown: unknown, what: string): unknown {
  if (thrown instanceof LayerwrightError) return thrown;
  const {
    name = '',
    message: text = '',
    $metadata: metadata,
  } = thrown as Error & {
    $metadata?: { httpStatusCode?: number };
  };
  const message = text.split('\n')[0];
  const status = metadata?.httpStatusCode ?? 0;
  if (/region is missing/i.test(text))
    return usageError('AWS_REGION_MISSING', `${what}: no AWS region is set`, 'Set AWS_REGION.');
  if (/^(?:CredentialsProviderError|TokenProviderError)$/.test(name))
    return usageError(
      'AWS_CREDENTIALS_MISSING',
      `${what}: no AWS credentials are found (${message})`,
      'Give the job a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    );
  if (status === 429 || status >= 500 || /Throttl|TooManyRequests|LimitExceeded/.test(name))
    return new LayerwrightError(`${what}: AWS gives no answer now (${name}: ${message})`, {
      code: 'AWS_UNREACHABLE',
      exit: EXIT.temporary,
      cause: thrown,
    });
  if (status >= 400)
    return new LayerwrightError(`${what}: AWS refuses it (${name}: ${message})`, {
      code: 'AWS_DENIED',
      exit: EXIT.usage,
      hint: 'The role needs ssm:GetParameters, or secretsmanager:GetSecretValue, and kms:Decrypt for keys of its own.',
      cause: thrown,
    });
  return thrown;
}
