/**
 * A container registry in this process, for tests: after the OCI distribution specification, as the CNCF's registry answers,
 * and with faults where a test wants them.
 *
 *     await using registry = await startRegistry();
 *     // push to and pull from `${registry.address}/app:1`
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Access, type Gate, gate, type RegistryAuth } from './access.ts';
import { blobAnswer } from './blobs.ts';
import { type Content, contentIn, type StoredBlobs, storedBlobs } from './content.ts';
import {
  type Answer,
  type Exchange,
  errorAnswer,
  incoming,
  jsonAnswer,
  type LoggedRequest,
  type OpenLog,
  sendAnswer,
} from './exchange.ts';
import { type Effects, type Fault, faultCounter } from './faults.ts';
import { manifestAnswer, referrersAnswer, tagsAnswer } from './manifests.ts';
import { directoryStorage, memoryStorage } from './storage.ts';
import { type Uploads, uploadsInto } from './uploads.ts';

export type { RegistryAuth } from './access.ts';
export type { StoredBlobs } from './content.ts';
export type { LoggedRequest } from './exchange.ts';
export type { Fault, FaultEffect, FaultWhen } from './faults.ts';

export interface TestRegistryOptions {
  /** Where the content is kept; in memory if not given. */
  readonly directory?: string;
  /** Everybody gets in if not given. */
  readonly auth?: RegistryAuth;
  /** What goes wrong; {@link TestRegistry.faults} can be changed later. */
  readonly faults?: readonly Fault[];
  /** Whether blobs can be mounted from another repository; true if not given. */
  readonly mounts?: boolean;
  /** Whether manifests can be found by their subject; false if not given, as with distribution. */
  readonly referrers?: boolean;
}

/** A registry that listens on a free port of this machine's loopback. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, what stands in front of the repository in an image's name. */
  readonly address: string;
  /** Every request, in the order in which they came. */
  readonly requests: readonly LoggedRequest[];
  /** What goes wrong: may be added to and taken from at any time. */
  readonly faults: Fault[];
  readonly blobs: StoredBlobs;
  /** Ends it, and every connection to it. */
  readonly close: () => Promise<void>;
}

/** Starts a registry; it ends with its `await using` block, or by `close`. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { directory, auth, mounts = true, referrers = false } = options;
  const storage = directory === undefined ? memoryStorage() : directoryStorage(directory);
  const content = contentIn(storage);
  const parts: Parts = { content, uploads: uploadsInto(content, mounts), gate: gate(auth), referrers };
  const requests: OpenLog[] = [];
  const faults = [...(options.faults ?? [])];
  const faultOf = faultCounter(faults);
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    const log: OpenLog = { method, path: url, status: 0, bytesIn: 0, bytesOut: 0 };
    requests.push(log);
    void serve(parts, request, response, log, faultOf(method, url));
  });
  // Whoever uploads a lot over a slow connection, or is being debugged, takes as long as it takes.
  server.requestTimeout = 0;
  await new Promise<void>((ready, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', ready);
  });
  const close = () => closed(server);
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    requests,
    faults,
    blobs: storedBlobs(storage),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

interface Parts {
  readonly content: Content;
  readonly uploads: Uploads;
  readonly gate: Gate;
  readonly referrers: boolean;
}

async function serve(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  log: OpenLog,
  effects: Effects,
): Promise<void> {
  const { socket } = request;
  if (effects.reset) return void socket.resetAndDestroy();
  const body = incoming(request, log, effects);
  const exchange: Exchange = {
    method: log.method,
    url: new URL(log.path, `http://${request.headers.host}`),
    headers: request.headers,
    body: () => body,
  };
  try {
    const answer = effects.status === undefined ? await answerTo(parts, exchange) : faultAnswer(effects);
    // What nobody wanted is in the way of the next request on this connection; a fault may wait in it.
    const rest = readToEnd(body);
    if (effects.resetAfter !== undefined) await rest;
    await sendAnswer(response, log, answer, effects);
  } catch (error) {
    // A connection that broke leaves nobody to tell.
    if (socket.destroyed) return;
    await sendAnswer(response, log, errorAnswer(500, 'UNKNOWN', String(error)), {});
  }
}

async function readToEnd(body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const _ of body);
  } catch {
    // The connection broke: whoever writes to it notices.
  }
}

function faultAnswer({ status = 500, headers = {}, body = '' }: Effects): Answer {
  return { status, headers, body: Buffer.from(body) };
}

const ROUTE =
  /^\/v2\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)\/(?:(manifests|blobs|referrers)\/([^/]+)|(tags)\/list|blobs\/(uploads)\/([^/]*))$/;

async function answerTo(parts: Parts, exchange: Exchange): Promise<Answer> {
  const { pathname } = exchange.url;
  if (pathname === '/token' && parts.gate.tokens) return parts.gate.tokens(exchange);
  const [, repository = '', kind = '', name = '', tags, uploads, id = ''] = ROUTE.exec(pathname) ?? [];
  if (pathname !== '/v2/' && repository === '') return notFound();
  const refusal = parts.gate.refusal(exchange, repository === '' ? [] : accessOf(exchange, repository));
  if (refusal !== undefined) {
    // Read, as distribution does it: who is still sending would see a broken connection instead of the answer.
    for await (const _ of exchange.body());
    return refusal;
  }
  if (repository === '') return jsonAnswer(200, {}, { 'Docker-Distribution-Api-Version': 'registry/2.0' });
  if (tags) return await tagsAnswer(parts.content, exchange, repository);
  if (uploads) return await uploadAnswer(parts.uploads, exchange, repository, id);
  if (kind === 'manifests')
    return await manifestAnswer(parts.content, exchange, repository, name, parts.referrers);
  if (kind === 'blobs') return await blobAnswer(parts.content, exchange, repository, name);
  return parts.referrers ? await referrersAnswer(parts.content, exchange, repository, name) : notFound();
}

async function uploadAnswer(
  { begin, goOn }: Uploads,
  exchange: Exchange,
  repository: string,
  id: string,
): Promise<Answer> {
  if (id !== '') return await goOn(exchange, repository, id);
  return exchange.method === 'POST'
    ? await begin(exchange, repository)
    : errorAnswer(405, 'UNSUPPORTED', 'The operation is unsupported.');
}

function notFound(): Answer {
  return {
    status: 404,
    headers: { 'Content-Type': 'text/plain' },
    body: Buffer.from('404 page not found\n'),
  };
}

/** What a request does, as distribution asks for it. */
function accessOf({ method, url }: Exchange, repository: string): readonly Access[] {
  if (method === 'GET' || method === 'HEAD') return [{ repository, action: 'pull' }];
  if (method === 'DELETE') return [{ repository, action: 'delete' }];
  const from = url.searchParams.has('mount') ? url.searchParams.get('from') : null;
  return [
    { repository, action: 'pull' },
    { repository, action: 'push' },
    ...(from === null ? [] : [{ repository: from, action: 'pull' } as const]),
  ];
}
