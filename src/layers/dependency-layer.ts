import { interruptedError } from '../errors.ts';
import { refusalOf } from '../python/wheel-error.ts';
import type { DependencyLayerRequest, MadeLayer, WheelFile } from './layer.ts';
import {
  ancestorsOf,
  directoryEntry,
  directoryFacts,
  groupBelow,
  parentOf,
  sortedByPath,
} from './layer-directories.ts';
import { relocated, relocatedFacts } from './relocate.ts';
import { spillIn } from './spill.ts';
import { bytecodePath } from './wheel-bytecode.ts';
import { type InstalledFile, installWheel } from './wheel-install.ts';
import { type LayerEntry, writeLayer } from './write-layer.ts';
import { openZip, type ZipFile } from './zip-file.ts';

/**
 * Makes a layer of wheels, as if pip had installed them in their order. The tar archive depends on the request and the compiler's
 * version only; memory does not depend on the size of the wheels. If `keep` leaves nothing, the layer has no entries.
 *
 * @param directory where the blob and temporary files are made: existing, absolute
 * @throws LayerwrightError `WHEEL_INVALID` (1), `BYTECODE_FAILED` (1), `DISK_FULL` (75), `FILE_UNUSABLE` (2), `INTERRUPTED` (130)
 */
export async function makeDependencyLayer(
  request: DependencyLayerRequest,
  directory: string,
  signal?: AbortSignal,
): Promise<MadeLayer> {
  const spill = spillIn(directory);
  const opened: ZipFile[] = [];
  try {
    const files = new Map<string, OwnedFile>();
    for (const wheel of request.wheels) {
      if (signal?.aborted) throw interruptedError();
      const zip = await openZip(wheel.file, refusalOf(`${wheel.name} ${wheel.version}`));
      opened.push(zip);
      addFiles(files, wheel, await installWheel(wheel, zip, request, spill, signal), request);
    }
    refuseCollisions(files, request);
    const { compression, mtime } = request;
    return await writeLayer(entriesOf(ownedFiles(keptOf(files.values(), request.keep), request), request), {
      ...{ directory, compression, mtime },
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    for (const zip of opened) await zip.close();
    await spill.close();
  }
}

type OwnedFile = InstalledFile & { readonly wheel: WheelFile };

function addFiles(
  files: Map<string, OwnedFile>,
  wheel: WheelFile,
  added: readonly InstalledFile[],
  { cacheTag }: DependencyLayerRequest,
): void {
  // Bytecode of a source that is replaced would be run in place of the new one: its time is the same, its size may be.
  if (cacheTag !== undefined)
    for (const { path } of added)
      if (path.endsWith('.py') && files.has(path)) files.delete(bytecodePath(path, cacheTag));
  for (const file of added) files.set(file.path, { ...file, wheel });
}

/** A file cannot be where another one, or the image, has a directory. */
function refuseCollisions(files: ReadonlyMap<string, OwnedFile>, request: DependencyLayerRequest): void {
  const above = ancestorsOf(files.keys());
  for (const [path, { wheel }] of files)
    if (above.has(path) || request.directories[path] !== undefined)
      throw refusalOf(`${wheel.name} ${wheel.version}`)('it is a file, and a directory elsewhere', path);
}

function keptOf(
  files: Iterable<InstalledFile>,
  keep: DependencyLayerRequest['keep'],
): readonly InstalledFile[] {
  const below = keep?.map((path) => path.replace(/^\/+|\/+$/g, ''));
  return [...files].filter(
    ({ path }) =>
      below === undefined ||
      below.some((prefix) => prefix === '' || path === prefix || path.startsWith(`${prefix}/`)),
  );
}

/** A file as the layer has it. */
interface LayerFile extends InstalledFile {
  readonly uid: number;
  readonly gid: number;
}

/** Files with their owners, at the place where they come to lie. */
function ownedFiles(files: readonly InstalledFile[], request: DependencyLayerRequest): readonly LayerFile[] {
  const facts = directoryFacts(request);
  const { uid, gid, relocations = [] } = request;
  const made = files.map((file) => ({ ...file, uid, gid: groupBelow(facts(parentOf(file.path)), gid) }));
  return relocated(made, relocations);
}

async function* entriesOf(
  files: readonly LayerFile[],
  request: DependencyLayerRequest,
): AsyncGenerator<LayerEntry> {
  const facts = relocatedFacts(directoryFacts(request), request.relocations ?? []);
  const directories = [...ancestorsOf(files.map(({ path }) => path))].map((path) => ({
    path,
    file: undefined,
  }));
  const all = [...directories, ...files.map((file) => ({ path: file.path, file }))];
  for (const { path, file } of sortedByPath(all)) {
    if (file === undefined) {
      yield { entry: directoryEntry(path, facts(path)) };
      continue;
    }
    const { mode, size, uid, gid } = file;
    yield {
      entry: { path, type: 'file', mode, uid, gid, size, link: '' },
      content: await file.content(),
    };
  }
}
