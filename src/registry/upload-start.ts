import { EXIT, LayerwrightError } from '../errors.ts';
import { statusOf, unexpectedAnswer } from './answers.ts';
import { drain } from './body.ts';
import { NO_RETRY, type RegistryConnection, type StreamedBody } from './connection.ts';

/** What is uploaded. */
export interface Upload {
  readonly origin: RegistryConnection;
  readonly repository: string;
  readonly digest: string;
  readonly body: Uint8Array | StreamedBody;
}

/** An upload that the registry opened. */
export interface StartedUpload {
  /** Where it goes on: a whole URL. Undefined if the registry does not say. */
  readonly location: string | undefined;
  /** Bytes that each part but the last has at least; 0 if the registry does not say. */
  readonly leastPart: number;
}

/** A blob that another repository of the registry should have. */
export interface Mount {
  readonly digest: string;
  readonly from: string;
}

/** Opens an upload. Not tried again: who uploads tries the whole again. */
export async function start(origin: RegistryConnection, repository: string): Promise<StartedUpload> {
  const path = `${repository}/blobs/uploads/`;
  const request = { method: 'POST', path, repository, action: 'push', expected: [202] } as const;
  return startedUpload(origin, path, await origin.ask(request, NO_RETRY));
}

/** Mounts a blob; an upload if the registry opened one instead, undefined if it did not even do that. */
export async function mountOrStart(
  origin: RegistryConnection,
  repository: string,
  { digest, from }: Mount,
): Promise<'mounted' | StartedUpload | undefined> {
  const path = `${repository}/blobs/uploads/?${new URLSearchParams({ mount: digest, from })}`;
  const request = { method: 'POST', path, repository, action: 'push', alsoPull: from } as const;
  try {
    const response = await origin.ask({ ...request, expected: [201, 202] }, NO_RETRY);
    if (response.status === 202) return await startedUpload(origin, path, response);
    await drain(response);
    return 'mounted';
  } catch (error) {
    // We may not read there, or the registry does not know the other repository, or no mounting at all.
    if ([400, 401, 403, 404, 405].includes(statusOf(error) ?? 0)) return undefined;
    throw error;
  }
}

/** Mounts a blob, or opens an upload; an upload if there is nothing to mount. */
export async function startOrMount(
  origin: RegistryConnection,
  repository: string,
  mount: Mount | undefined,
): Promise<'mounted' | StartedUpload> {
  const mounted = mount && (await mountOrStart(origin, repository, mount));
  return mounted ?? (await start(origin, repository));
}

async function startedUpload(
  origin: RegistryConnection,
  path: string,
  response: Response,
): Promise<StartedUpload> {
  await drain(response);
  return {
    location: locationOf(origin, path, response),
    leastPart: Number(response.headers.get('oci-chunk-min-length') ?? 0) || 0,
  };
}

/** Where an answer says that it goes on, relative to what was asked; a whole URL. */
export function locationOf(origin: RegistryConnection, path: string, response: Response): string | undefined {
  const location = response.headers.get('location');
  const asked = response.url || new URL(path, `${origin.origin}/v2/`).href;
  return location !== null && URL.canParse(location, asked) ? new URL(location, asked).href : undefined;
}

/** The place where an upload goes on, with a parameter more; what stands there already may be signed and stays as it is. */
export function placeOf({ origin }: Upload, location: string | undefined, digest?: string): string {
  if (location === undefined)
    throw unexpectedAnswer(`${origin.origin}: the registry does not say where an upload goes on`);
  if (digest === undefined) return location;
  const url = new URL(location);
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url.href;
}

/** An upload that the registry has forgotten (it was started anew, another of its machines answers) is begun again. */
export function forgottenUpload(error: unknown): unknown {
  return statusOf(error) === 404 ? uploadLost((error as LayerwrightError).message, error) : error;
}

/** The registry does not have what it was sent (75). */
export function uploadLost(place: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(`${place}: the registry has lost an upload`, {
    code: 'REGISTRY_TEMPORARY',
    exit: EXIT.temporary,
    cause,
  });
}
