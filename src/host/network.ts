import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { ProxyAgent } from 'undici';
import { usageError } from '../errors.ts';
import type { Host } from './host.ts';
import { connectionTrouble, temporaryConnectionError } from './http.ts';
import { hasProxy, proxyFor } from './proxy.ts';

/** How registries and other servers are reached. */
export interface NetworkSettings {
  /** PEM files with certificate authorities to trust beside Node's own; absolute once a host has them. */
  readonly ca: readonly string[];
  /** Registry hosts (as in image references) that are spoken to in plain HTTP, beside this machine's loopback. */
  readonly plainHttp: readonly string[];
  /** By registry host: mirrors (`HOST` or `HOST/PATH`) that are asked first for what is pulled, in this order. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
}

export const emptyNetwork: NetworkSettings = { ca: [], plainHttp: [], mirrors: {} };

/**
 * The same host with these network settings. Its `fetch` trusts Node's roots, NODE_EXTRA_CA_CERTS and the settings' `ca`,
 * and goes through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name (see {@link proxyFor}). Without a proxy and
 * without a `ca` it is Node's own `fetch`, and nothing is loaded.
 *
 * @throws LayerwrightError `CA_INVALID` (2); its `fetch` also `PROXY_INVALID`, `PROXY_REFUSED` (2), `UNREACHABLE` (75)
 */
export async function withNetwork(host: Host, settings: NetworkSettings): Promise<Host> {
  const network = { ...settings, ca: settings.ca.map((file) => resolve(host.cwd, file)) };
  const certificates = await readAuthorities(network.ca);
  if (!hasProxy(host.env) && certificates.length === 0) return { ...host, network };
  return { ...host, network, fetch: await ownFetch(host.env, certificates) };
}

/**
 * The roots that this Node trusts (Mozilla's, and those of NODE_EXTRA_CA_CERTS), those of the settings and of SSL_CERT_FILE,
 * one PEM certificate after the other: for programs that read one such file in place of all others.
 *
 * @throws LayerwrightError `CA_INVALID` (2)
 */
export async function authorityBundle({ network, env }: Pick<Host, 'network' | 'env'>): Promise<string> {
  const own = await readAuthorities(network.ca);
  // The bundle takes its place. One that is not there or empty is what Go's programs pass over too.
  const replaced = env.SSL_CERT_FILE ? await readAuthorities([env.SSL_CERT_FILE]).catch(() => []) : [];
  return trusted([...replaced, ...own])
    .map((certificate) => `${certificate}\n`)
    .join('');
}

/** Each once: the same authority is in several places, and not broken into the same lines everywhere. */
function trusted(more: readonly string[]): string[] {
  const normalised = getCACertificates('default').map((one) => new X509Certificate(one).toString());
  return [...new Set([...normalised, ...more].map((one) => one.trim()))];
}

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The certificates in these files, in PEM. */
async function readAuthorities(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map(readAuthority));
  return texts.flat();
}

async function readAuthority(file: string): Promise<string[]> {
  const refuse = (why: string) =>
    usageError(
      'CA_INVALID',
      `${file} cannot be used as certificate authority: ${why}`,
      'Give a file with certificates in PEM form (-----BEGIN CERTIFICATE-----). From DER: openssl x509 -inform der -in FILE -out ca.pem',
    );
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw refuse(UNREADABLE[(error as NodeJS.ErrnoException).code ?? ''] ?? 'it cannot be read');
  }
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw refuse('it holds no PEM certificate');
  try {
    // Normalised, so that the same certificate from two files is the same text.
    return found.map((one) => new X509Certificate(one).toString());
  } catch {
    throw refuse('a certificate in it is broken');
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'no permission to read it',
};

/** A `fetch` by undici, which unlike Node's own takes proxies and certificate authorities. */
async function ownFetch(env: NodeJS.ProcessEnv, certificates: readonly string[]): Promise<typeof fetch> {
  const { Agent, fetch: undiciFetch, ProxyAgent } = await import('./undici.ts');
  const tls = certificates.length === 0 ? {} : { ca: trusted(certificates) };
  const direct = new Agent({ connect: tls });
  const agents = new Map<string, ProxyAgent>();
  const agentFor = (target: URL): ProxyAgent | undefined => {
    const proxy = proxyFor(target, env);
    if (proxy === undefined) return undefined;
    const key = `${target.protocol} ${proxy.href}`;
    const agent =
      agents.get(key) ??
      // A proxy forwards plain HTTP itself: many refuse a tunnel for it.
      new ProxyAgent({
        uri: proxy.href,
        proxyTunnel: target.protocol === 'https:',
        requestTls: tls,
        proxyTls: tls,
      });
    agents.set(key, agent);
    return agent;
  };
  // Chosen for each request, not each call: a redirect may lead from a host beside the proxy to one behind it.
  const dispatcher = direct.compose((dispatch) => (options, handler) => {
    const agent = options.origin === undefined ? undefined : agentFor(new URL(String(options.origin)));
    return agent ? agent.dispatch(options, handler) : dispatch(options, handler);
  });
  return async (input, init) => {
    // Asked here too: an error that is thrown inside of the dispatcher would not come out as itself.
    const proxy = proxyFor(new URL(input instanceof Request ? input.url : input), env);
    try {
      const answer = await undiciFetch(input as string | URL, { ...(init as object), dispatcher });
      return answer as unknown as Response;
    } catch (error) {
      throw proxy === undefined ? error : proxyError(error, proxy);
    }
  };
}

const PROXY_HINT =
  'The proxy comes from HTTPS_PROXY or HTTP_PROXY; hosts that are reached without it belong into NO_PROXY, separated by commas.';

/** What failed between us and the proxy, as the proxy's fault and not that of the server behind it. */
function proxyError(error: unknown, proxy: URL): unknown {
  const trouble = connectionTrouble(error);
  if (trouble !== undefined)
    return temporaryConnectionError(`proxy ${proxy.host}: ${trouble}`, error, PROXY_HINT);
  const status = /Proxy response \((\d{3})\)/.exec(messagesOf(error))?.[1];
  if (status === undefined) return error;
  if (Number(status) >= 500)
    return temporaryConnectionError(`proxy ${proxy.host} answers HTTP ${status}`, error, PROXY_HINT);
  return usageError(
    'PROXY_REFUSED',
    `proxy ${proxy.host} refuses (HTTP ${status})`,
    status === '407'
      ? 'It wants a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded.'
      : PROXY_HINT,
  );
}

/** The messages of an error and of all that caused it: undici wraps what a proxy answered more than once. */
function messagesOf(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${messagesOf(error.cause)}` : '';
}
