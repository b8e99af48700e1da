/**
 * What builds download from, with a log: `/browsers/...` are Playwright's archives, `/simple/NAME/` pages of a package
 * index whose files lead here too. Arguments: port, directory of the archives, file of the log. Upstream by
 * `UPSTREAM_INDEX`.
 */
import { appendFileSync, createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Download } from './downloads.ts';

const [port = '', archives = '', log = ''] = process.argv.slice(2);
const index = new URL(`${(process.env.UPSTREAM_INDEX ?? '').replace(/\/$/, '')}/`);

function write(download: Download): void {
  appendFileSync(log, `${JSON.stringify(download)}\n`);
}

/** Sends a body and writes down how much of it went out. */
async function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Readable,
  what: Pick<Download, 'kind' | 'name'>,
): Promise<void> {
  let bytes = 0;
  let isWritten = false;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(null, chunk);
    },
    // Before the response ends: whoever has all of it may look into the log.
    flush(done) {
      write({ ...what, status, bytes });
      isWritten = true;
      done();
    },
  });
  response.writeHead(status, headers);
  try {
    await pipeline(body, counted, response);
  } finally {
    if (!isWritten) write({ ...what, status, bytes });
  }
}

async function browser(path: string, response: ServerResponse): Promise<void> {
  const name = basename(path);
  const file = join(archives, name);
  const size = await stat(file).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === undefined) {
    write({ kind: 'browser', name, status: 404, bytes: 0 });
    response.writeHead(404).end();
    return;
  }
  const headers = { 'content-type': 'application/zip', 'content-length': String(size) };
  await send(response, 200, headers, createReadStream(file), { kind: 'browser', name });
}

/** Links of a page lead to `/files/<the real URL, base64url>/<name>`: pip reads the name at the end. */
function rewritten(page: string, base: string): string {
  return page.replace(/href="([^"#]*)(#[^"]*)?"/g, (_all, link: string, fragment = '') => {
    const url = new URL(link.replaceAll('&amp;', '&'), base);
    return `href="/files/${Buffer.from(url.href).toString('base64url')}/${basename(url.pathname)}${fragment}"`;
  });
}

async function page(name: string, response: ServerResponse): Promise<void> {
  const url = new URL(`${name}/`, index);
  const answer = await fetch(url, { headers: { accept: 'text/html' } });
  const text = await answer.text();
  const body = Readable.from([Buffer.from(answer.ok ? rewritten(text, answer.url) : text)]);
  await send(response, answer.status, { 'content-type': 'text/html; charset=utf-8' }, body, {
    kind: 'page',
    name,
  });
}

async function file(encoded: string, name: string, response: ServerResponse): Promise<void> {
  const url = Buffer.from(encoded, 'base64url').toString('utf8');
  // Metadata stands beside the file under the file's own name.
  const suffix = name.endsWith('.metadata') ? '.metadata' : '';
  const answer = await fetch(`${url}${suffix}`);
  const length = answer.headers.get('content-length');
  const headers = {
    'content-type': 'application/octet-stream',
    // As PyPI says of files; mirrors that leave it out leave pip's cache empty.
    'cache-control': 'max-age=365000000, immutable, public',
    ...(length !== null && answer.headers.get('content-encoding') === null && { 'content-length': length }),
  };
  const body = answer.body === null ? Readable.from([]) : Readable.fromWeb(answer.body as never);
  await send(response, answer.status, headers, body, { kind: 'file', name });
}

async function answer(path: string, response: ServerResponse): Promise<void> {
  const [, room = '', ...rest] = path.split('/');
  if (room === '') response.end('ok\n');
  else if (room === 'browsers') await browser(path, response);
  else if (room === 'simple' && rest[0]) await page(rest[0], response);
  else if (room === 'files' && rest.length === 2) await file(rest[0] as string, rest[1] as string, response);
  else response.writeHead(404).end();
}

createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  answer(path, response).catch((error: unknown) => {
    // An index that cannot be reached: pip tries again and then says so.
    process.stderr.write(`${request.method} ${path}: ${String(error)}\n`);
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
}).listen(Number(port), '127.0.0.1');
