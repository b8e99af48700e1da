import type { RefuseWheel } from '../python/wheel-error.ts';

const UTF_8 = 0x800;
/** Info-ZIP's field for a name in UTF-8 beside one in another encoding. */
const UNICODE_PATH = 0x7075;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The name of a member. Without the flag for UTF-8 the encoding of anything but ASCII is unknown: refused.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export function decodeName(
  bytes: Buffer,
  flags: number,
  extra: ReadonlyMap<number, Buffer>,
  refuse: RefuseWheel,
): string {
  const raw = bytes.toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is asked for
  const ascii = /^[\x00-\x7f]*$/.test(raw);
  if (!ascii && !(flags & UTF_8)) throw refuse('its name is neither ASCII nor marked as UTF-8', raw);
  const other = extra.get(UNICODE_PATH);
  if (other !== undefined && !other.subarray(5).equals(bytes)) throw refuse('it has two names', raw);
  if (ascii) return raw;
  try {
    return decoder.decode(bytes);
  } catch {
    throw refuse('its name is not UTF-8', raw);
  }
}

/**
 * Refuses paths that lead out of the wheel or mean different things on different machines, files that are there twice, and files
 * that are directories of others.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export function checkPaths(
  files: readonly string[],
  directories: readonly string[],
  refuse: RefuseWheel,
): void {
  const seen = new Map<string, string>();
  const parents = new Set(directories);
  for (const path of files) {
    checkPath(path, refuse);
    const folded = path.toLowerCase();
    const same = seen.get(folded);
    if (same === path) throw refuse('it is there twice', path);
    if (same !== undefined) throw refuse(`it differs from ${JSON.stringify(same)} in letter case only`, path);
    seen.set(folded, path);
    for (let end = path.lastIndexOf('/'); end > 0 && !parents.has(path.slice(0, end)); ) {
      parents.add(path.slice(0, end));
      end = path.lastIndexOf('/', end - 1);
    }
  }
  for (const path of directories) checkPath(path, refuse);
  for (const path of files) if (parents.has(path)) throw refuse('it is a file and a directory at once', path);
}

function checkPath(path: string, refuse: RefuseWheel): void {
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) throw refuse('its path is absolute', path);
  if (path.includes('\\')) throw refuse('its path has a backslash', path);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is asked for
  if (/[\x00-\x1f\x7f]/.test(path)) throw refuse('its path has a control character', path);
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw refuse('its path leads out of the wheel', path);
}
