import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from './shell-scripts.ts';

/**
 * A directory for PATH with `layerwright`, which is this very program on this very Node, and `codebuild-hash-files`.
 *
 * @param workDirectory of this run alone
 * @param launcher absolute path of bin/layerwright.js
 * @returns absolute path
 */
export async function putPrograms(workDirectory: string, launcher: string): Promise<string> {
  const bin = join(workDirectory, 'bin');
  await mkdir(bin, { mode: 0o755 });
  const self = `exec ${quoted(process.execPath)} ${quoted(launcher)}`;
  for (const [name, words] of [
    ['layerwright', ''],
    ['codebuild-hash-files', ' ci hash-files --'],
  ] as const) {
    await writeFile(join(bin, name), `#!/bin/sh\n${self}${words} "$@"\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}
