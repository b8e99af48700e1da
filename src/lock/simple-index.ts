import { EXIT, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { PackageIndex } from './index-url.ts';
import { withoutCredentials } from './index-url.ts';
import { requestBytes } from './request.ts';

/** A file that an index offers for a project. */
export interface IndexFile {
  readonly filename: string;
  /** Without credentials. */
  readonly url: string;
  /** 64 hex digits, where the index says it. */
  readonly sha256: string | undefined;
  readonly size: number | undefined;
  readonly requiresPython: string | undefined;
  readonly yanked: boolean;
}

/**
 * The files of a project by the simple repository API (https://packaging.python.org/en/latest/specifications/simple-repository-api/),
 * JSON or HTML; undefined if the index does not know it.
 *
 * @throws LayerwrightError `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2), `INDEX_INVALID` (75)
 */
export async function projectFiles(
  host: Host,
  index: PackageIndex,
  name: string,
): Promise<readonly IndexFile[] | undefined> {
  const { url, authorization } = index;
  const credentials = authorization === undefined ? [] : [{ origin: new URL(url).origin, authorization }];
  const answer = await requestBytes(host, {
    url: `${url}/${name}/`,
    headers: {
      accept:
        'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1',
    },
    credentials,
  });
  // Some servers refuse what they do not have; pip goes on to the next index then.
  if (answer.status === 404 || answer.status === 403) return undefined;
  const files = answer.status === 200 ? readFiles(answer) : undefined;
  if (files) return files;
  throw new LayerwrightError(`package index ${new URL(url).host} gives no list of files for ${name}`, {
    code: 'INDEX_INVALID',
    exit: EXIT.temporary,
    hint: `Is ${url} the address of a simple index? It answers HTTP ${answer.status}.`,
  });
}

function readFiles(answer: {
  headers: Headers;
  url: string;
  bytes: Buffer;
}): readonly IndexFile[] | undefined {
  const type = answer.headers.get('content-type') ?? '';
  const text = answer.bytes.toString('utf8');
  if (/\+json\b|\/json\b/.test(type)) return fromJson(text, answer.url);
  return /html/.test(type) ? fromHtml(text, answer.url) : undefined;
}

interface JsonFile {
  readonly filename?: unknown;
  readonly url?: unknown;
  readonly hashes?: { readonly sha256?: unknown };
  readonly size?: unknown;
  readonly 'requires-python'?: unknown;
  readonly yanked?: unknown;
}

function fromJson(text: string, base: string): readonly IndexFile[] | undefined {
  let files: readonly JsonFile[] | undefined;
  try {
    files = (JSON.parse(text) as { files?: readonly JsonFile[] }).files;
  } catch {
    return undefined;
  }
  return files?.flatMap((file) => {
    if (typeof file.filename !== 'string' || typeof file.url !== 'string') return [];
    return [
      {
        filename: file.filename,
        url: withoutCredentials(new URL(file.url, base)).href,
        sha256: typeof file.hashes?.sha256 === 'string' ? file.hashes.sha256 : undefined,
        size: typeof file.size === 'number' ? file.size : undefined,
        requiresPython: typeof file['requires-python'] === 'string' ? file['requires-python'] : undefined,
        // An empty reason is one too.
        yanked: file.yanked !== undefined && file.yanked !== false,
      },
    ];
  });
}

function fromHtml(text: string, page: string): readonly IndexFile[] {
  const base = /<base\s[^>]*href\s*=\s*["']([^"']+)["']/i.exec(text)?.[1];
  const from = base === undefined ? page : new URL(unescapeHtml(base), page).href;
  return [...text.matchAll(/<a\s([^>]*)>/gi)].flatMap(([, attributes = '']) => {
    const href = attribute(attributes, 'href');
    if (href === undefined || !URL.canParse(href, from)) return [];
    const url = new URL(href, from);
    return [
      {
        filename: decodeURIComponent(url.pathname.split('/').at(-1) as string),
        url: withoutCredentials(url).href,
        sha256: /(?:^#|[#&])sha256=([0-9a-f]{64})/i.exec(url.hash)?.[1]?.toLowerCase(),
        size: undefined,
        requiresPython: attribute(attributes, 'data-requires-python'),
        yanked: /\sdata-yanked\b/i.test(` ${attributes}`),
      },
    ];
  });
}

/** An attribute's value; its `>` is escaped or the pattern of the tag would have ended there. */
function attribute(attributes: string, name: string): string | undefined {
  const [, double, single] =
    new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(attributes) ?? [];
  const value = double ?? single;
  return value === undefined ? undefined : unescapeHtml(value);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescapeHtml(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/gi, (written, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return ENTITIES[String(name).toLowerCase()] ?? written;
  });
}
