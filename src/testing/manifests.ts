import { type Content, DIGEST, digestOf, type KeptManifest } from './content.ts';
import { type Answer, type Exchange, errorAnswer, errorsAnswer, jsonAnswer, wholeBody } from './exchange.ts';

const OCI = /^application\/vnd\.oci\.image\.(?:manifest|index)\.v1\+json$/;
const DOCKER = /^application\/vnd\.docker\.distribution\.manifest\.(?:list\.)?v2\+json$/;
const TAG = /^\w[\w.-]{0,127}$/;

/** Longest manifest in bytes, as distribution has it. */
const LIMIT = 4 * 1024 * 1024;

const unknownManifest = (reference: string) =>
  errorAnswer(404, 'MANIFEST_UNKNOWN', 'manifest unknown', `unknown manifest ${reference}`);

/** Answers requests for `/v2/<repository>/manifests/<reference>`. */
export async function manifestAnswer(
  content: Content,
  exchange: Exchange,
  repository: string,
  reference: string,
  referrers: boolean,
): Promise<Answer> {
  if (!DIGEST.test(reference) && !TAG.test(reference))
    return reference.includes(':')
      ? errorAnswer(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
      : errorAnswer(400, 'TAG_INVALID', 'manifest tag did not match URI');
  switch (exchange.method) {
    case 'GET':
    case 'HEAD': {
      const found = await content.manifest(repository, reference);
      return found === undefined || !isAccepted(exchange, found)
        ? unknownManifest(reference)
        : foundAnswer(found);
    }
    case 'PUT':
      return await put(content, exchange, repository, reference, referrers);
    case 'DELETE':
      return (await content.removeManifest(repository, reference))
        ? { status: 202 }
        : unknownManifest(reference);
    default:
      return errorAnswer(405, 'UNSUPPORTED', 'The operation is unsupported.');
  }
}

/** distribution gives OCI's types only to those who say that they know them. */
function isAccepted({ headers }: Exchange, { mediaType }: KeptManifest): boolean {
  const accepted = (headers.accept ?? '').split(',').map((one) => one.split(';')[0]?.trim());
  return !OCI.test(mediaType) || accepted.includes(mediaType);
}

function foundAnswer({ digest, mediaType, bytes }: KeptManifest): Answer {
  return {
    status: 200,
    headers: { 'Content-Type': mediaType, 'Docker-Content-Digest': digest, Etag: `"${digest}"` },
    body: bytes,
  };
}

interface Named {
  readonly digest?: string;
}

interface ManifestContent {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Named & { readonly mediaType?: string };
  readonly layers?: readonly Named[];
  readonly manifests?: readonly Named[];
  readonly subject?: Named;
  readonly annotations?: object;
}

async function put(
  content: Content,
  exchange: Exchange,
  repository: string,
  reference: string,
  referrers: boolean,
): Promise<Answer> {
  const bytes = await wholeBody(exchange);
  if (bytes.length > LIMIT) return errorAnswer(400, 'MANIFEST_INVALID', 'manifest invalid', 'too large');
  const mediaType = exchange.headers['content-type'] ?? '';
  const parsed = parse(bytes);
  const isOwnType = parsed?.mediaType === undefined || parsed.mediaType === mediaType;
  if (parsed === undefined || !isOwnType || !(OCI.test(mediaType) || DOCKER.test(mediaType)))
    return errorAnswer(400, 'MANIFEST_INVALID', 'manifest invalid');
  const digest = digestOf(bytes);
  const isDigest = DIGEST.test(reference);
  if (isDigest && reference !== digest)
    return errorAnswer(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  const missing = await missingIn(content, repository, parsed);
  if (missing.length > 0)
    return errorsAnswer(
      400,
      missing.map((one) => ({
        code: 'MANIFEST_BLOB_UNKNOWN',
        message: 'manifest references a manifest or blob unknown to registry',
        detail: one,
      })),
    );
  await content.putManifest(repository, isDigest ? undefined : reference, mediaType, bytes);
  return {
    status: 201,
    headers: {
      Location: `${exchange.url.origin}/v2/${repository}/manifests/${digest}`,
      'Docker-Content-Digest': digest,
      ...(referrers && parsed.subject?.digest && { 'OCI-Subject': parsed.subject.digest }),
    },
  };
}

function parse(bytes: Uint8Array): ManifestContent | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Digests of what a manifest names and the repository does not have; a subject may come later. */
async function missingIn(
  content: Content,
  repository: string,
  { config, layers = [], manifests = [] }: ManifestContent,
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const { digest = '' } of config ? [config, ...layers] : layers)
    if ((await content.blob(repository, digest)) === undefined) missing.push(digest);
  for (const { digest = '' } of manifests)
    if ((await content.manifest(repository, digest)) === undefined) missing.push(digest);
  return [...new Set(missing)];
}

/** Answers `/v2/<repository>/referrers/<digest>` (distribution specification 1.1). */
export async function referrersAnswer(
  content: Content,
  { url }: Exchange,
  repository: string,
  subject: string,
): Promise<Answer> {
  const wanted = url.searchParams.get('artifactType');
  const all = (await content.manifests(repository)).flatMap(({ bytes, digest, mediaType }) => {
    const parsed = parse(bytes) ?? {};
    if (parsed.subject?.digest !== subject) return [];
    const artifactType = parsed.artifactType ?? parsed.config?.mediaType;
    const { annotations } = parsed;
    return [{ mediaType, digest, size: bytes.length, artifactType, annotations }];
  });
  const manifests = all.filter(({ artifactType }) => wanted === null || artifactType === wanted);
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  return jsonAnswer(
    200,
    { schemaVersion: 2, mediaType, manifests },
    { 'Content-Type': mediaType, ...(wanted !== null && { 'OCI-Filters-Applied': 'artifactType' }) },
  );
}

/** Answers `/v2/<repository>/tags/list`, in pages if `n` says so. */
export async function tagsAnswer(content: Content, { url }: Exchange, repository: string): Promise<Answer> {
  const tags = await content.tags(repository);
  if (tags === undefined)
    return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to registry', { name: repository });
  const last = url.searchParams.get('last') ?? '';
  const rest = tags.filter((tag) => tag > last);
  const n = Number(url.searchParams.get('n') ?? rest.length);
  const page = rest.slice(0, n);
  const next = new URLSearchParams({ last: page.at(-1) ?? '', n: String(n) });
  return jsonAnswer(
    200,
    { name: repository, tags: page },
    page.length < rest.length && page.length > 0
      ? { Link: `</v2/${repository}/tags/list?${next}>; rel="next"` }
      : {},
  );
}
