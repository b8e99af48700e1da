import type { AuthorizationData } from '@aws-sdk/client-ecr';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import { awsRequests } from '../host/aws-requests.ts';
import type { Host } from '../host/host.ts';
import { withRetries } from '../host/http.ts';
import { type EcrHost, parseEcrHost } from './ecr-host.ts';

/** A login as ECR hands it out; good for hours. */
export interface EcrLogin {
  readonly username: string;
  readonly password: string;
}

/** A login is asked for anew this long before it ends, so that it outlives what is begun with it. */
const MARGIN_MS = 5 * 60_000;

/** A login, or the wait for it. Those that come meanwhile share it, also one that is over as soon as it is there. */
interface Asked {
  readonly answer: Promise<{ login: EcrLogin; until: number }>;
  /** Milliseconds since 1970, once it is there. */
  until: number | undefined;
}

/** Logins that this process has, by what decides them; the environment of a host stands for its AWS identity. */
const kept = new WeakMap<NodeJS.ProcessEnv, Map<string, Asked>>();

/**
 * A login to an ECR registry by the AWS SDK's default chain of credentials (environment, profile, container or instance
 * role ...) and `GetAuthorizationToken`. Kept in memory until shortly before it ends.
 *
 * @throws LayerwrightError `AWS_CREDENTIALS_MISSING`, `AWS_DENIED` (2), `AWS_UNREACHABLE`, `UNREACHABLE` (75)
 */
export async function ecrLogin(host: Host, domain: string): Promise<EcrLogin> {
  const ecr = parseEcrHost(domain);
  if (ecr === undefined) throw new Error(`${domain} is no ECR registry`);
  const logins = kept.get(host.env) ?? new Map();
  kept.set(host.env, logins);
  const key = JSON.stringify(ecr);
  const known = logins.get(key);
  if (known !== undefined && (known.until ?? Number.POSITIVE_INFINITY) > host.clock.now().getTime())
    return (await known.answer).login;
  const asked: Asked = { answer: askForLogin(host, domain, ecr), until: undefined };
  logins.set(key, asked);
  try {
    const { login, until } = await asked.answer;
    asked.until = until;
    return login;
  } catch (error) {
    logins.delete(key);
    throw error;
  }
}

async function askForLogin(
  host: Host,
  domain: string,
  ecr: EcrHost,
): Promise<{ login: EcrLogin; until: number }> {
  const data = await withRetries(async () => {
    try {
      return await authorizationData(host, domain, ecr);
    } catch (error) {
      throw awsError(error, domain, ecr);
    }
  }, host.signal);
  const decoded = Buffer.from(data?.authorizationToken ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1)
    throw new LayerwrightError(`ECR's login to ${domain} is not understood`, {
      code: 'REGISTRY_ANSWER',
      exit: EXIT.failed,
      hint: 'Something before AWS may have answered in its place: check AWS_ENDPOINT_URL and the proxy.',
    });
  return {
    login: { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) },
    until: (data?.expiresAt?.getTime() ?? 0) - MARGIN_MS,
  };
}

/** The SDK is loaded here only: an ordinary build does not pay for it. */
async function authorizationData(
  host: Host,
  domain: string,
  ecr: EcrHost,
): Promise<Pick<AuthorizationData, 'authorizationToken' | 'expiresAt'> | undefined> {
  // The SDK refuses both beside an endpoint of one's own (a private link, a stand-in).
  const ownEndpoint = ENDPOINTS.some((name) => host.env[name]);
  const config = {
    region: ecr.region,
    maxAttempts: 1,
    requestHandler: awsRequests(host, `a login to ${domain}`),
    ...(ecr.fips && !ownEndpoint && { useFipsEndpoint: true }),
    ...(ecr.dualStack && !ownEndpoint && { useDualstackEndpoint: true }),
  };
  const { signal } = host;
  const sdk = await import('./ecr-sdk.ts');
  if (ecr.kind === 'public') {
    const client = new sdk.ECRPUBLICClient(config);
    return (await client.send(new sdk.GetPublicAuthorizationTokenCommand({}), { abortSignal: signal }))
      .authorizationData;
  }
  const client = new sdk.ECRClient(config);
  return (await client.send(new sdk.GetAuthorizationTokenCommand({}), { abortSignal: signal }))
    .authorizationData?.[0];
}

const ENDPOINTS = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_ECR', 'AWS_ENDPOINT_URL_ECR_PUBLIC'];

interface AwsError {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function awsError(thrown: unknown, domain: string, ecr: EcrHost): unknown {
  if (thrown instanceof LayerwrightError) return thrown;
  const { name = '', message: text = '', $metadata: metadata } = thrown as AwsError;
  const message = text.split('\n')[0];
  const status = metadata?.httpStatusCode ?? 0;
  if (/^(?:CredentialsProviderError|TokenProviderError)$/.test(name))
    return usageError(
      'AWS_CREDENTIALS_MISSING',
      `${domain}: Docker is not logged in there, and no AWS credentials are found (${message})`,
      'Give the job a role, set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with docker login.',
    );
  if (status === 429 || status >= 500 || /Throttl|TooManyRequests|LimitExceeded/.test(name))
    return new LayerwrightError(`${domain}: AWS gives no login now (${name}: ${message})`, {
      code: 'AWS_UNREACHABLE',
      exit: EXIT.temporary,
      cause: thrown,
    });
  if (status >= 400)
    return usageError(
      'AWS_DENIED',
      `${domain}: AWS refuses a login (${name}: ${message})`,
      ecr.kind === 'public'
        ? 'The role needs ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken.'
        : 'Are the credentials still good, and does their role have ecr:GetAuthorizationToken?',
    );
  return thrown;
}
