/**
 * The headers of tar archives, POSIX ustar with PAX extended headers
 * (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html). Pure.
 *
 * Names of files are bytes, not text: here a path is a string with one character a byte (latin1), so that every name that a
 * file system has comes back as it was.
 */
export interface TarEntry {
  /** Below the root, parts divided by `/`, neither at the start nor at the end; `''` is the root itself. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  /** Permission bits with set-user-ID, set-group-ID and sticky: at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Microseconds since 1970. */
  readonly mtimeUs: number;
  /** Bytes of content; 0 unless it is a file. */
  readonly size: number;
  /** Where a symbolic link leads, or the path of the file that a hard link is another name of; else `''`. */
  readonly link: string;
}

/** Everything in a tar archive comes in blocks of this many bytes. */
export const BLOCK = 512;

/** Bytes of zeros that follow `size` bytes of content. */
export function paddingAfter(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

const TYPES = { file: '0', hardlink: '1', symlink: '2', directory: '5' } as const;
const MAX_ID = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
/** Bytes of the fields for the path and the link. */
export const NAME_BYTES = 100;

/** The header of an entry, with a PAX header in front of it if there is something that the plain one cannot hold. */
export function encodeHeader(entry: TarEntry): Buffer {
  const path = entry.type === 'directory' ? `${entry.path || '.'}/` : entry.path;
  const seconds = Math.floor(entry.mtimeUs / 1e6);
  const records = [
    fitsName(path) ? '' : paxRecord('path', path),
    fitsName(entry.link) ? '' : paxRecord('linkpath', entry.link),
    entry.size <= MAX_OCTAL_11 ? '' : paxRecord('size', String(entry.size)),
    entry.uid <= MAX_ID ? '' : paxRecord('uid', String(entry.uid)),
    entry.gid <= MAX_ID ? '' : paxRecord('gid', String(entry.gid)),
    entry.mtimeUs === seconds * 1e6 && fitsOctal(seconds) ? '' : paxRecord('mtime', timeText(entry.mtimeUs)),
  ].join('');
  const plain = encodeBlock({
    name: path,
    type: TYPES[entry.type],
    mode: entry.mode,
    uid: entry.uid <= MAX_ID ? entry.uid : 0,
    gid: entry.gid <= MAX_ID ? entry.gid : 0,
    size: entry.size <= MAX_OCTAL_11 ? entry.size : 0,
    mtime: fitsOctal(seconds) ? seconds : 0,
    link: entry.link,
  });
  if (records === '') return plain;
  const pax = encodeBlock({
    ...{ name: 'PaxHeader', type: 'x', mode: 0o644, uid: 0, gid: 0, mtime: 0, link: '' },
    size: records.length,
  });
  const content = Buffer.alloc(records.length + paddingAfter(records.length));
  content.write(records, 'latin1');
  return Buffer.concat([pax, content, plain]);
}

function fitsName(path: string): boolean {
  // Anything but ASCII is in the PAX header, whose encoding is known; a name at full length has no end mark to rely on.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is asked for
  return path.length < NAME_BYTES && /^[\x01-\x7f]*$/.test(path);
}

function fitsOctal(number: number): boolean {
  return number >= 0 && number <= MAX_OCTAL_11;
}

/** Microseconds as decimal seconds: `-1.5`, `1700000000.000001`. */
function timeText(microseconds: number): string {
  const digits = String(Math.abs(microseconds)).padStart(7, '0');
  return `${microseconds < 0 ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (length < rest.length + String(length).length) length = rest.length + String(length).length;
  return `${length}${rest}`;
}

/** One header block as it stands in the archive. */
export interface PlainHeader {
  readonly name: string;
  /** `0` file, `1` hard link, `2` symbolic link, `5` directory, `x` PAX header of the next entry, and others. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly link: string;
}

function encodeBlock(header: PlainHeader): Buffer {
  const block = Buffer.alloc(BLOCK);
  const text = (value: string, offset: number, length: number) =>
    block.write(value, offset, Math.min(length, value.length), 'latin1');
  const octal = (value: number, offset: number, length: number) =>
    text(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, length);
  text(header.name, 0, NAME_BYTES);
  octal(header.mode, 100, 8);
  octal(header.uid, 108, 8);
  octal(header.gid, 116, 8);
  octal(header.size, 124, 12);
  octal(header.mtime, 136, 12);
  text(header.type, 156, 1);
  text(header.link, 157, NAME_BYTES);
  text('ustar\x0000', 257, 8);
  text(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 8);
  return block;
}

/** The sum of a header's bytes, its own checksum field read as spaces. */
export function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] as number;
  return sum;
}
