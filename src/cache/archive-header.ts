import { EXIT, LayerwrightError } from '../errors.ts';
import { checksumOf, NAME_BYTES, type PlainHeader, type TarEntry } from '../image/tar-header.ts';

export { BLOCK, encodeHeader, paddingAfter } from '../image/tar-header.ts';

/** What an archive of ours holds: no hard links, and the times that Node can set on a file again. */
export interface ArchiveEntry extends TarEntry {
  readonly type: 'file' | 'directory' | 'symlink';
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
