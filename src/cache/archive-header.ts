import { EXIT, LayerwrightError } from '../errors.ts';

/**
 * The headers of tar archives, POSIX ustar with PAX extended headers
 * (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html). Pure.
 *
 * Names of files are bytes, not text: here a path is a string with one character a byte (latin1), so that every name that a
 * file system has comes back as it was.
 */
export interface ArchiveEntry {
  /** Below the directory, parts divided by `/`, neither at the start nor at the end; `''` is the directory itself. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits with set-user-ID, set-group-ID and sticky: at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Microseconds since 1970; what Node can set on a file again. */
  readonly mtimeUs: number;
  /** Bytes of content; 0 unless it is a file. */
  readonly size: number;
  /** Where a symbolic link leads; `''` unless it is one. */
  readonly link: string;
}

/** Everything in a tar archive comes in blocks of this many bytes. */
export const BLOCK = 512;

/** Bytes of zeros that follow `size` bytes of content. */
export function paddingAfter(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

const TYPES = { file: '0', symlink: '2', directory: '5' } as const;
const MAX_ID = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
const NAME_BYTES = 100;

/** The header of an entry, with a PAX header in front of it if there is something that the plain one cannot hold. */
export function encodeHeader(entry: ArchiveEntry): Buffer {
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
interface PlainHeader {
  readonly name: string;
  /** `0` file, `2` symbolic link, `5` directory, `x` PAX header of the next entry, and others. */
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
function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] as number;
  return sum;
}

/** An error for bytes that are no archive of ours. */
export function archiveCorrupt(what: string): LayerwrightError {
  return new LayerwrightError(`the archive is damaged: ${what}`, {
    code: 'CACHE_CORRUPT',
    exit: EXIT.failed,
    hint: 'Nothing was changed. The next save under this key writes it anew.',
  });
}

/** Reads a header block; undefined if it is all zeros, which is how an archive ends. */
export function decodeBlock(block: Buffer): PlainHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (octalAt(block, 148, 8) !== checksumOf(block))
    throw archiveCorrupt("a header's checksum does not match");
  if (textAt(block, 257, 6) !== 'ustar') throw archiveCorrupt('a header is not of the ustar form');
  const name = textAt(block, 0, NAME_BYTES);
  const prefix = block[262] === 0 ? textAt(block, 345, 155) : '';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] as number),
    mode: octalAt(block, 100, 8),
    uid: octalAt(block, 108, 8),
    gid: octalAt(block, 116, 8),
    size: octalAt(block, 124, 12),
    mtime: octalAt(block, 136, 12),
    link: textAt(block, 157, NAME_BYTES),
  };
}

function textAt(block: Buffer, offset: number, length: number): string {
  const field = block.toString('latin1', offset, offset + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

function octalAt(block: Buffer, offset: number, length: number): number {
  const digits = textAt(block, offset, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw archiveCorrupt('a number in a header is not octal');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** The records of a PAX header's content. */
export function decodePax(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const digits = space < 0 ? '' : content.toString('latin1', at, space);
    const end = at + Number(digits);
    const record = content.toString('latin1', space + 1, end);
    const equals = record.indexOf('=');
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > content.length || equals < 1 || !record.endsWith('\n'))
      throw archiveCorrupt('an extended header is damaged');
    records.set(record.slice(0, equals), record.slice(equals + 1, -1));
    at = end;
  }
  return records;
}

/**
 * What a header and the PAX header before it say together.
 *
 * @throws LayerwrightError `CACHE_CORRUPT` (1) for what we never write: other types than files, directories and symbolic links, and paths that
 *   are absolute or lead upwards
 */
export function toEntry(header: PlainHeader, pax: ReadonlyMap<string, string>): ArchiveEntry {
  const type = { 0: 'file', '\0': 'file', 2: 'symlink', 5: 'directory' }[header.type];
  if (type === undefined) throw archiveCorrupt(`an entry of type ${JSON.stringify(header.type)}`);
  const number = (key: string, plain: number) => numberOf(pax.get(key)) ?? plain;
  return {
    path: checkedPath(pax.get('path') ?? header.name, type === 'directory'),
    type: type as ArchiveEntry['type'],
    mode: header.mode & 0o7777,
    uid: number('uid', header.uid),
    gid: number('gid', header.gid),
    mtimeUs: microsecondsOf(pax.get('mtime')) ?? header.mtime * 1e6,
    size: type === 'file' ? number('size', header.size) : 0,
    link: type === 'symlink' ? checkedLink(pax.get('linkpath') ?? header.link) : '',
  };
}

function checkedPath(raw: string, directory: boolean): string {
  const path = raw.replace(/^\.\//, '').replace(directory ? /\/$/ : /$^/, '');
  if (directory && (path === '' || path === '.')) return '';
  const parts = path.split('/');
  if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw archiveCorrupt(`the path ${JSON.stringify(raw.slice(0, 200))} leaves the directory`);
  return path;
}

function checkedLink(link: string): string {
  if (link === '' || link.includes('\0')) throw archiveCorrupt('a symbolic link that leads nowhere');
  return link;
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw archiveCorrupt('a number in an extended header is none');
  return value;
}

/** Decimal seconds as whole microseconds, rounded down. */
function microsecondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, sign, seconds, fraction = ''] = /^(-?)(\d{1,11})(?:\.(\d*))?$/.exec(text) ?? [];
  if (seconds === undefined) throw archiveCorrupt('a time in an extended header is none');
  const size = Number(seconds) * 1e6 + Number(fraction.padEnd(6, '0').slice(0, 6));
  return sign === '' ? size : -size - (/[1-9]/.test(fraction.slice(6)) ? 1 : 0);
}
