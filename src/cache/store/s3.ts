import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { interruptedError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { isNotThere, s3Error } from './s3-errors.ts';
import { inRanges } from './s3-ranges.ts';
import { type Body, type Store, type StoredObject, storeUnreachable } from './store.ts';

const MB = 1024 * 1024;

/** Smallest part of an upload; four are under way at a time. S3 takes at most 10,000 parts. */
const PART = 5 * MB;
const PARTS_AT_ONCE = 4;
const MOST_PARTS = 9_000;

/** How long a cache is waited for: a connection, and silence within an answer, in milliseconds. Three tries each. */
const CONNECT_MS = 5_000;
const SILENCE_MS = 60_000;

/** A store in a bucket, below a prefix that is empty or ends with `/`. Credentials and region: as the AWS SDK finds them. */
export function s3Store(host: Host, place: { readonly bucket: string; readonly prefix: string }): Store {
  const { bucket, prefix } = place;
  const name = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
  const client = new S3Client(clientConfig(host.env));
  const known = (error: unknown) => (host.signal.aborted ? interruptedError() : s3Error(error, name, bucket));
  const key = (object: string) => ({ Bucket: bucket, Key: `${prefix}${object}` });
  const orUndefined = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw known(error);
    }
  };
  return {
    name,
    async read(object) {
      const get = async (range: string, etag: string | undefined, signal: AbortSignal) => {
        const asked = { ...key(object), Range: range, ...(etag !== undefined && { IfMatch: etag }) };
        const abortSignal = AbortSignal.any([signal, host.signal]);
        return fromS3(await client.send(new GetObjectCommand(asked), { abortSignal }), name);
      };
      return await orUndefined(inRanges({ get: bodyOf(get), known }));
    },
    async size(object) {
      const head = new HeadObjectCommand(key(object));
      const found = await orUndefined(client.send(head, { abortSignal: host.signal }));
      return found && fromS3(found, name).ContentLength;
    },
    async write(object, body) {
      const written = await upload(host, client, key(object), body).catch((error: unknown) => {
        throw known(error);
      });
      fromS3(written, name);
    },
    async list(start) {
      const found: StoredObject[] = [];
      for (let token: string | undefined; ; ) {
        const page = await client
          .send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: `${prefix}${start}`,
              ...(token !== undefined && { ContinuationToken: token }),
            }),
            { abortSignal: host.signal },
          )
          .catch((error: unknown) => {
            throw known(error);
          });
        for (const { Key, LastModified } of page.Contents ?? [])
          if (Key !== undefined)
            found.push({ name: Key.slice(prefix.length), modified: LastModified ?? new Date(0) });
        if (!page.IsTruncated || page.NextContinuationToken === undefined) return found;
        token = page.NextContinuationToken;
      }
    },
  };
}

/**
 * The SDK reads the process's environment by itself. Where the host's is another one, what it says of credentials and place
 * comes first.
 */
function clientConfig(env: NodeJS.ProcessEnv): S3ClientConfig {
  const config: S3ClientConfig = {
    followRegionRedirects: true,
    // S3 takes no chunk below 8 KiB but the last one; streams give smaller ones.
    requestStreamBufferSize: 64 * 1024,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: SILENCE_MS,
      throwOnRequestTimeout: true,
    },
  };
  if (env === process.env) return config;
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = env;
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION;
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  return {
    ...config,
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(AWS_ACCESS_KEY_ID &&
      AWS_SECRET_ACCESS_KEY && {
        credentials: {
          accessKeyId: AWS_ACCESS_KEY_ID,
          secretAccessKey: AWS_SECRET_ACCESS_KEY,
          ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
        },
      }),
  };
}

/** Every S3 server gives an ETag; a proxy's page, which comes with HTTP 200 too, does not. */
function fromS3<T extends { readonly ETag?: string | undefined }>(answer: T, name: string): T {
  if (answer.ETag !== undefined) return answer;
  throw storeUnreachable(`${name}: the answer is none of an S3 server: is there a proxy in between?`);
}

async function upload(
  host: Host,
  client: S3Client,
  target: { readonly Bucket: string; readonly Key: string },
  { content, limit, onSent }: Body,
): Promise<{ readonly ETag?: string | undefined }> {
  const partSize = Math.max(PART, Math.ceil(limit / MOST_PARTS));
  const sending = new Upload({
    client,
    params: { ...target, Body: Readable.from(content, { objectMode: false }) },
    partSize,
    queueSize: partSize > PART ? 1 : PARTS_AT_ONCE,
  });
  let sent = 0;
  sending.on('httpUploadProgress', ({ loaded = 0 }) => {
    onSent(loaded - sent);
    sent = loaded;
  });
  const abort = () => void sending.abort();
  host.signal.addEventListener('abort', abort, { once: true });
  try {
    if (host.signal.aborted) throw interruptedError();
    return await sending.done();
  } finally {
    host.signal.removeEventListener('abort', abort);
  }
}

/** One range of an object, read to its end. */
function bodyOf(
  get: (range: string, etag: string | undefined, signal: AbortSignal) => Promise<GetObjectCommandOutput>,
) {
  return async (range: string, etag: string | undefined, signal: AbortSignal) => {
    const { Body, ContentRange, ETag } = await get(range, etag, signal);
    if (Body === undefined) throw storeUnreachable('the answer has no body');
    // Kept as they come: put together they would be in memory twice.
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of Body as Readable) {
      chunks.push(chunk as Uint8Array);
      size += (chunk as Uint8Array).length;
    }
    const total = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1] ?? size);
    return { chunks, total, etag: ETag };
  };
}
