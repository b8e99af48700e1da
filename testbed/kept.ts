import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildGoPrograms } from '../src/engine/go-build.ts';
import { cacheDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { keepOnce } from '../src/host/kept.ts';
import type { Steps } from '../src/host/steps.ts';

/** A program of the testbed that is compiled from a Go module in `go/`. */
export interface GoPart {
  readonly name: 'registry' | 'versitygw' | 'docker';
  readonly version: string;
  readonly packages: readonly string[];
}

/** Absolute path of a file of the testbed's own. */
export function ownFile(path: string): string {
  return fileURLToPath(new URL(`./${path}`, import.meta.url));
}

/**
 * Makes a part once and keeps it in the user's cache directory, where all testbeds share it.
 *
 * @param make fills the directory it is given
 * @returns the directory
 */
export async function keepPart(
  host: Host,
  steps: Steps,
  part: { readonly name: string; readonly version: string; readonly title: string },
  make: (into: string) => Promise<void>,
): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const directory = join(cacheDirectory(host.env), 'testbed', `${part.name}-${part.version}-${platform}`);
  await keepOnce(
    directory,
    (into) => steps.step(part.title, () => make(into)),
    () => steps.note(`Waiting for another run that provisions ${part.name}`),
  );
  return directory;
}

/** Compiles a part's programs once; returns the directory that they are in. */
export async function keepGoPart(host: Host, steps: Steps, part: GoPart): Promise<string> {
  const title = `Compiling ${part.name} ${part.version} with Go (some minutes the first time)`;
  const directory = await keepPart(host, steps, { ...part, title }, async (into) => {
    await buildGoPrograms(host, { module: ownFile(`go/${part.name}`), packages: part.packages }, into);
    await rm(join(into, 'source'), { recursive: true });
  });
  return join(directory, 'bin');
}
