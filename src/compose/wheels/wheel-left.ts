import type { PathEntry } from '../../image/path-entry.ts';
import { ancestorsOf, sortedByPath } from '../../layers/layer-directories.ts';
import { writeLayer } from '../../layers/write-layer.ts';
import { keyOf } from '../../plan/key.ts';
import type { ImageState, WrittenLayer } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';

/** A file, directory or link that a build leaves in the image beside the installation. */
export interface LeftEntry {
  readonly entry: PathEntry;
  /** Of a file's content, 64 hex digits. */
  readonly sha256: string | undefined;
}

/** What builds leave in the image; contents by their hash. */
export interface LeftBehind {
  /** Sorted by path. */
  readonly entries: readonly LeftEntry[];
  /** Undefined if it cannot be had any more. */
  readonly content: () => Promise<ReadonlyMap<string, Uint8Array> | undefined>;
}

/**
 * What a build left as a layer, with every directory above as the image has it; undefined if it left nothing.
 *
 * @throws its `write`: Error if the contents are gone from the cache repository
 */
export function leftLayer(
  { entries, content }: LeftBehind,
  title: string,
  line: number,
  { files }: Pick<ImageState, 'files'>,
  { compression, mtime }: Pick<ComposeRequest, 'compression' | 'mtime'>,
): WrittenLayer | undefined {
  if (entries.length === 0) return undefined;
  const own = new Map(entries.map((one) => [one.entry.path, one]));
  const above = [...ancestorsOf([...own.keys()])].filter((path) => !own.has(path));
  const directories = above.flatMap((path) => files.index.get(path) ?? []);
  const all = sortedByPath([...directories, ...entries.map(({ entry }) => entry)]).map((entry) => ({
    ...{ entry, sha256: own.get(entry.path)?.sha256 },
  }));
  return {
    kind: 'extract',
    key: keyOf('left-layer', {
      compression,
      entries: all.map(({ entry, sha256 }) => ({ ...entry, sha256 })),
    }),
    ...{ title, line, bytes: entries.reduce((sum, { entry }) => sum + entry.size, 0) },
    async write(directory) {
      const contents = await content();
      if (contents === undefined) throw new Error('what a build left behind is not kept any more');
      const written = all.map(({ entry, sha256 }) => ({
        entry,
        ...(sha256 !== undefined && entry.size > 0 && { content: contents.get(sha256) as Uint8Array }),
      }));
      return await writeLayer(written, { directory, compression, mtime });
    },
  };
}
