/**
 * Writes the checksums of the pinned release files to `src/engine/releases-sums.ts`.
 *
 * For maintainers, after a version in `src/engine/releases.ts` was changed, where github.com is reachable:
 * `node scripts/pin-releases.ts`. It downloads each file and hashes it; compare with what the projects publish
 * before the result is committed. `--check` writes nothing and fails if the table differs.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allReleaseAssets } from '../src/engine/releases.ts';

const TABLE = join(import.meta.dirname, '..', 'src', 'engine', 'releases-sums.ts');
const BASE = process.env.LAYERWRIGHT_DOWNLOAD_BASE || 'https://github.com';

async function sumOfUrl(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`${url}: HTTP ${response.status}`);
  const hash = createHash('sha256');
  for await (const chunk of response.body) hash.update(chunk);
  return hash.digest('hex');
}

/** The table's file with other entries; its comment stays. */
function rewritten(text: string, sums: readonly (readonly [string, string])[]): string {
  const declaration = 'export const RELEASE_SHA256: Readonly<Record<string, string>> = ';
  const start = text.indexOf(declaration);
  if (start < 0) throw new Error(`${TABLE} has no RELEASE_SHA256`);
  const entries = sums.map(([path, sum]) => `  '${path}':\n    '${sum}',\n`).join('');
  return `${text.slice(0, start)}${declaration}{\n${entries}};\n`;
}

const sums: [string, string][] = [];
for (const { path } of allReleaseAssets()) {
  const sum = await sumOfUrl(`${BASE.replace(/\/$/, '')}/${path}`);
  process.stderr.write(`${sum}  ${path}\n`);
  sums.push([path, sum]);
}
const before = await readFile(TABLE, 'utf8');
const after = rewritten(before, sums);
if (process.argv.includes('--check')) {
  if (after !== before) {
    process.stderr.write('src/engine/releases-sums.ts differs from what was downloaded\n');
    process.exitCode = 1;
  }
} else {
  await writeFile(TABLE, after);
}
