/** Below these everything may differ between two runs of the same: logs, caches, lists that are fetched. */
const VOLATILE =
  /^(?:(?:tmp|run|var\/(?:log|cache|tmp|run|lib\/apt\/lists))|(?:root|home\/[^/]+)\/\.(?:cache(?!\/pypoetry\/virtualenvs\/)|npm|cargo\/registry))\//;

/** Whether a file is in a place that is other in each run. Environments that poetry makes below its cache are not. */
export function isVolatile(path: string): boolean {
  return VOLATILE.test(path);
}

/** A file whose presence says that something compares times, and the directory below which they then stay as they are. */
interface Timekeeper {
  readonly file: RegExp;
  readonly scope: (path: string) => string;
}

const up = (path: string, levels: number): string => path.split('/').slice(0, -levels).join('/');

const TIMEKEEPERS: readonly Timekeeper[] = [
  // Whoever runs `make` again finds out by times what is to be done.
  { file: /(?:^|\/)(?:GNUmakefile|[mM]akefile|build\.ninja|CMakeCache\.txt)$/, scope: (path) => up(path, 1) },
  // Java uses an archive of classes only for the `lib/modules` of that time: `lib/server/classes.jsa`.
  { file: /\.jsa$/, scope: (path) => up(path, 2) },
  // fontconfig compares the times of directories.
  { file: /^var\/cache\/fontconfig\//, scope: () => 'usr/share/fonts' },
  { file: /^var\/cache\/fontconfig\//, scope: () => 'usr/local/share/fonts' },
];

/**
 * The directories, none of them the root, below which something compares the times of files, so that they must stay.
 *
 * @param paths files that belong to no distribution
 */
export function timekeptDirectories(paths: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of paths)
    for (const { file, scope } of TIMEKEEPERS) if (file.test(path)) found.add(scope(path));
  found.delete('');
  return found;
}
