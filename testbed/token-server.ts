/**
 * A token server as registries have them (distribution's token specification), as a process of its own:
 * `node token-server.ts CONFIG PORT`. Who has the password may do what they ask for, anybody else may pull.
 */
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';

/** What the server is told, in a file. */
export interface TokenServerConfig {
  readonly issuer: string;
  readonly service: string;
  readonly user: string;
  readonly password: string;
  /** An EC key on P-256, PEM. */
  readonly key: string;
  readonly keyId: string;
}

/** How long a token is good, in seconds. */
const GOOD_FOR = 300;

const [configFile = '', port = ''] = process.argv.slice(2);
const config = JSON.parse(readFileSync(configFile, 'utf8')) as TokenServerConfig;
const key = createPrivateKey(config.key);

createServer(async (request, response) => {
  const answer = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const asked = await parametersOf(request);
  const login = loginOf(request, asked);
  if (login !== undefined && login !== `${config.user}:${config.password}`)
    return answer(401, { errors: [{ code: 'UNAUTHORIZED', message: 'the password is wrong' }] });
  const token = issue(asked.getAll('scope').join(' '), login === undefined ? ['pull'] : undefined);
  answer(200, { token, access_token: token, expires_in: GOOD_FOR, issued_at: new Date().toISOString() });
}).listen(Number(port), '127.0.0.1');

/** GET has them in the URL, OAuth2's POST in a form. */
async function parametersOf(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method !== 'POST') return new URL(request.url ?? '', 'http://localhost').searchParams;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

/** `USER:PASSWORD`, or undefined for somebody who says no name. */
function loginOf(request: IncomingMessage, asked: URLSearchParams): string | undefined {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (basic !== undefined) return Buffer.from(basic, 'base64').toString('utf8');
  return asked.get('grant_type') === 'password'
    ? `${asked.get('username')}:${asked.get('password')}`
    : undefined;
}

/** A token for what a scope asks for (`repository:NAME:pull,push`, several with spaces), as far as it is allowed. */
function issue(scope: string, allowed: readonly string[] | undefined): string {
  const access = scope
    .split(' ')
    .map((one) => /^([^:]+):(.+):([^:]*)$/.exec(one))
    .filter((one) => one !== null)
    .map(([, type, name, actions = '']) => ({
      type,
      name,
      actions: actions.split(',').filter((action) => allowed?.includes(action) ?? true),
    }));
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: config.issuer,
    sub: allowed === undefined ? config.user : '',
    aud: config.service,
    iat: now,
    nbf: now - 10,
    exp: now + GOOD_FOR,
    jti: randomUUID(),
    access,
  };
  const content = [{ typ: 'JWT', alg: 'ES256', kid: config.keyId }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}
