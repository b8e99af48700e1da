import type { PathEntry } from '../image/path-entry.ts';
import { encodeHeader } from '../image/tar-header.ts';

/**
 * The header blocks of an entry of a layer; its content follows, padded to whole blocks of 512 bytes.
 *
 * @param mtime seconds since 1970
 * @throws Error for devices and pipes, which we never write, and modes that do not fit: our bug
 */
export function tarEntryHeader(entry: PathEntry, mtime: number): Buffer {
  const { path, type, mode, uid, gid, size, link } = entry;
  if (type === 'character' || type === 'block' || type === 'fifo')
    throw new Error(`${path}: a layer of ours holds no ${type} entry`);
  if (path === '' || mode < 0 || mode > 0o7777) throw new Error(`not an entry of a layer: ${path} ${mode}`);
  return encodeHeader({
    ...{ path: bytesOf(path), link: bytesOf(link), type, mode, uid, gid, mtimeUs: mtime * 1e6 },
    size: type === 'file' ? size : 0,
  });
}

/** Text as UTF-8, one character a byte: how the archive's headers are written. */
function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
