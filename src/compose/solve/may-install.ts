import type { SolveRequest } from './solve-request.ts';

/** Programs that install distributions somewhere in what they run. */
const INSTALLERS =
  /(?<![\w-])(?:pip[\d.]*|pipx|uv|poetry|pipenv|pdm|hatch|conda|mamba|micromamba|easy_install|setup\.py)(?![\w-])/;

/** True if an instruction, as written, may install distributions. */
export function isInstaller(text: string): boolean {
  return INSTALLERS.test(text);
}

/** True if what comes of a segment may hold distributions, so that it is worth trying to lay it out anew. */
export function mayInstall({ node, from, to, command }: SolveRequest): boolean {
  if (command !== undefined) return false;
  return node.instructions
    .slice(from, to + 1)
    .some(
      (instruction, index) =>
        instruction.kind === 'run' &&
        isInstaller(node.stage.instructions[from + index]?.scanned.logical ?? ''),
    );
}
