import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { errorsIn, jsonAnswer, registryError } from './answers.ts';
import { bytesOf, drain, sha256Digest } from './body.ts';
import type { RegistryConnection } from './connection.ts';
import type { Waits } from './deadline.ts';
import type { Pull } from './pull.ts';

/** Manifest and index types of OCI and Docker. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

/** What a manifest is, without its content. */
export interface ManifestHead {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
}

/** A manifest as the registry has it. */
export interface FoundManifest extends ManifestHead {
  readonly bytes: Uint8Array;
  /** The bytes, parsed. */
  readonly content: unknown;
}

/** The manifests of a registry. */
export interface RegistryManifests {
  /**
   * The manifest under a tag or digest; undefined if the registry does not have it.
   *
   * @throws LayerwrightError `MANIFEST_CORRUPT` (1) if its bytes are not those of the digest that was asked for or is told
   */
  readonly manifest: (repository: string, reference: string) => Promise<FoundManifest | undefined>;
  /** The same without its content; undefined if the registry does not have it. */
  readonly headManifest: (repository: string, reference: string) => Promise<ManifestHead | undefined>;
  /**
   * Puts a manifest under a tag or its own digest.
   *
   * @param manifest its bytes, or what becomes them by `JSON.stringify`
   * @returns its digest
   * @throws LayerwrightError `MANIFEST_BLOB_UNKNOWN` (75) if the registry does not have what it names; its cause has the
   *   `digests` that the registry tells, which may be none; `TAG_IMMUTABLE` (2) if the tag is taken for ever
   */
  readonly putManifest: (
    repository: string,
    reference: string,
    manifest: object | Uint8Array,
    mediaType: string,
  ) => Promise<string>;
}

/** No manifest is longer: the specification lets a registry refuse more than 4 MiB. */
const MANIFEST_LIMIT = 16 * 1024 * 1024;

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const ACCEPT = { Accept: MANIFEST_TYPES.join(', ') };

/** See {@link RegistryManifests}. */
export function registryManifests(
  host: Host,
  domain: string,
  origin: RegistryConnection,
  pull: Pull,
  { idleMs }: Waits,
): RegistryManifests {
  const manifest = (repository: string, reference: string) =>
    pull({ repository, path: `manifests/${reference}`, headers: ACCEPT }, async (response) => {
      const bytes = await bytesOf(response, `registry ${domain}`, host.signal, idleMs, MANIFEST_LIMIT);
      return checked(response, bytes, reference, `${domain}/${repository}`);
    });
  return {
    manifest,
    async headManifest(repository, reference) {
      const path = `manifests/${reference}`;
      const head = await pull({ method: 'HEAD', repository, path, headers: ACCEPT }, async (response) => {
        await drain(response);
        return { found: headOf(response) };
      });
      // Some registries tell no digest on HEAD.
      return head === undefined ? undefined : (head.found ?? (await manifest(repository, reference)));
    },
    async putManifest(repository, reference, content, mediaType) {
      const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
      const response = await origin.ask({
        method: 'PUT',
        path: `${repository}/manifests/${reference}`,
        repository,
        action: 'push',
        headers: { 'Content-Type': mediaType },
        body: bytes,
        expected: [201, 400, 404],
      });
      if (response.status !== 201) throw await putError(response, domain, repository, host.clock.now());
      await drain(response);
      return sha256Digest(bytes);
    },
  };
}

function headOf({ headers }: Response): ManifestHead | undefined {
  const digest = headers.get('docker-content-digest') ?? '';
  const size = Number(headers.get('content-length') ?? Number.NaN);
  return DIGEST.test(digest) && size > 0 ? { digest, mediaType: mediaTypeOf(headers), size } : undefined;
}

function mediaTypeOf(headers: Headers): string {
  return headers.get('content-type')?.split(';')[0]?.trim() ?? '';
}

/** A manifest decides what is run: what is told of its digest and asked for must be so. */
function checked({ headers }: Response, bytes: Uint8Array, reference: string, place: string): FoundManifest {
  const content = jsonAnswer(
    Buffer.from(bytes).toString('utf8'),
    `${place}: the registry answers with something that is no manifest`,
  );
  const digest = sha256Digest(bytes);
  const told = headers.get('docker-content-digest') ?? '';
  const wrong = [reference, told].find((one) => DIGEST.test(one) && one !== digest);
  if (wrong !== undefined)
    throw new LayerwrightError(`${place}: manifest ${wrong} has the content of ${digest}`, {
      code: 'MANIFEST_CORRUPT',
      exit: EXIT.failed,
      hint: 'The registry or something before it altered the manifest: push the image again.',
    });
  return { digest, mediaType: mediaTypeOf(headers), size: bytes.length, bytes, content };
}

async function putError(response: Response, domain: string, repository: string, now: Date): Promise<Error> {
  const { status, headers } = response;
  const body = await response.text().catch(() => '');
  const errors = errorsIn(body);
  if (errors.some(({ message = '' }) => /\bimmutable\b/i.test(message)))
    return usageError(
      'TAG_IMMUTABLE',
      `${domain}/${repository}: the registry forbids moving a tag`,
      'Push under a new tag, e.g. {sha}.',
    );
  const missing = errors.filter(
    ({ code = '', message = '' }) =>
      /^(?:MANIFEST_)?BLOB_UNKNOWN$/.test(code) ||
      /\b(?:layer|blob)s?\b.*\b(?:not exist|not found|unknown)/i.test(message),
  );
  if (missing.length === 0)
    return await registryError(new Response(body, { status, headers }), domain, repository, now);
  const digests = [...new Set(JSON.stringify(missing).match(/sha256:[0-9a-f]{64}/g) ?? [])];
  return blobUnknownError(`${domain}/${repository}`, digests, status);
}

/** A manifest names blobs that are not there (75, but the same call is not worth another try). */
export function blobUnknownError(
  place: string,
  digests: readonly string[],
  status?: number,
): LayerwrightError {
  const which = digests.length === 0 ? 'something that the manifest names' : digests.join(', ');
  return new LayerwrightError(`${place}: ${which} is not there`, {
    code: 'MANIFEST_BLOB_UNKNOWN',
    exit: EXIT.temporary,
    temporary: false,
    hint: 'It was there before, or was just pushed: does something remove images there? Another build pushes it again.',
    cause: { digests, ...(status === undefined ? {} : { status }) },
  });
}
