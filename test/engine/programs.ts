import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What a stand-in program does with its arguments: a shell `case` body, e.g. `version) echo 1.2 ;;`. */
export type Answers = string;

/** The text of a real program (a shell script) that answers to some arguments and fails on all others. */
export function program(answers: Answers): string {
  return `#!/bin/sh\ncase "$*" in\n${answers}\n*) echo "unexpected: $*" >&2; exit 64 ;;\nesac\n`;
}

/** Puts programs into a directory, by name. */
export async function putPrograms(directory: string, programs: Record<string, Answers>): Promise<void> {
  for (const [name, answers] of Object.entries(programs)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, program(answers));
    await chmod(path, 0o755);
  }
}

export const ANSWERS = {
  buildx: (version: string) => `version) echo "github.com/docker/buildx v${version} 0123abc" ;;`,
  plain: (line: string) => `--version) echo "${line}" ;;`,
  docker: (daemon: string | undefined, buildx: string | undefined) =>
    [
      daemon === undefined
        ? 'version*) echo "Cannot connect to the Docker daemon" >&2; exit 1 ;;'
        : `version*) echo "${daemon}" ;;`,
      buildx === undefined
        ? '"buildx version") echo "docker: unknown command: docker buildx" >&2; exit 1 ;;'
        : `"buildx version") echo "github.com/docker/buildx v${buildx} 0123abc" ;;`,
    ].join('\n'),
};
