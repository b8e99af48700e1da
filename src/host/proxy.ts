import { BlockList, isIP } from 'node:net';
import { usageError } from '../errors.ts';

/**
 * The proxy for a URL after HTTP_PROXY, HTTPS_PROXY and NO_PROXY (lower-case names first), with the rules of Go's
 * programs, so that we, buildx and buildkitd take the same way: this machine's loopback never goes through a proxy, a
 * proxy without scheme is `http://`, and NO_PROXY has names (with their subdomains; with a leading dot only these),
 * addresses, address ranges (`10.0.0.0/8`), each with a port if wanted, or `*`.
 *
 * @returns undefined for a direct connection
 * @throws LayerwrightError `PROXY_INVALID` (2)
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const name = url.protocol === 'http:' ? 'http_proxy' : 'https_proxy';
  const value = variable(env, name);
  if (value === undefined || isLoopback(url.hostname) || isExempt(url, variable(env, 'no_proxy') ?? ''))
    return undefined;
  return parseProxy(value, name.toUpperCase());
}

/** Whether any proxy is named; which one a URL takes is {@link proxyFor}'s to say. */
export function hasProxy(env: NodeJS.ProcessEnv): boolean {
  return ['http_proxy', 'https_proxy'].some((name) => variable(env, name) !== undefined);
}

/** True for hosts, with or without a port, that are this machine: Docker and BuildKit speak plain HTTP to them too. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

function variable(env: NodeJS.ProcessEnv, lower: string): string | undefined {
  return env[lower] || env[lower.toUpperCase()] || undefined;
}

function parseProxy(value: string, name: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.hostname && ['http:', 'https:'].includes(url.protocol)) return url;
  // The value itself may hold a password.
  throw usageError(
    'PROXY_INVALID',
    url === undefined
      ? `${name} is no URL`
      : `${name} names a ${url.protocol.slice(0, -1)} proxy, which is not supported`,
    `Write ${name}=http://HOST:PORT.`,
  );
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => entry === '*' || matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  const [, bracketed, bare = '', wantedPort] = /^(?:\[([^\]]*)\]|(.*?))(?::(\d+))?$/.exec(entry) ?? [];
  // An IPv6 address without brackets has colons of its own, and so no port.
  if (isIP(entry) === 6) return entry === host;
  const name = bracketed ?? bare;
  if (wantedPort !== undefined && wantedPort !== port) return false;
  if (name.includes('/')) return inRange(name, host);
  if (isIP(name) > 0) return name === host;
  return host === name || host.endsWith(name.startsWith('.') ? name : `.${name}`);
}

function inRange(range: string, host: string): boolean {
  const [network = '', bits = ''] = range.split('/');
  const family = isIP(network);
  if (
    family === 0 ||
    isIP(host) !== family ||
    !/^\d{1,3}$/.test(bits) ||
    Number(bits) > (family === 4 ? 32 : 128)
  )
    return false;
  const list = new BlockList();
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, Number(bits), kind);
  return list.check(host, kind);
}
