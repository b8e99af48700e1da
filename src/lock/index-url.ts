import type { PipOptions } from '../python/recognise/pip-options.ts';

/** pip's own default. */
const DEFAULT_INDEX = 'https://pypi.org/simple';

/** One package index. */
export interface PackageIndex {
  /** Without credentials and without a trailing slash. */
  readonly url: string;
  /** As an `Authorization` header; never to be printed or stored. */
  readonly authorization: string | undefined;
}

/** A login that goes to this origin (`https://host:port`) only. */
export interface IndexCredential {
  readonly origin: string;
  /** As an `Authorization` header; never to be printed or stored. */
  readonly authorization: string;
}

/** The indexes that pip asks, the main one first, each once. */
export function packageIndexes(
  options: Pick<PipOptions, 'indexUrl' | 'extraIndexUrls'>,
): readonly PackageIndex[] {
  const all = [options.indexUrl ?? DEFAULT_INDEX, ...options.extraIndexUrls].map(packageIndex);
  return all.filter((one, index) => all.findIndex(({ url }) => url === one.url) === index);
}

/** The logins that the index URLs carry. */
export function indexCredentials(
  options: Pick<PipOptions, 'indexUrl' | 'extraIndexUrls'>,
): readonly IndexCredential[] {
  return packageIndexes(options).flatMap(({ url, authorization }) =>
    authorization === undefined ? [] : [{ origin: new URL(url).origin, authorization }],
  );
}

/** The login for a URL: that of its own origin, or none. */
export function authorizationFor(url: string, credentials: readonly IndexCredential[]): string | undefined {
  const { origin } = new URL(url);
  return credentials.find((one) => one.origin === origin)?.authorization;
}

function packageIndex(text: string): PackageIndex {
  const url = new URL(text);
  const { username, password } = url;
  const authorization =
    username === '' && password === ''
      ? undefined
      : `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')}`;
  return { url: withoutCredentials(url).href.replace(/\/+$/, ''), authorization };
}

/** The same address without a login and without a fragment. */
export function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  bare.hash = '';
  return bare;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes the logins of the index URLs out of another program's words. */
export function redactCredentials(
  text: string,
  options: Pick<PipOptions, 'indexUrl' | 'extraIndexUrls'>,
): string {
  const secrets = [options.indexUrl ?? [], options.extraIndexUrls].flat().flatMap((index) => {
    const { username, password } = new URL(index);
    // A login without a password is a token in place of the user.
    return [password || username, decode(password || username)];
  });
  return secrets
    .filter((secret) => secret !== '')
    .sort((a, b) => b.length - a.length)
    .reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text)
    .replaceAll(/(https?:\/\/)[^\s/@]+@/g, '$1***@');
}
