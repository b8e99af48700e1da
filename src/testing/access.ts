import { randomBytes } from 'node:crypto';
import { type Answer, type Exchange, errorAnswer, jsonAnswer } from './exchange.ts';

/** Who may use a registry. */
export type RegistryAuth =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      /** Tokens from `/token` of the same server, for who logs in there. */
      readonly kind: 'bearer';
      readonly username: string;
      readonly password: string;
      /** Whether everybody gets tokens to pull. */
      readonly anonymousPull?: boolean;
      /** How long a token is good, 300 if not given. */
      readonly tokenSeconds?: number;
    };

/** Something that a request does: `pull`, `push` or `delete` in a repository. */
export interface Access {
  readonly repository: string;
  readonly action: 'pull' | 'push' | 'delete';
}

/** Decides who gets in. */
export interface Gate {
  /** Why a request is refused; undefined if it is not. */
  readonly refusal: (exchange: Exchange, wanted: readonly Access[]) => Answer | undefined;
  /** What the token server answers; undefined if there is none. */
  readonly tokens: ((exchange: Exchange) => Answer) | undefined;
}

const SERVICE = 'test-registry';

/** See {@link Gate}; everybody gets in if nothing is said. */
export function gate(auth: RegistryAuth | undefined): Gate {
  if (auth === undefined) return { refusal: () => undefined, tokens: undefined };
  const isLogin = ({ headers }: Exchange) =>
    headers.authorization === `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  if (auth.kind === 'basic')
    return {
      refusal: (exchange) =>
        isLogin(exchange) ? undefined : refused('Basic realm="test-registry"', 'authentication required'),
      tokens: undefined,
    };

  const granted = new Map<string, { readonly access: ReadonlySet<string>; readonly until: number }>();
  return {
    refusal(exchange, wanted) {
      const shown = granted.get(exchange.headers.authorization?.replace(/^Bearer /, '') ?? '');
      const needed = wanted.map(({ repository, action }) => `${repository}:${action}`);
      const isGood = shown !== undefined && shown.until > performance.now();
      if (isGood && needed.every((one) => shown.access.has(one))) return undefined;
      const error = isGood ? ',error="insufficient_scope"' : '';
      const scope = scopesOf(wanted);
      const realm = `Bearer realm="${exchange.url.origin}/token",service="${SERVICE}"`;
      return refused(`${realm}${scope && `,scope="${scope}"`}${error}`, 'authentication required');
    },
    tokens(exchange) {
      const isKnown = isLogin(exchange);
      if (!isKnown && exchange.headers.authorization !== undefined)
        return refused('Basic realm="tokens"', 'the password is wrong');
      const asked = exchange.url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '));
      const access = asked.flatMap((scope) => {
        const [, repository = '', actions = ''] = /^repository:(.+):([a-z,*]*)$/.exec(scope) ?? [];
        return actions
          .split(',')
          .filter((action) => isKnown || (auth.anonymousPull && action === 'pull'))
          .map((action) => `${repository}:${action}`);
      });
      const token = randomBytes(12).toString('hex');
      const seconds = auth.tokenSeconds ?? 300;
      granted.set(token, { access: new Set(access), until: performance.now() + seconds * 1000 });
      return jsonAnswer(200, { token, expires_in: seconds });
    },
  };
}

/** One scope for each repository, with its actions. */
function scopesOf(wanted: readonly Access[]): string {
  const names = [...new Set(wanted.map(({ repository }) => repository))];
  return names
    .map((name) => {
      const actions = wanted.filter(({ repository }) => repository === name).map(({ action }) => action);
      return `repository:${name}:${actions.join()}`;
    })
    .join(' ');
}

function refused(challenge: string, message: string): Answer {
  const { headers, ...answer } = errorAnswer(401, 'UNAUTHORIZED', message);
  return { ...answer, headers: { ...headers, 'WWW-Authenticate': challenge } };
}
