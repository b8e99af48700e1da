import type { CopyInstruction } from './instruction.ts';
import { expandFully } from './lex.ts';
import { expandIn, type Scope, unknownOf } from './scope.ts';

/** A COPY or ADD with variables put in. */
export interface ExpandedCopy {
  readonly copy: CopyInstruction;
  /** Names in it whose values are not known here: then the texts are wrong. */
  readonly unknown: readonly string[];
}

/**
 * Puts variables into a COPY or ADD: into sources, destination, `--chown`, `--chmod`, `--checksum` and the content of
 * heredocs; not into `--from` and `--exclude`.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function expandCopy(scope: Scope, copy: CopyInstruction): ExpandedCopy {
  const unknown = new Set<string>();
  const put = (text: string) => {
    const expanded = expandIn(scope, text, copy.line);
    for (const name of expanded.unknown) unknown.add(name);
    return expanded.text;
  };
  const putInside = (text: string) => {
    // In a heredoc a backslash escapes whatever `# escape=` says, and quotes are characters.
    const place = { path: scope.path, line: copy.line };
    const expanded = expandFully(text, scope.environment, { ignoreQuotes: true, place });
    for (const name of unknownOf(scope, expanded.names)) unknown.add(name);
    return expanded.text;
  };
  const expanded = {
    ...copy,
    chown: put(copy.chown),
    chmod: put(copy.chmod),
    checksum: put(copy.checksum),
    sources: copy.sources.map(put),
    destination: put(copy.destination),
    inline: copy.inline.map((file) =>
      file.expand ? { ...file, content: putInside(file.content), expand: false } : file,
    ),
  };
  return { copy: expanded, unknown: [...unknown] };
}

/** True if a source of ADD may be anything but a path in the build context: a URL, a git repository. */
export function isRemoteSource(source: string): boolean {
  return /^(?:[a-zA-Z0-9]+:\/\/|[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:)/.test(source);
}
