import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { LayerwrightError } from '../../src/errors.ts';
import { sha256Digest } from '../../src/registry/body.ts';
import { type RegistryClient, registryClient } from '../../src/registry/client.ts';
import { DEFAULT_WAITS } from '../../src/registry/deadline.ts';
import type { BlobSource } from '../../src/registry/uploads.ts';
import { startRegistry, type TestRegistry, type TestRegistryOptions } from '../../src/testing/registry.ts';
import { type TestHost, testHost } from './host.ts';

/** Tries again soon, and does not wait long for what stands still. */
const QUICK = { retries: 3, firstDelayMs: 5 };
const SHORT = { ...DEFAULT_WAITS, idleMs: 250 };

/** A registry of this process, and a client for it that is nobody, or who `login` says. */
export async function withRegistry(
  options: TestRegistryOptions = {},
  login?: readonly [user: string, password: string],
): Promise<AsyncDisposable & { registry: TestRegistry; client: RegistryClient; host: TestHost }> {
  const registry = await startRegistry(options);
  const host = testHost({ env: environmentFor(registry.address, login) });
  const client = registryClient(host, registry.address, QUICK, SHORT);
  return { registry, client, host, [Symbol.asyncDispose]: registry.close };
}

/** An environment in which nobody is logged in but as `login` says. */
export function environmentFor(
  address: string,
  login?: readonly [user: string, password: string],
): NodeJS.ProcessEnv {
  if (login === undefined) return { DOCKER_CONFIG: '/nonexistent' };
  const auths = { [address]: { auth: Buffer.from(login.join(':')).toString('base64') } };
  return { DOCKER_CONFIG: '/nonexistent', DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
}

/** So many random bytes as a blob: held, or streamed in pieces of `piece` bytes. */
export function blobOf(size: number, piece?: number): BlobSource & { readonly bytes: Buffer } {
  const bytes = randomBytes(size);
  const pieces = async function* () {
    for (let offset = 0; offset < size; offset += piece as number)
      yield bytes.subarray(offset, offset + (piece as number));
  };
  return { digest: sha256Digest(bytes), size, content: piece === undefined ? bytes : pieces, bytes };
}

/** All of a stream. */
export async function read(stream: ReadableStream<Uint8Array> | undefined): Promise<Buffer> {
  assert.ok(stream, 'it is there');
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** It fails with this code and exit code. */
export async function failing(work: Promise<unknown>, code: string, exit: number): Promise<LayerwrightError> {
  let thrown: unknown;
  await work.catch((error: unknown) => {
    thrown = error;
  });
  assert.ok(thrown instanceof LayerwrightError, `failed with ${String(thrown)}`);
  assert.deepEqual([thrown.code, thrown.exit], [code, exit], thrown.message);
  return thrown;
}

/** What a registry was asked, without what is in the query and which upload it is. */
export function asked({ requests }: TestRegistry): readonly string[] {
  return requests.map(({ method, path, status }) => {
    const place = path.replace(/\?.*$/, '').replace(/uploads\/.+$/, 'uploads/ID');
    return `${method} ${place.replace(/sha256:[0-9a-f]+/, 'DIGEST')} ${status}`;
  });
}
