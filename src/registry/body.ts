import { createHash } from 'node:crypto';
import { connectionError } from '../host/http.ts';
import { unexpectedAnswer } from './answers.ts';
import { within } from './deadline.ts';

/** Longest body of an answer nobody wants that is read to its end. */
const DRAIN_BYTES = 64 * 1024;

/** Lets go of an answer. A short one is read to its end, which keeps its connection. */
export async function drain(response: Response): Promise<void> {
  const length = Number(response.headers.get('content-length') ?? '0');
  if (length <= DRAIN_BYTES) await response.arrayBuffer().catch(() => {});
  else await response.body?.cancel().catch(() => {});
}

/**
 * The bytes of an answer as they come.
 *
 * @param what for messages, e.g. `registry 127.0.0.1:5000`
 * @param idleMs milliseconds in which something must come
 * @throws LayerwrightError `TIMEOUT`, `UNREACHABLE` (75), `INTERRUPTED` (130)
 */
export async function* chunksOf(
  response: Response,
  what: string,
  signal: AbortSignal,
  idleMs: number,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idleMs);
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw connectionError(error, what, signal);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * All bytes of an answer.
 *
 * @param limit bytes; more is an error
 * @throws LayerwrightError `REGISTRY_ANSWER` (1) for more, and what {@link chunksOf} throws
 */
export async function bytesOf(
  response: Response,
  what: string,
  signal: AbortSignal,
  idleMs: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(response, what, signal, idleMs)) {
    size += chunk.length;
    if (size > limit) throw unexpectedAnswer(`${what}: the answer has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
}

/** `sha256:` and 64 hex digits. */
export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
