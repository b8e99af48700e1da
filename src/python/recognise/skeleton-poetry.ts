import { parse, stringify, type TomlTable } from 'smol-toml';
import type { NotRecognised } from './recognise.ts';

/**
 * A pyproject.toml with what of a project's decides how the environment looks that Poetry makes for it: its name is in the prompt,
 * and it says which Pythons it takes.
 *
 * @param text of the project's
 */
export function poetryStub(text: string): string | NotRecognised {
  let document: TomlTable;
  try {
    document = parse(text);
  } catch {
    return { reason: 'pyproject.toml is not understood' };
  }
  const project = document.project as TomlTable | undefined;
  const poetry = (document.tool as TomlTable | undefined)?.poetry as TomlTable | undefined;
  if (poetry?.['requires-plugins'] !== undefined) return { reason: 'pyproject.toml wants plugins of poetry' };
  const dependencies = poetry?.dependencies as TomlTable | undefined;
  const settings = {
    ...chosen(poetry, ['package-mode', 'requires-poetry']),
    // Older ones insist on these, where the project does not have them.
    ...(project === undefined && { ...chosen(poetry, ['name']), version: '0', description: '', authors: [] }),
    ...(dependencies?.python !== undefined && { dependencies: { python: dependencies.python } }),
  };
  return stringify({
    ...(project && { project: { ...chosen(project, ['name', 'requires-python']), version: '0' } }),
    tool: { poetry: settings },
  });
}

function chosen(table: TomlTable | undefined, keys: readonly string[]): TomlTable {
  return Object.fromEntries(
    keys.flatMap((key) => (table?.[key] === undefined ? [] : [[key, table[key]] as const])),
  );
}

/**
 * The words of a command that has Poetry make its environment without the files of the project.
 *
 * @param made how it does that where they are: see `LockedInstall.skeleton`
 * @param project its directory, absolute, in which there is no pyproject.toml
 */
export function poetrySkeleton(made: readonly string[], project: string, stub: string): readonly string[] {
  const script =
    'mkdir -p "$1" && f="$1/pyproject.toml" && printf %b "$2" > "$f" && shift 2 && "$@" && rm "$f"';
  // It has to be one line.
  const line = stub.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return ['sh', '-c', script, 'sh', project, line, ...made];
}
