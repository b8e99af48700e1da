import { EXIT, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type RetryPolicy, withRetries } from '../host/http.ts';
import { statusOf } from './answers.ts';
import { drain } from './body.ts';
import { NO_RETRY, type RegistryConnection } from './connection.ts';
import { sendInParts } from './upload-parts.ts';
import {
  forgottenUpload,
  mountOrStart,
  placeOf,
  type StartedUpload,
  start,
  startOrMount,
  type Upload,
} from './upload-start.ts';

/** A blob to push. */
export interface BlobSource {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Its bytes, or what gives them from the beginning, each time it is called; a chunk that was given stays as it is. */
  readonly content: Uint8Array | (() => AsyncIterable<Uint8Array>);
}

export interface PutBlobOptions {
  /** Whether the registry is asked first if it has the blob. */
  readonly ifMissing?: boolean;
  /** Another repository of the same registry that should have it: it is mounted from there if the registry agrees. */
  readonly mountFrom?: string | undefined;
}

/** What pushing a blob was: bytes that went over the wire, or none. */
export type PutBlobOutcome = 'sent' | 'mounted' | 'there';

/** The blobs of a registry, to be written. */
export interface RegistryUploads {
  /**
   * Pushes a blob. Temporary failures are tried again as a whole.
   *
   * @throws LayerwrightError `BLOB_CHANGED` (1) if the content has not the size that was told
   */
  readonly putBlob: (
    repository: string,
    blob: BlobSource,
    options?: PutBlobOptions,
  ) => Promise<PutBlobOutcome>;
  /** Takes over a blob that another repository of the registry has; false if the registry does not do that. */
  readonly mountBlob: (repository: string, digest: string, from: string) => Promise<boolean>;
  /** Resolves if we may push there: opens an upload and cancels it. */
  readonly checkPush: (repository: string) => Promise<void>;
}

/** One request may hold no more on some registries, S3 behind them being one reason. */
const ONE_REQUEST_BYTES = 5 * 1024 ** 3;

/** See {@link RegistryUploads}. */
export function registryUploads(
  host: Host,
  domain: string,
  origin: RegistryConnection,
  statBlob: (repository: string, digest: string) => Promise<number | undefined>,
  policy: RetryPolicy,
): RegistryUploads {
  const cancel = async (repository: string, location: string | undefined) => {
    if (location === undefined) return;
    try {
      const request = { method: 'DELETE', path: location, repository, action: 'push' } as const;
      await drain(await origin.ask({ ...request, expected: [202, 204] }, NO_RETRY));
    } catch (error) {
      // Cancelling is a courtesy: registries forget an upload that nobody continues, and some (ECR) refuse to cancel.
      if (host.signal.aborted) throw error;
    }
  };

  return {
    async putBlob(repository, blob, { ifMissing = false, mountFrom } = {}) {
      if (ifMissing && (await statBlob(repository, blob.digest)) !== undefined) return 'there';
      const body = bodyOf(blob, `${domain}/${repository}`);
      const isMounted = mountFrom !== undefined && mountFrom !== repository;
      let isTooLarge = blob.size > ONE_REQUEST_BYTES;
      return await withRetries(
        async () => {
          const mount = isMounted ? { digest: blob.digest, from: mountFrom } : undefined;
          const started = await startOrMount(origin, repository, mount);
          if (started === 'mounted') return 'mounted';
          const upload = { origin, repository, digest: blob.digest, body };
          if (!isTooLarge) {
            try {
              await sendAtOnce(upload, started);
              return 'sent';
            } catch (error) {
              if (statusOf(error) !== 413) throw forgottenUpload(error);
              isTooLarge = true;
            }
          }
          // What was refused has left the first upload in no known state.
          await sendInParts(host, upload, await start(origin, repository), policy);
          return 'sent';
        },
        host.signal,
        policy,
      );
    },
    async mountBlob(repository, digest, from) {
      return await withRetries(
        async () => {
          const started = await mountOrStart(origin, repository, { digest, from });
          if (started === 'mounted') return true;
          await cancel(repository, started?.location);
          return false;
        },
        host.signal,
        policy,
      );
    },
    async checkPush(repository) {
      const started = await withRetries(() => start(origin, repository), host.signal, policy);
      await cancel(repository, started.location);
    },
  };
}

async function sendAtOnce(upload: Upload, { location }: StartedUpload): Promise<void> {
  const request = {
    method: 'PUT',
    path: placeOf(upload, location, upload.digest),
    repository: upload.repository,
    action: 'push',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: upload.body,
    expected: [201],
  } as const;
  await drain(await upload.origin.ask(request, NO_RETRY));
}

/** What is sent, with the size of a stream looked at: a file that changes meanwhile is told as such. */
function bodyOf({ content, size, digest }: BlobSource, place: string): Upload['body'] {
  const changed = () =>
    new LayerwrightError(`${place}: the content of blob ${digest} changed while it was pushed`, {
      code: 'BLOB_CHANGED',
      exit: EXIT.failed,
      hint: 'Something else writes to the file: build again when it is done.',
    });
  if (content instanceof Uint8Array) {
    if (content.length !== size) throw changed();
    return content;
  }
  const open = async function* () {
    let sent = 0;
    for await (const chunk of content()) {
      sent += chunk.length;
      if (sent > size) break;
      yield chunk;
    }
    if (sent !== size) throw changed();
  };
  return { size, open };
}
