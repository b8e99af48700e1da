import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** Words that are to be found nowhere, by what they are. */
export type Canaries = Readonly<Record<string, string>>;

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/** What a blob says, unpacked if it is packed; tar archives are searched as they are. */
function opened(bytes: Buffer): Buffer {
  const begins = (magic: readonly number[]) => magic.every((byte, index) => bytes[index] === byte);
  if (begins(GZIP)) return gunzipSync(bytes);
  return begins(ZSTD) ? zstdDecompressSync(bytes) : bytes;
}

/** Which canaries stand in a file, by kind. */
export function leaked(bytes: Buffer, canaries: Canaries): string[] {
  const content = opened(bytes);
  return Object.entries(canaries)
    .filter(([, value]) => content.includes(value))
    .map(([kind]) => kind);
}

/**
 * The same of all files below a directory, of which there has to be one.
 *
 * @param since milliseconds since 1970: older files are others' (damaged blobs of their tests among them)
 */
export async function leakedBelow(directory: string, canaries: Canaries, since = 0): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  let files = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await stat(path)).mtimeMs < since) continue;
    files++;
    for (const kind of leaked(await readFile(path), canaries))
      found.push(`${kind} in ${path.slice(directory.length)}`);
  }
  assert.ok(files > 0, `${directory} has files to search`);
  return found;
}
