import { type Content, DIGEST } from './content.ts';
import { type Answer, type Exchange, errorAnswer } from './exchange.ts';

/** Answers requests for `/v2/<repository>/blobs/<digest>`. */
export async function blobAnswer(
  content: Content,
  exchange: Exchange,
  repository: string,
  digest: string,
): Promise<Answer> {
  if (!DIGEST.test(digest))
    return errorAnswer(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  const unknown = errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to registry', digest);
  switch (exchange.method) {
    case 'GET':
    case 'HEAD': {
      const bytes = await content.blob(repository, digest);
      return bytes === undefined ? unknown : partOf(bytes, digest, exchange.headers.range);
    }
    case 'DELETE':
      return (await content.removeBlob(repository, digest))
        ? { status: 202, headers: { 'Docker-Content-Digest': digest } }
        : unknown;
    default:
      return errorAnswer(405, 'UNSUPPORTED', 'The operation is unsupported.');
  }
}

/** The whole, or the one range that is asked for (RFC 9110, 14.2); several at once are answered with the whole. */
function partOf(bytes: Uint8Array, digest: string, range: string | undefined): Answer {
  const size = bytes.length;
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    Etag: `"${digest}"`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'max-age=31536000',
  };
  const asked = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/.exec(range ?? '');
  if (asked === null) return { status: 200, headers, body: bytes };
  const [, from, to, fromEnd] = asked;
  const first = from === undefined ? Math.max(0, size - Number(fromEnd)) : Number(from);
  const last = to ? Math.min(Number(to), size - 1) : size - 1;
  if (first > last) return { status: 416, headers: { 'Content-Range': `bytes */${size}` } };
  return {
    status: 206,
    headers: { ...headers, 'Content-Range': `bytes ${first}-${last}/${size}` },
    body: bytes.subarray(first, last + 1),
  };
}
