import type { Host } from '../host/host.ts';
import { type RetryPolicy, withRetries } from '../host/http.ts';
import { statusOf } from './answers.ts';
import { drain } from './body.ts';
import { NO_RETRY, type RegistryConnection } from './connection.ts';
import {
  forgottenUpload,
  locationOf,
  placeOf,
  type StartedUpload,
  type Upload,
  uploadLost,
} from './upload-start.ts';

/** Bytes of a part, each smaller size tried when one is refused (413): the last fits nginx's own default. */
const PART_BYTES = [16 * 1024 * 1024, 4 * 1024 * 1024, 960 * 1024] as const;

/** How far an upload in parts is. */
interface Progress {
  location: string;
  /** Bytes that the registry has. */
  offset: number;
  partBytes: number;
}

/**
 * Sends a blob in parts: for what is larger than one request may be. A part that breaks off is gone on with from where the
 * registry says that it is.
 */
export async function sendInParts(
  host: Host,
  upload: Upload,
  started: StartedUpload,
  policy: RetryPolicy,
): Promise<void> {
  const progress: Progress = {
    location: placeOf(upload, started.location),
    offset: 0,
    partBytes: Math.max(PART_BYTES[0], started.leastPart),
  };
  try {
    for await (const [start, bytes] of blocksOf(contentOf(upload), progress.partBytes))
      while (progress.offset < start + bytes.length) {
        const part = bytes.subarray(progress.offset - start).subarray(0, progress.partBytes);
        try {
          await sendPart(host, upload, progress, part, policy);
        } catch (error) {
          const smaller = PART_BYTES.find((size) => size < progress.partBytes && size >= started.leastPart);
          if (statusOf(error) !== 413 || smaller === undefined) throw error;
          progress.partBytes = smaller;
          await lookAgain(upload, progress);
        }
      }
    const { origin, repository, digest } = upload;
    const path = placeOf(upload, progress.location, digest);
    await drain(
      await origin.ask({ method: 'PUT', path, repository, action: 'push', expected: [201] }, NO_RETRY),
    );
  } catch (error) {
    throw forgottenUpload(error);
  }
}

function contentOf({ body }: Upload): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return body instanceof Uint8Array ? [body] : body.open();
}

async function sendPart(
  host: Host,
  upload: Upload,
  progress: Progress,
  part: Uint8Array,
  policy: RetryPolicy,
): Promise<void> {
  const { origin, repository } = upload;
  const first = progress.offset;
  const end = first + part.length;
  let isFirstTry = true;
  const push = { repository, action: 'push' } as const;
  await withRetries(
    async () => {
      if (!isFirstTry) await lookAgain(upload, progress);
      isFirstTry = false;
      if (progress.offset >= end) return;
      const patched = await origin.ask(
        {
          ...push,
          method: 'PATCH',
          path: progress.location,
          headers: {
            'Content-Type': 'application/octet-stream',
            'Content-Range': `${progress.offset}-${end - 1}`,
          },
          body: part.subarray(progress.offset - first),
          expected: [202],
        },
        NO_RETRY,
      );
      await drain(patched);
      progress.location = nextPlace(origin, progress, patched);
      progress.offset = end;
    },
    host.signal,
    policy,
  );
}

/** Asks how far the registry is: an upload may break off on the way there or on the way back. */
async function lookAgain({ origin, repository }: Upload, progress: Progress): Promise<void> {
  const response = await origin.ask(
    { method: 'GET', path: progress.location, repository, action: 'push', expected: [204] },
    NO_RETRY,
  );
  await drain(response);
  // `0-0` is the first byte alone, or, as distribution says it, nothing.
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1] ?? 0);
  const received = last === 0 ? 0 : last + 1;
  if (received < progress.offset) throw uploadLost(origin.origin);
  progress.location = nextPlace(origin, progress, response);
  progress.offset = received;
}

function nextPlace(origin: RegistryConnection, { location }: Progress, response: Response): string {
  return locationOf(origin, location, response) ?? location;
}

/** Cuts content into blocks of this size, the last one smaller; each with its position. */
async function* blocksOf(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<readonly [start: number, bytes: Uint8Array]> {
  let start = 0;
  let gathered: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    let rest = chunk;
    while (length + rest.length >= size) {
      yield [start, Buffer.concat([...gathered, rest.subarray(0, size - length)])];
      rest = rest.subarray(size - length);
      start += size;
      [gathered, length] = [[], 0];
    }
    if (rest.length > 0) gathered.push(rest);
    length += rest.length;
  }
  if (length > 0) yield [start, Buffer.concat(gathered)];
}
