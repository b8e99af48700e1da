import { rm } from 'node:fs/promises';
import { inParallel } from '../host/parallel.ts';
import type { MadeLayer } from '../layers/layer.ts';
import { type LayerEntry, writeLayer } from '../layers/write-layer.ts';
import { type AddedFiles, gatherAdded } from './added-files.ts';
import { bytecodeTimes } from './bytecode-times.ts';
import { contentFile } from './content-file.ts';
import { type Placement, placeFiles } from './placement.ts';
import { timekeptDirectories } from './places.ts';
import { checkFiles, checkLinks, layerEntries, type Written } from './planned-layers.ts';
import { recompile } from './recompile.ts';
import { removedEntries } from './removed.ts';
import {
  CannotSplit,
  type NotSplit,
  type SplitKind,
  type SplitLayer,
  type SplitLayers,
  type SplitRequest,
} from './request.ts';
import { isWorthSplitting } from './worth.ts';

const AT_ONCE = 2;

/**
 * Writes the files of a solved segment's layers again, as layers that do not depend on when and in which order they came to be: one
 * for each group of distributions, one of the rest, one of caches and logs. Upon the image below they give the same files, in
 * type, mode, owner, link and content, but for the times: these are the given one, in bytecode too, where nothing compares them; and
 * but for how bytecode shares equal constants. Each added layer is read once, as it comes; memory does not depend on their size.
 *
 * @returns a reason if that is not surely so, or not worth it; then nothing stays in `directory`
 * @throws LayerwrightError `BLOB_CORRUPT` (1), `LAYER_UNREADABLE` (1), `BYTECODE_FAILED` (1), `DISK_FULL` (75), `FILE_UNUSABLE` (2),
 *   `INTERRUPTED` (130); what the layers' openers throw
 */
export async function splitLayers(request: SplitRequest): Promise<SplitLayers | NotSplit> {
  const unworthy = isWorthSplitting(request.below, request.after);
  if (unworthy !== undefined) return unworthy;
  const contents = await contentFile(request.directory);
  try {
    const added = await gatherAdded(request.layers, request.after, contents, request.signal);
    const planned = await planLayers(added, request);
    return { layers: await writeAll(planned, request), tarBytes: added.tarBytes };
  } catch (error) {
    if (error instanceof CannotSplit) return { reason: error.reason, hint: error.hint };
    throw error;
  } finally {
    await contents.close();
  }
}

/** A layer that is only to be written. */
interface Planned {
  readonly kind: SplitKind;
  readonly title: string;
  readonly entries: readonly LayerEntry[];
}

async function planLayers(added: AddedFiles, request: SplitRequest): Promise<readonly Planned[]> {
  const { files, contents } = added;
  const { below, after, mtime, name } = request;
  const removed = removedEntries(below, after);
  const placement = await placeFiles(added, request);
  checkLinks(placement.layers, files);
  const keepsTime = timeKeeper(placement);
  const times = await bytecodeTimes({
    ...{ files, contents, after, mtime, keepsTime, hashes: placement.hashes },
  });
  const recompiled = await recompile({
    ...{ files, contents, after, mended: times.mended },
    ...{ distributions: placement.distributions, compilerFor: request.compilerFor },
    ...{ atOnce: request.atOnce ?? AT_ONCE, signal: request.signal },
  });
  const written: Written = { files, contents, after, mtime, times, keepsTime, recompiled };
  const planned = [
    { kind: 'removed' as const, title: `removed by ${name}`, entries: removed.map((entry) => ({ entry })) },
    ...placement.layers.map(({ kind, title, paths }) => ({
      ...{ kind, title, entries: layerEntries(paths, written) },
    })),
  ].filter(({ entries }) => entries.length > 0);
  checkFiles(
    below,
    planned.map(({ entries }) => entries.map(({ entry }) => entry)),
    written,
  );
  return planned;
}

/** Whether a path keeps its time, because something beside it may compare times. */
function timeKeeper({ layers }: Placement): (path: string) => boolean {
  const rest = new Set(layers.flatMap(({ kind, paths }) => (kind === 'distributions' ? [] : paths)));
  const scopes = timekeptDirectories(rest);
  const owned = new Set(layers.flatMap(({ kind, paths }) => (kind === 'distributions' ? paths : [])));
  return (path) => {
    if (scopes.size === 0 || owned.has(path)) return false;
    for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1))
      if (scopes.has(path.slice(0, at))) return true;
    return false;
  };
}

async function writeAll(planned: readonly Planned[], request: SplitRequest): Promise<readonly SplitLayer[]> {
  const { directory, compression, mtime, signal } = request;
  const made: MadeLayer[] = [];
  try {
    return await inParallel(planned, request.atOnce ?? AT_ONCE, async ({ kind, title, entries }) => {
      const options = { directory, compression, mtime, ...(signal === undefined ? {} : { signal }) };
      const layer = await writeLayer(entries, options);
      made.push(layer);
      return { kind, title, made: layer };
    });
  } catch (error) {
    for (const { file } of made) await rm(file, { force: true });
    throw error;
  }
}
