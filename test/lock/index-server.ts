import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { crc32 } from 'node:zlib';
import { httpServer, type TestServer } from '../support/http-server.ts';

/** One file of a project on a test index. */
export interface Release {
  readonly version: string;
  readonly requires?: readonly string[];
  readonly python?: string;
  readonly yanked?: boolean;
  readonly extras?: readonly string[];
  /** Tags of the wheel, `py3-none-any` if not given; `sdist` for a source distribution in its place. */
  readonly tags?: string;
}

export type Projects = Readonly<Record<string, readonly Release[]>>;

/** A simple index (JSON and HTML) with tiny wheels, on loopback. */
export interface TestIndex extends AsyncDisposable {
  readonly url: string;
  readonly requests: string[];
  /** What a wheel holds, by file name. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Changes what is served; answers true if it took the request. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
}

export interface IndexWishes {
  /** HTML only, as old servers do. */
  readonly html?: boolean;
  /** Whether METADATA is served beside wheels. */
  readonly metadata?: boolean;
  /** `user:password` that every request must carry. */
  readonly login?: string;
}

/** Starts an index with these projects. */
export async function testIndex(projects: Projects, wishes: IndexWishes = {}): Promise<TestIndex> {
  const files = new Map<string, Buffer>();
  const releases = new Map<string, Release>();
  for (const [name, list] of Object.entries(projects))
    for (const release of list) {
      const filename = fileName(name, release);
      releases.set(filename, release);
      files.set(filename, release.tags === 'sdist' ? Buffer.from('no archive') : wheelOf(name, release));
    }
  const state: { intercept: TestIndex['intercept'] } = { intercept: undefined };
  const server: TestServer = await httpServer((request, response) => {
    if (state.intercept?.(request, response)) return;
    const login = wishes.login && `Basic ${Buffer.from(wishes.login).toString('base64')}`;
    if (login && request.headers.authorization !== login) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="index"' }).end();
      return;
    }
    const [, kind, rest = ''] = /^\/(simple|files)\/([^?#]*)/.exec(request.url ?? '') ?? [];
    if (kind === 'files') sendFile(request, response, files, decodeURIComponent(rest), wishes);
    else if (kind === 'simple')
      sendProject(response, projects, rest.replace(/\/$/, ''), releases, files, wishes);
    else response.writeHead(404).end();
  });
  return {
    url: `http://${server.address}/simple`,
    requests: server.requests,
    files,
    get intercept() {
      return state.intercept;
    },
    set intercept(value) {
      state.intercept = value;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function fileName(name: string, { version, tags = 'py3-none-any' }: Release): string {
  const stem = `${name.replaceAll('-', '_')}-${version}`;
  return tags === 'sdist' ? `${stem}.tar.gz` : `${stem}-${tags}.whl`;
}

function sendProject(
  response: ServerResponse,
  projects: Projects,
  name: string,
  releases: ReadonlyMap<string, Release>,
  files: ReadonlyMap<string, Buffer>,
  { html }: IndexWishes,
): void {
  const list = projects[name];
  if (list === undefined) {
    response.writeHead(404).end();
    return;
  }
  const names = list.map((release) => fileName(name, release));
  if (html) {
    const links = names.map((filename) => {
      const { python, yanked } = releases.get(filename) as Release;
      const attributes = `${python ? ` data-requires-python="${python.replaceAll('>', '&gt;').replaceAll('<', '&lt;')}"` : ''}${yanked ? ' data-yanked=""' : ''}`;
      return `<a href="../../files/${encodeURIComponent(filename)}#sha256=${sha256(files.get(filename) as Buffer)}"${attributes}>${filename}</a><br/>`;
    });
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!DOCTYPE html><html><body>${links.join('\n')}</body></html>`);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/vnd.pypi.simple.v1+json' });
  response.end(
    JSON.stringify({
      meta: { 'api-version': '1.1' },
      name,
      versions: [],
      files: names.map((filename) => {
        const { python, yanked } = releases.get(filename) as Release;
        const bytes = files.get(filename) as Buffer;
        return {
          filename,
          url: `../../files/${encodeURIComponent(filename)}`,
          hashes: { sha256: sha256(bytes) },
          size: bytes.length,
          ...(python ? { 'requires-python': python } : {}),
          ...(yanked ? { yanked: 'a mistake' } : {}),
        };
      }),
    }),
  );
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, Buffer>,
  filename: string,
  wishes: IndexWishes,
): void {
  const wheel = files.get(filename.replace(/\.metadata$/, ''));
  if (wheel === undefined || (filename.endsWith('.metadata') && !wishes.metadata)) {
    response.writeHead(404).end();
    return;
  }
  if (filename.endsWith('.metadata')) {
    response.end(storedMetadata(wheel));
    return;
  }
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from === '' && to === '') {
    response.writeHead(200, { 'content-length': wheel.length }).end(wheel);
    return;
  }
  const start = from === '' ? Math.max(0, wheel.length - Number(to)) : Number(from);
  const end = from === '' || to === '' ? wheel.length - 1 : Math.min(Number(to), wheel.length - 1);
  response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${wheel.length}` });
  response.end(wheel.subarray(start, end + 1));
}

function storedMetadata(wheel: Buffer): string {
  const text = wheel.toString('latin1');
  const start = text.indexOf('Metadata-Version');
  return text.slice(start, text.indexOf('\n\n', start) + 2);
}

function wheelOf(name: string, release: Release): Buffer {
  const { version, requires = [], python, extras = [], tags = 'py3-none-any' } = release;
  const module = name.replaceAll('-', '_');
  const info = `${module}-${version}.dist-info`;
  const metadata = [
    'Metadata-Version: 2.1',
    `Name: ${name}`,
    `Version: ${version}`,
    ...(python ? [`Requires-Python: ${python}`] : []),
    ...extras.map((extra) => `Provides-Extra: ${extra}`),
    ...requires.map((one) => `Requires-Dist: ${one}`),
  ];
  const [interpreters, abi, platforms] = tags.split('-');
  const wheel = [
    'Wheel-Version: 1.0',
    'Generator: test',
    'Root-Is-Purelib: true',
    ...(platforms ?? '').split('.').map((platform) => `Tag: ${interpreters}-${abi}-${platform}`),
  ];
  return storedZip({
    [`${module}.py`]: `version = ${JSON.stringify(version)}\n`,
    [`${info}/METADATA`]: `${metadata.join('\n')}\n\n`,
    [`${info}/WHEEL`]: `${wheel.join('\n')}\n`,
    [`${info}/RECORD`]: '',
  });
}

function storedZip(members: Readonly<Record<string, string>>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(members)) {
    const data = Buffer.from(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x5021, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    bodies.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), data);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, place, Buffer.from(name));
    offset += 30 + name.length + data.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  const count = Object.keys(members).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(listed.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...bodies, listed, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
