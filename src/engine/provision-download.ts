import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pRetry from 'p-retry';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import { sha256OfFile } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { parseSums, type ReleaseAsset, type Sums, sumOf } from './releases.ts';

const DEFAULT_BASE = 'https://github.com';
const RETRIES = 3;

/**
 * The checksum a release file must have: from the packaged table, else from a list that the operator
 * vouches for: `LAYERWRIGHT_DOWNLOAD_SHA256SUMS` (path or URL), else `SHA256SUMS` at the root of an explicit
 * `LAYERWRIGHT_DOWNLOAD_BASE`.
 *
 * @returns undefined if nobody vouches for the file: it must not be used then
 * @throws LayerwrightError `DOWNLOAD_SUMS_INVALID` (2), `DOWNLOAD_FAILED` (75)
 */
export async function expectedSum(
  host: Host,
  asset: ReleaseAsset,
  packaged: Sums,
): Promise<string | undefined> {
  const ours = sumOf(packaged, asset);
  if (ours !== undefined) return ours;
  const named = host.env.LAYERWRIGHT_DOWNLOAD_SHA256SUMS;
  if (named) {
    const url = /^[a-z]+:\/\//i.test(named) ? new URL(named) : pathToFileURL(resolve(host.cwd, named));
    const text = await readText(host, url);
    if (text === undefined)
      throw usageError(
        'DOWNLOAD_SUMS_INVALID',
        `LAYERWRIGHT_DOWNLOAD_SHA256SUMS names ${named}, which is not there`,
        'Give the path or the URL of a file as sha256sum writes it.',
      );
    return sumOf(parsedSums(text, named), asset);
  }
  if (!host.env.LAYERWRIGHT_DOWNLOAD_BASE) return undefined;
  const url = belowBase(host, 'SHA256SUMS');
  const text = await readText(host, url);
  return text === undefined ? undefined : sumOf(parsedSums(text, redacted(url)), asset);
}

/**
 * Downloads a release file and checks it.
 *
 * @param target path of the file to write; it is left behind only if the checksum is right
 * @throws LayerwrightError `CHECKSUM_MISMATCH` (2), `RELEASE_NOT_THERE` (2), `DOWNLOAD_FAILED` (75)
 */
export async function downloadRelease(
  host: Host,
  asset: ReleaseAsset,
  sum: string,
  target: string,
): Promise<void> {
  const url = belowBase(host, asset.path);
  const found = await fetched(host, url, async (source) => {
    if (source instanceof Response) await writeFile(target, source.body ?? '', { signal: host.signal });
    else await copyFile(source, target);
    return true;
  });
  if (found === undefined)
    throw usageError(
      'RELEASE_NOT_THERE',
      `${redacted(url)} is not there`,
      'LAYERWRIGHT_DOWNLOAD_BASE must have the same paths as https://github.com.',
    );
  const actual = await sha256OfFile(target);
  if (actual === sum) return;
  throw usageError(
    'CHECKSUM_MISMATCH',
    `${redacted(url)} has the SHA-256 ${actual}, expected ${sum}; it was thrown away`,
    'The file was changed on the way or on the mirror, or the list of checksums is for another one. Do not use it before you know which.',
  );
}

function parsedSums(text: string, name: string): Sums {
  const sums = parseSums(text);
  if (sums) return sums;
  throw usageError(
    'DOWNLOAD_SUMS_INVALID',
    `${name} is not a list of SHA-256 checksums, or has two for one name`,
    'Each line is 64 hex digits, two spaces and a name, as sha256sum writes it.',
  );
}

/** The URL of a path below the download base. */
function belowBase(host: Host, path: string): URL {
  const base = host.env.LAYERWRIGHT_DOWNLOAD_BASE || DEFAULT_BASE;
  if (!/^(https?|file):\/\//i.test(base) || !URL.canParse(base))
    throw usageError(
      'DOWNLOAD_BASE_INVALID',
      `LAYERWRIGHT_DOWNLOAD_BASE is ${JSON.stringify(base)}`,
      'It must be an http://, https:// or file:// URL of a mirror with the paths of https://github.com.',
    );
  return new URL(path, base.endsWith('/') ? base : `${base}/`);
}

async function readText(host: Host, url: URL): Promise<string | undefined> {
  return await fetched(host, url, (source) =>
    source instanceof Response ? source.text() : readFile(source, 'utf8'),
  );
}

/**
 * Hands a response (or the path behind a `file:` URL) to `use`, again with backoff after connection errors,
 * 429 and 5xx. Resolves to undefined if nothing is there (404).
 */
async function fetched<T>(
  host: Host,
  url: URL,
  use: (source: Response | string) => Promise<T>,
): Promise<T | undefined> {
  if (url.protocol === 'file:') {
    try {
      return await use(fileURLToPath(url));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
  return await pRetry(() => fetchOnce(host, url, use), {
    retries: RETRIES,
    minTimeout: 500,
    signal: host.signal,
    shouldRetry: ({ error }) => error instanceof LayerwrightError && error.temporary,
  });
}

async function fetchOnce<T>(
  host: Host,
  url: URL,
  use: (source: Response) => Promise<T>,
): Promise<T | undefined> {
  try {
    const response = await host.fetch(withoutLogin(url), {
      signal: host.signal,
      headers: loginHeader(url),
      redirect: 'follow',
    });
    if (response.ok) return await use(response);
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw downloadFailed(url, `HTTP ${response.status}`, response.status === 429 || response.status >= 500);
  } catch (error) {
    host.signal.throwIfAborted();
    // Node's fetch throws a TypeError for whatever the network does, also in the middle of a body.
    if (error instanceof TypeError) throw downloadFailed(url, causeOf(error), true, error);
    throw error;
  }
}

function downloadFailed(url: URL, why: string, temporary: boolean, cause?: unknown): LayerwrightError {
  return new LayerwrightError(`cannot download ${redacted(url)}: ${why}`, {
    code: 'DOWNLOAD_FAILED',
    exit: temporary ? EXIT.temporary : EXIT.usage,
    hint: 'Networks without GitHub: set LAYERWRIGHT_DOWNLOAD_BASE to a mirror, or install the tools on PATH.',
    cause,
  });
}

function causeOf(error: TypeError): string {
  const cause = error.cause as (Error & { code?: string }) | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}

/** fetch refuses URLs with a login in them; mirrors behind one are common. */
function withoutLogin(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}

function loginHeader(url: URL): Record<string, string> {
  if (url.username === '') return {};
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function redacted(url: URL): string {
  const plain = withoutLogin(url);
  plain.search = '';
  return plain.href;
}
