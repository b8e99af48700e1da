import { randomUUID } from 'node:crypto';
import { type Content, DIGEST, digestOf } from './content.ts';
import { type Answer, type Exchange, errorAnswer } from './exchange.ts';

/** An upload that is not done. */
interface Session {
  readonly id: string;
  readonly repository: string;
  readonly chunks: Uint8Array[];
  size: number;
}

/** The uploads of a registry. */
export interface Uploads {
  /** Answers `POST /v2/<repository>/blobs/uploads/`, which may mount a blob instead. */
  readonly begin: (exchange: Exchange, repository: string) => Promise<Answer>;
  /** Answers requests for `/v2/<repository>/blobs/uploads/<id>`. */
  readonly goOn: (exchange: Exchange, repository: string, id: string) => Promise<Answer>;
}

/** See {@link Uploads}. */
export function uploadsInto(content: Content, mounts: boolean): Uploads {
  const sessions = new Map<string, Session>();
  return {
    async begin({ url }, repository) {
      const mount = url.searchParams.get('mount') ?? '';
      const from = url.searchParams.get('from') ?? '';
      if (mounts && DIGEST.test(mount) && from !== '' && (await content.mountBlob(repository, mount, from)))
        return created(url, repository, mount);
      const session: Session = { id: randomUUID(), repository, chunks: [], size: 0 };
      sessions.set(session.id, session);
      return { status: 202, headers: whereNext(url, session) };
    },
    async goOn(exchange, repository, id) {
      // The Location of an answer is more than its path.
      if (!exchange.url.searchParams.has('_state'))
        return errorAnswer(404, 'BLOB_UPLOAD_INVALID', 'blob upload invalid');
      const session = sessions.get(id);
      if (session?.repository !== repository)
        return errorAnswer(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
      switch (exchange.method) {
        case 'GET':
        case 'HEAD':
          return { status: 204, headers: whereNext(exchange.url, session) };
        case 'PATCH':
          return await patch(exchange, session);
        case 'PUT': {
          await append(exchange, session);
          // Good or not: this was its end.
          sessions.delete(id);
          return await finish(content, exchange.url, session);
        }
        case 'DELETE':
          sessions.delete(id);
          return { status: 204 };
        default:
          return errorAnswer(405, 'UNSUPPORTED', 'The operation is unsupported.');
      }
    },
  };
}

async function patch(exchange: Exchange, session: Session): Promise<Answer> {
  const range = exchange.headers['content-range'];
  const [, first, last] = /^(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  const length = Number(exchange.headers['content-length'] ?? 0);
  const isNext = Number(first) === session.size && Number(last) - Number(first) + 1 === length;
  if (range !== undefined && !isNext) {
    const { headers, ...answer } = errorAnswer(416, 'RANGE_INVALID', 'invalid content range');
    return { ...answer, headers: { ...headers, ...whereNext(exchange.url, session) } };
  }
  await append(exchange, session);
  return { status: 202, headers: whereNext(exchange.url, session) };
}

/** What comes before a connection breaks is kept. */
async function append({ body }: Exchange, session: Session): Promise<void> {
  for await (const chunk of body()) {
    session.chunks.push(Uint8Array.from(chunk));
    session.size += chunk.length;
  }
}

async function finish(content: Content, url: URL, { repository, chunks }: Session): Promise<Answer> {
  const bytes = Buffer.concat(chunks);
  const digest = url.searchParams.get('digest') ?? '';
  if (digestOf(bytes) !== digest)
    return errorAnswer(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  await content.putBlob(repository, digest, bytes);
  return created(url, repository, digest);
}

function created(url: URL, repository: string, digest: string): Answer {
  return {
    status: 201,
    headers: {
      Location: `${url.origin}/v2/${repository}/blobs/${digest}`,
      'Docker-Content-Digest': digest,
    },
  };
}

/** As distribution does it: a whole URL with a query of its own, and `0-0` for nothing. */
function whereNext({ origin }: URL, { repository, id, size }: Session): Record<string, string> {
  return {
    Location: `${origin}/v2/${repository}/blobs/uploads/${id}?_state=${encodeURIComponent(`${size}=`)}`,
    'Docker-Upload-UUID': id,
    Range: `0-${Math.max(0, size - 1)}`,
  };
}
