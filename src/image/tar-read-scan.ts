import { layerUnreadable } from './layer-unreadable.ts';
import type { PathEntry } from './path-entry.ts';
import {
  decodeTarHeader,
  decodeTarRecords,
  TAR_BLOCK,
  type TarHeader,
  type TarRecords,
  tarEntry,
} from './tar-read.ts';

/** How much of an archive is kept in memory. */
export interface ScanLimits {
  /** Bytes of one file's content; larger ones are passed over. */
  readonly fileBytes: number;
  /** Bytes of all contents together; what comes later is passed over. */
  readonly totalBytes: number;
}

/** Takes an archive in pieces, as they come. */
export interface TarScanner {
  /** The next piece; its memory may be used again afterwards. @throws LayerwrightError `LAYER_UNREADABLE` (1) */
  readonly push: (piece: Buffer) => void;
  /** After the last piece. @throws LayerwrightError `LAYER_UNREADABLE` (1) if the archive is cut off */
  readonly end: () => ScannedTar;
}

/** What an archive holds. */
export interface ScannedTar {
  /** In the archive's order. */
  readonly entries: readonly PathEntry[];
  /** Of the wanted files that fit the limits, by path. Of two of one path the later one. */
  readonly contents: Map<string, Buffer>;
}

/** Names and extended headers are short. */
const MAX_RECORDS = 1024 * 1024;

/** A scanner of one archive that keeps all headers and the content of small wanted files. Pure: who has bytes pushes them. */
export function tarScanner(wanted: (path: string) => boolean, limits: ScanLimits): TarScanner {
  const entries: PathEntry[] = [];
  const contents = new Map<string, Buffer>();
  let global: TarRecords = new Map();
  let own = new Map<string, Buffer>();
  let kept = 0;
  let ended = false;
  let skip = 0;
  let collected = collector(TAR_BLOCK);
  let whenCollected: (content: Buffer) => void = onBlock;

  function expect(size: number, then: (content: Buffer) => void): void {
    collected = collector(size);
    whenCollected = then;
    if (size === 0) then(Buffer.alloc(0));
  }

  function nextHeader(after: number): void {
    skip = (TAR_BLOCK - (after % TAR_BLOCK)) % TAR_BLOCK;
    collected.reset(TAR_BLOCK);
    whenCollected = onBlock;
  }

  function onBlock(block: Buffer): void {
    const header = decodeTarHeader(block);
    if (header === undefined) ended = true;
    else if ('xgLK'.includes(header.type)) extended(header);
    else onEntry(header);
  }

  function extended({ type, size }: TarHeader): void {
    if (size > MAX_RECORDS) throw layerUnreadable('an extended tar header is too long');
    expect(size, (content) => {
      if (type === 'g') global = new Map([...global, ...decodeTarRecords(content)]);
      else if (type === 'x') own = new Map([...own, ...decodeTarRecords(content)]);
      else own.set(type === 'L' ? 'path' : 'linkpath', untilZero(content));
      nextHeader(size);
    });
  }

  function onEntry(header: TarHeader): void {
    const records = global.size === 0 ? own : new Map([...global, ...own]);
    const { entry, bytes } = tarEntry(header, records);
    if (own.size > 0) own = new Map();
    entries.push(entry);
    contents.delete(entry.path);
    const fits = bytes <= limits.fileBytes && kept + bytes <= limits.totalBytes;
    if (entry.type === 'file' && fits && wanted(entry.path)) {
      kept += bytes;
      expect(bytes, (content) => {
        contents.set(entry.path, Buffer.from(content));
        nextHeader(bytes);
      });
      return;
    }
    nextHeader(0);
    skip = bytes + ((TAR_BLOCK - (bytes % TAR_BLOCK)) % TAR_BLOCK);
  }

  return {
    push(piece) {
      for (let at = 0; at < piece.length && !ended; ) {
        if (skip > 0) {
          const step = Math.min(skip, piece.length - at);
          skip -= step;
          at += step;
          continue;
        }
        const content = collected.take(piece, at);
        at += collected.taken();
        if (content) whenCollected(content);
      }
    },
    end() {
      // An archive without its end mark is taken, as Go's reader does; one that is cut off within an entry is not.
      if (!ended && (skip > 0 || !collected.empty() || whenCollected !== onBlock || own.size > 0))
        throw layerUnreadable('the tar archive is cut off');
      return { entries, contents };
    },
  };
}

interface Collector {
  /** The whole, as soon as it is there; it shares memory with the piece if that holds all of it. */
  readonly take: (piece: Buffer, at: number) => Buffer | undefined;
  /** How many bytes the last `take` used. */
  readonly taken: () => number;
  readonly reset: (size: number) => void;
  readonly empty: () => boolean;
}

/** Puts so many bytes together from pieces. */
function collector(firstSize: number): Collector {
  let size = firstSize;
  let filled = 0;
  let taken = 0;
  let buffer: Buffer | undefined;
  return {
    take(piece, at) {
      taken = Math.min(size - filled, piece.length - at);
      if (filled === 0 && taken === size) return piece.subarray(at, at + taken);
      if (buffer === undefined || buffer.length !== size) buffer = Buffer.alloc(size);
      piece.copy(buffer, filled, at, at + taken);
      filled += taken;
      if (filled < size) return undefined;
      filled = 0;
      return buffer;
    },
    taken: () => taken,
    reset(next) {
      size = next;
      filled = 0;
    },
    empty: () => filled === 0,
  };
}

function untilZero(content: Buffer): Buffer {
  const end = content.indexOf(0);
  return Buffer.from(end < 0 ? content : content.subarray(0, end));
}
