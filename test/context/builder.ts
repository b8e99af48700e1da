import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/host/exec.ts';
import { type Seen, seenInTar } from './trees.ts';

/** Builds a Dockerfile with the testbed's BuildKit; what it says if it fails, else the file system of the last stage. */
export async function buildkit(
  directory: string,
  context: string,
  dockerfile: string,
  named: Readonly<Record<string, string>> = {},
): Promise<{ readonly error: string } | { readonly seen: Map<string, Seen> }> {
  const file = join(directory, 'Dockerfile');
  const output = join(directory, 'out.tar');
  await writeFile(file, dockerfile);
  const contexts = Object.entries(named).flatMap(([name, path]) => ['--build-context', `${name}=${path}`]);
  const { exitCode, stderr } = await run([
    ...['buildx', 'build', '--progress=plain', '--provenance=false', '-f', file],
    ...[...contexts, '--output', `type=tar,dest=${output}`, context],
  ]);
  if (exitCode !== 0) return { error: /ERROR: (?!process).*$/m.exec(stderr)?.[0] ?? stderr };
  return { seen: seenInTar(await readFile(output)) };
}
