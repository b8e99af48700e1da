import { createHash } from 'node:crypto';
import { EXIT, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type RetryPolicy, sleep, temporaryConnectionError } from '../host/http.ts';
import { unexpectedAnswer } from './answers.ts';
import { bytesOf, chunksOf, drain, sha256Digest } from './body.ts';
import type { RegistryConnection } from './connection.ts';
import type { Waits } from './deadline.ts';
import { askFor, type Pull } from './pull.ts';

/** Which part of a blob is wanted. */
export interface OpenBlobOptions {
  /** First and last byte, both included, as in HTTP. A last one behind the end means the end. */
  readonly range?: readonly [first: number, last: number];
}

/** The blobs of a registry, to be read. */
export interface RegistryBlobs {
  /**
   * The bytes of a blob that is small enough to be held, e.g. an image's config; undefined if it is not there.
   *
   * @param limit bytes; more is an error
   * @throws LayerwrightError `BLOB_CORRUPT` (1) if its bytes are not those of the digest, `REGISTRY_ANSWER` (1) for more
   */
  readonly blob: (repository: string, digest: string, limit?: number) => Promise<Uint8Array | undefined>;
  /** A blob's size in bytes; undefined if it is not there. The registry itself is asked, not its mirrors. */
  readonly statBlob: (repository: string, digest: string) => Promise<number | undefined>;
  /**
   * The bytes of a blob as they come; undefined if it is not there. A connection that breaks or stands still is made anew
   * where it broke. The bytes of a whole blob are checked: the stream's last step fails with `BLOB_CORRUPT` (1) if they are
   * not those of the digest, so nothing may be believed before its end. Those of a range are not.
   */
  readonly openBlob: (
    repository: string,
    digest: string,
    options?: OpenBlobOptions,
  ) => Promise<ReadableStream<Uint8Array> | undefined>;
}

/** So many new bytes make a connection that breaks again worth all tries once more. */
const PROGRESS_BYTES = 1024 * 1024;

/** See {@link RegistryBlobs}. */
export function registryBlobs(
  host: Host,
  domain: string,
  origin: RegistryConnection,
  pull: Pull,
  policy: RetryPolicy,
  { idleMs }: Waits,
): RegistryBlobs {
  const what = `registry ${domain}`;
  return {
    blob: (repository, digest, limit) =>
      pull({ repository, path: `blobs/${digest}`, headers: IDENTITY }, async (response) => {
        const bytes = await bytesOf(response, what, host.signal, idleMs, limit);
        requireDigest(`${domain}/${repository}`, digest, sha256Digest(bytes));
        return bytes;
      }),
    statBlob: (repository, digest) =>
      askFor(
        origin,
        { method: 'HEAD', repository, path: `blobs/${digest}`, headers: IDENTITY },
        async (response) => {
          await drain(response);
          const length = lengthOf(response);
          if (length === undefined)
            throw unexpectedAnswer(`${domain}/${repository}: the registry tells no size of blob ${digest}`);
          return length;
        },
      ),
    async openBlob(repository, digest, { range } = {}) {
      const opened = await openAt(pull, repository, digest, range?.[0] ?? 0, range?.[1]);
      return (
        opened &&
        contentOf(
          { host, what: `${domain}/${repository}`, pull, policy, idleMs, repository, digest, range },
          opened,
        )
      );
    },
  };
}

/** `fetch` would unpack what a server packs, and ranges and lengths would be those of something else. */
const IDENTITY = { 'Accept-Encoding': 'identity' };

interface Opened {
  readonly response: Response;
  /** Bytes of the answer that come before those that were asked for: not every server knows ranges. */
  readonly skip: number;
  /** Bytes of the whole blob; undefined if the server does not say. */
  readonly total: number | undefined;
}

function openAt(
  pull: Pull,
  repository: string,
  digest: string,
  first: number,
  last: number | undefined,
): Promise<Opened | undefined> {
  const isPart = first > 0 || last !== undefined;
  const headers = { ...IDENTITY, ...(isPart && { Range: `bytes=${first}-${last ?? ''}` }) };
  return pull({ repository, path: `blobs/${digest}`, headers, expected: [200, 206] }, async (response) => {
    const part = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
    if (response.status === 206 && Number(part?.[1] ?? first) === first)
      return { response, skip: 0, total: part?.[2] === undefined ? undefined : Number(part[2]) };
    if (response.status === 200) return { response, skip: first, total: lengthOf(response) };
    await response.body?.cancel();
    throw temporaryConnectionError(`the registry answers with another part of blob ${digest}`, undefined);
  });
}

/** Bytes of an answer's body; undefined if it does not say, or is packed all the same. */
function lengthOf({ headers }: Response): number | undefined {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : Number(length);
}

interface Reading {
  readonly host: Host;
  readonly what: string;
  readonly pull: Pull;
  readonly policy: RetryPolicy;
  readonly idleMs: number;
  readonly repository: string;
  readonly digest: string;
  readonly range: readonly [number, number] | undefined;
}

/** Nothing is read before it is asked for, and a stream that is let go before its end lets its connection go. */
function contentOf(reading: Reading, first: Opened): ReadableStream<Uint8Array> {
  const chunks = resumed(reading, first);
  let isStarted = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        isStarted = true;
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        if (isStarted) await chunks.return();
        else await first.response.body?.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

async function* resumed(reading: Reading, first: Opened): AsyncGenerator<Uint8Array, void> {
  const { host, policy, digest, range, what } = reading;
  const hash = createHash('sha256');
  let opened = first;
  let offset = range?.[0] ?? 0;
  for (let tries = 0, brokeAt = offset; ; ) {
    const end = endOf(opened, range);
    try {
      for await (const chunk of wanted(opened, reading, end - offset)) {
        offset += chunk.length;
        if (range === undefined) hash.update(chunk);
        yield chunk;
      }
      if (Number.isFinite(end) && offset < end)
        throw temporaryConnectionError(`${what}: blob ${digest} ends before its end`, undefined);
      break;
    } catch (error) {
      if (!(error instanceof LayerwrightError) || !error.temporary) throw error;
      if (offset === end) break;
      tries = offset - brokeAt >= PROGRESS_BYTES ? 1 : tries + 1;
      brokeAt = offset;
      if (tries > policy.retries) throw error;
      await sleep(policy.firstDelayMs * 2 ** (tries - 1), host.signal);
      const again = await openAt(reading.pull, reading.repository, digest, offset, range?.[1]);
      if (again === undefined) throw error;
      opened = again;
    }
  }
  if (range === undefined) requireDigest(what, digest, `sha256:${hash.digest('hex')}`);
}

/** The position behind the last byte that is wanted, as far as it is known. */
function endOf({ total = Number.POSITIVE_INFINITY }: Opened, range: Reading['range']): number {
  return Math.min(total, range === undefined ? Number.POSITIVE_INFINITY : range[1] + 1);
}

/** The bytes of an answer without those before and behind the ones that were asked for. */
async function* wanted(
  { response, skip }: Opened,
  { host, what, idleMs }: Reading,
  length: number,
): AsyncGenerator<Uint8Array> {
  let before = skip;
  let left = length;
  for await (const chunk of chunksOf(response, what, host.signal, idleMs)) {
    const part = chunk.subarray(Math.min(before, chunk.length)).subarray(0, left);
    before -= Math.min(before, chunk.length);
    if (part.length > 0) yield part;
    // Only if there is more than what is wanted: an answer that is read to its end keeps its connection.
    if (left === 0) return;
    left -= part.length;
  }
}

/** @throws LayerwrightError `BLOB_CORRUPT` (1) if the digest of the content is not that of the blob */
export function requireDigest(place: string, digest: string, actual: string): void {
  if (!digest.startsWith('sha256:') || actual === digest) return;
  throw new LayerwrightError(`${place}: blob ${digest} has the content of ${actual}`, {
    code: 'BLOB_CORRUPT',
    exit: EXIT.failed,
    hint: 'The registry or something before it altered the blob: push the image again.',
  });
}
