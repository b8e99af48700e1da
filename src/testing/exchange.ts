import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Effects } from './faults.ts';

/** One request that a registry got, and what it did. It is in the list as soon as it comes. */
export interface LoggedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** 0 as long as nothing is answered. */
  readonly status: number;
  /** Bytes of the request's body that came. */
  readonly bytesIn: number;
  /** Bytes of the answer's body that went. */
  readonly bytesOut: number;
}

/** The same, being written. */
export type OpenLog = { -readonly [name in keyof LoggedRequest]: LoggedRequest[name] };

/** One request, as those who answer it see it. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** The body as it comes; ends with an error if the connection breaks. */
  readonly body: () => AsyncIterable<Uint8Array>;
}

/** An answer. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** An error after the distribution specification. */
export function errorAnswer(status: number, code: string, message: string, detail?: unknown): Answer {
  return errorsAnswer(status, [{ code, message, ...(detail === undefined ? {} : { detail }) }]);
}

/** Several of them. */
export function errorsAnswer(status: number, errors: readonly object[]): Answer {
  return jsonAnswer(status, { errors });
}

export function jsonAnswer(
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** All of a body. */
export async function wholeBody({ body }: Exchange): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The body of a request, counted, and broken off where a fault says so. */
export async function* incoming(
  request: IncomingMessage,
  log: OpenLog,
  { resetAfter = Number.POSITIVE_INFINITY }: Effects,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of request as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, Math.max(0, resetAfter - log.bytesIn));
    log.bytesIn += part.length;
    if (part.length > 0) yield part;
    if (log.bytesIn >= resetAfter) {
      request.socket.resetAndDestroy();
      throw new Error('reset by a fault');
    }
  }
}

/** Sends an answer, with what goes wrong on the way. */
export async function sendAnswer(
  response: ServerResponse,
  log: OpenLog,
  { status, headers = {}, body = new Uint8Array() }: Answer,
  effects: Effects,
): Promise<void> {
  if (effects.delayMs !== undefined) await sleep(effects.delayMs);
  const sent = log.method === 'HEAD' ? new Uint8Array() : effects.corrupt ? corrupted(body) : body;
  const hasLength = status >= 200 && status !== 204 && status !== 304;
  log.status = status;
  response.writeHead(status, {
    ...(hasLength && { 'Content-Length': String(body.length) }),
    ...headers,
  });
  const end = Math.min(
    sent.length,
    effects.truncateAfter ?? Number.POSITIVE_INFINITY,
    effects.stallAfter ?? Number.POSITIVE_INFINITY,
  );
  log.bytesOut = end;
  if (end === sent.length && effects.truncateAfter === undefined && effects.stallAfter === undefined)
    return void response.end(sent);
  response.flushHeaders();
  response.write(sent.subarray(0, end), () => {
    if (effects.stallAfter === undefined) response.socket?.destroy();
  });
}

function corrupted(body: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(body);
  const middle = Math.floor(bytes.length / 2);
  if (bytes.length > 0) bytes[middle] = (bytes[middle] as number) ^ 1;
  return bytes;
}
