import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type PackageIndex, packageIndex } from '../support/package-index.ts';

/** The module of that wheel. */
export const GREETINGS = `__version__ = "2.1.0"\n\n\ndef greet(name: str) -> str:\n    return f"Hello {name}"\n`;

/** An index as Artifactory is one: it answers to a login only, which may be exchanged. */
export interface PrivateIndex extends PackageIndex {
  readonly host: string;
  login: { user: string; password: string };
  isDown: boolean;
}

/** Starts it with one wheel, a login of that user and a password that is to be found nowhere. */
export async function privateIndex(user: string): Promise<PrivateIndex> {
  const index = await packageIndex();
  index.add({ name: 'company-greetings', version: '2.1.0' }, [
    { name: 'company_greetings.py', content: GREETINGS },
  ]);
  const own = Object.assign(index, {
    host: new URL(index.url).host,
    login: { user, password: `canary${randomUUID()}` },
    isDown: false,
  });
  own.intercept = (request, response) => {
    if (own.isDown) response.writeHead(503).end();
    else if (!isLoggedIn(request, own.login))
      response.writeHead(401, { 'www-authenticate': 'Basic realm="packages"' }).end();
    else return false;
    return true;
  };
  return own;
}

function isLoggedIn({ headers }: IncomingMessage, { user, password }: PrivateIndex['login']): boolean {
  return headers.authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The address with the login. */
export function loggedIn({ url, login }: PrivateIndex): string {
  return url.replace('://', `://${login.user}:${login.password}@`);
}

/** A netrc file with the login. */
export function netrcOf({ login }: PrivateIndex): string {
  return `machine 127.0.0.1 login ${login.user} password ${login.password}\n`;
}
