import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { httpServer } from './http-server.ts';
import { type WheelOptions, wheelParts } from './wheel.ts';
import { type ZipPart, zipOf } from './zip.ts';

/** A file on an index, and what the index says of it. */
export interface IndexFile {
  readonly bytes: Buffer;
  /** Hex; that of the bytes if not given. */
  readonly sha256?: string;
  readonly yanked?: string;
}

/** A package index on loopback (simple API, JSON) whose files a test puts there, exchanges and takes away. */
export interface PackageIndex extends AsyncDisposable {
  /** For `--index-url`. */
  readonly url: string;
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[];
  /** By the name of the file. */
  readonly files: Map<string, IndexFile>;
  /** Puts a wheel of these members under its name; its bytes. */
  readonly add: (wheel: IndexWheel, parts?: readonly ZipPart[], said?: Omit<IndexFile, 'bytes'>) => Buffer;
  /** Answers in place of the index: true if it took the request. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
}

/** What a wheel is called and says of itself. */
export interface IndexWheel extends WheelOptions {
  readonly name: string;
  /** `py3-none-any` if not given. */
  readonly tag?: string;
}

/** Starts an index without anything on it. */
export async function packageIndex(): Promise<PackageIndex> {
  const files = new Map<string, IndexFile>();
  const state: Pick<PackageIndex, 'intercept'> = { intercept: undefined };
  const server = await httpServer((request, response) => {
    if (state.intercept?.(request, response)) return;
    const [, kind, name = ''] = /^\/(simple|files)\/([^/?#]+)/.exec(request.url ?? '') ?? [];
    const file = files.get(decodeURIComponent(name));
    if (kind === 'files' && file !== undefined) sendFile(request, response, file);
    else if (kind === 'simple' && projectsOf(files).has(name)) sendProject(response, files, name);
    else response.writeHead(404).end();
  });
  return {
    url: `http://${server.address}/simple`,
    requests: server.requests,
    files,
    add(wheel, parts = [], said = {}) {
      const { name, version = '1.0', tag = 'py3-none-any' } = wheel;
      const module = name.replaceAll('-', '_');
      const own = parts.length > 0 ? parts : [{ name: `${module}.py`, content: `version = "${version}"\n` }];
      const bytes = zipOf(wheelParts(own, wheel));
      files.set(`${module}-${version}-${tag}.whl`, { bytes, ...said });
      return bytes;
    },
    get intercept() {
      return state.intercept;
    },
    set intercept(value) {
      state.intercept = value;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Lower-case hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function projectOf(filename: string): string {
  return (filename.split('-')[0] ?? '').replaceAll('_', '-').toLowerCase();
}

function projectsOf(files: ReadonlyMap<string, IndexFile>): ReadonlySet<string> {
  return new Set([...files.keys()].map(projectOf));
}

function sendProject(response: ServerResponse, files: ReadonlyMap<string, IndexFile>, name: string): void {
  const own = [...files].filter(([filename]) => projectOf(filename) === name);
  response.writeHead(200, { 'content-type': 'application/vnd.pypi.simple.v1+json' });
  response.end(
    JSON.stringify({
      meta: { 'api-version': '1.1' },
      name,
      versions: [...new Set(own.map(([filename]) => filename.split('-')[1]))],
      files: own.map(([filename, { bytes, yanked, sha256: said = sha256(bytes) }]) => ({
        filename,
        url: `../../files/${encodeURIComponent(filename)}`,
        hashes: { sha256: said },
        size: bytes.length,
        ...(yanked === undefined ? {} : { yanked }),
      })),
    }),
  );
}

function sendFile(request: IncomingMessage, response: ServerResponse, { bytes }: IndexFile): void {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from === '' && to === '') {
    response.writeHead(200, { 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return;
  }
  const start = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from);
  const end = from === '' || to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${bytes.length}` });
  response.end(request.method === 'HEAD' ? undefined : bytes.subarray(start, end + 1));
}
