import { LayerwrightError } from '../../errors.ts';
import { CONNECTION_TROUBLE } from '../../host/http.ts';
import { storeMissing, storeRefused, storeUnauthorized, storeUnreachable } from './store.ts';

/** What errors of the AWS SDK have in common, as far as we read it. */
interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
  readonly $response?: { readonly statusCode?: number };
  readonly errors?: readonly { readonly code?: string }[];
}

/** No object of that name. A bucket that is not there is something else. */
export function isNotThere(error: unknown): boolean {
  const { name } = error as SdkError;
  return name === 'NoSuchKey' || name === 'NotFound';
}

/** A range was asked for of an object that has no bytes. */
export function isEmptyRange(error: unknown): boolean {
  return (error as SdkError).name === 'InvalidRange' || statusOf(error as SdkError) === 416;
}

const DENIED: Readonly<Record<string, string>> = {
  AccessDenied: 'Allow s3:GetObject, s3:PutObject and s3:ListBucket for this bucket and prefix.',
  InvalidAccessKeyId: 'The access key is not known: check AWS_ACCESS_KEY_ID, or the role of this machine.',
  SignatureDoesNotMatch: 'The secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY.',
  ExpiredToken: 'The credentials have expired: get new ones.',
  ExpiredTokenException: 'The credentials have expired: get new ones.',
  InvalidToken: 'AWS_SESSION_TOKEN does not belong to these credentials: get new ones.',
  RequestTimeTooSkewed: "This machine's clock is wrong: set it.",
  CredentialsProviderError:
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine a role.',
  TokenProviderError: 'Log in again: aws sso login.',
};

const CONNECTION: Readonly<Record<string, string>> = {
  ...CONNECTION_TROUBLE,
  ERR_STREAM_PREMATURE_CLOSE: 'the answer broke off',
};

/**
 * What an error of the AWS SDK means, as an error of ours. Its own message is not handed on: it may hold a URL with a signature.
 *
 * @param name of the store, for the message
 * @returns anything that is none of the SDK's as it is
 */
export function s3Error(error: unknown, name: string, bucket: string): unknown {
  if (error instanceof LayerwrightError || !(error instanceof Error)) return error;
  const { code = '', errors, message } = error as Error & SdkError;
  const kind = error.name;
  const status = statusOf(error as SdkError);
  const denied = Object.hasOwn(DENIED, kind) ? DENIED[kind] : undefined;
  if (kind === 'CredentialsProviderError')
    return storeUnauthorized(`${name}: no AWS credentials are found`, denied as string, error);
  if (denied !== undefined || status === 401 || status === 403)
    return storeUnauthorized(
      `${name}: the store refuses (${told(kind, status)})`,
      denied ?? (DENIED.AccessDenied as string),
      error,
    );
  if (/^Region is missing/.test(message))
    return storeUnauthorized(`${name}: no AWS region is known`, 'Set AWS_REGION.', error);
  if (kind === 'NoSuchBucket')
    return storeMissing(
      `${name}: there is no bucket ${bucket}`,
      'Make it, or name another one. A bucket of another account or region has to be allowed there.',
      error,
    );
  const connection = CONNECTION[code] ?? CONNECTION[errors?.[0]?.code ?? ''];
  if (connection !== undefined) return storeUnreachable(`${name}: ${connection}`, error);
  if (kind === 'TimeoutError' || kind === 'RequestTimeout')
    return storeUnreachable(`${name}: no answer in time`, error);
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code))
    return storeRefused(
      `${name}: TLS failed (${code})`,
      'If your network has its own certificate authority, point NODE_EXTRA_CA_CERTS at its certificate file.',
      error,
    );
  if (status === 412) return storeUnreachable(`${name}: it was replaced while it was read`, error);
  if (status === undefined)
    return kind === 'AbortError' ? storeUnreachable(`${name}: given up`, error) : error;
  if (status >= 500 || status === 429 || status === 408 || status < 300)
    return storeUnreachable(`${name}: the store failed (${told(kind, status)})`, error);
  return storeRefused(
    `${name}: the store refuses the request (${told(kind, status)})`,
    'Check bucket, prefix, AWS_REGION and AWS_ENDPOINT_URL_S3.',
    error,
  );
}

function statusOf({ $metadata, $response }: SdkError): number | undefined {
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}

/** `AccessDenied, HTTP 403`; the name only if it is one. */
function told(kind: string, status: number | undefined): string {
  const words = [
    /^[A-Za-z]{3,60}$/.test(kind) && kind !== 'Error' && kind !== 'UnknownError' ? kind : '',
    status === undefined ? '' : `HTTP ${status}`,
  ];
  return words.filter(Boolean).join(', ');
}
