import { LayerwrightError } from '../../errors.ts';
import { isEmptyRange } from './s3-errors.ts';

/** Bytes that are asked for at a time, and how many requests are under way: one connection to S3 is slower than a network. */
const RANGE = 4 * 1024 * 1024;
const AHEAD = 3;

/** Tries for a range whose answer broke off in the middle, which the SDK does not try again. */
const TRIES = 3;

interface Piece {
  readonly chunks: readonly Uint8Array[];
  /** Bytes of the whole object. */
  readonly total: number;
  /** Of the whole object: the same in all pieces, or it was replaced meanwhile. */
  readonly etag: string | undefined;
}

export interface RangedObject {
  readonly get: (range: string, etag: string | undefined, signal: AbortSignal) => Promise<Piece>;
  /** What an error of `get` means to a user. */
  readonly known: (error: unknown) => unknown;
}

/**
 * Reads an object in ranges, some ahead. Resolves when the first one is there.
 *
 * @throws what `get` throws, as it is for the first range, as `known` tells it later
 */
export async function inRanges(object: RangedObject): Promise<AsyncIterable<Uint8Array>> {
  const stop = new AbortController();
  const first = await again(object, () => object.get(`bytes=0-${RANGE - 1}`, undefined, stop.signal)).catch(
    (error: unknown): Piece => {
      if (isEmptyRange(error)) return { chunks: [], total: 0, etag: undefined };
      throw error;
    },
  );
  return rest(object, first, stop);
}

async function* rest(object: RangedObject, first: Piece, stop: AbortController): AsyncGenerator<Uint8Array> {
  const queue: Promise<Piece>[] = [];
  let next = RANGE;
  const ask = () => {
    const range = `bytes=${next}-${Math.min(next + RANGE, first.total) - 1}`;
    const piece = again(object, () => object.get(range, first.etag, stop.signal));
    // Told when its turn comes; until then it is no unhandled rejection.
    piece.catch(() => {});
    queue.push(piece);
    next += RANGE;
  };
  try {
    for (let piece: Piece | undefined = first; piece !== undefined; piece = await queue.shift()) {
      while (queue.length < AHEAD && next < first.total) ask();
      yield* piece.chunks;
    }
  } catch (error) {
    throw object.known(error);
  } finally {
    stop.abort();
  }
}

/** Tries again what broke off in the middle. */
async function again(object: RangedObject, get: () => Promise<Piece>): Promise<Piece> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await get();
    } catch (error) {
      const known = object.known(error);
      const temporary = known instanceof LayerwrightError && known.temporary;
      // The SDK itself has tried again whatever failed before an answer came.
      const brokeOff = (error as { $metadata?: unknown }).$metadata === undefined;
      if (!temporary || !brokeOff || attempt === TRIES) throw error;
    }
  }
}
