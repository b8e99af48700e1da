import { posix } from 'node:path';
import { BYTECODE_MAGIC } from '../python/detect/bytecode-magic.ts';
import type { RefuseWheel } from '../python/wheel-error.ts';
import { compileSources, type PythonSource, replayAnswers } from './bytecode.ts';
import type { DependencyLayerRequest, WheelFile } from './layer.ts';
import { sortedByPath } from './layer-directories.ts';
import type { Spill } from './spill.ts';
import type { InstalledFile, PlacedFiles } from './wheel-install.ts';

/** A bytecode file, by its place as RECORD has it. */
export interface Compiled {
  readonly place: string;
  readonly file: InstalledFile;
}

/** Sources above this size are data; compiling them would take gigabytes. */
const MAX_SOURCE = 64 * 1024 * 1024;
const HEADER = 16;

/**
 * Compiles all sources of a distribution as pip does, in one process and sorted; those that Python does not accept have no bytecode.
 *
 * @param library the directory that places are relative to
 * @throws LayerwrightError `BYTECODE_FAILED` (1), `WHEEL_INVALID` (1)
 */
export async function compileInstalled(
  { name, version, sha256 }: WheelFile,
  files: PlacedFiles,
  library: string,
  request: DependencyLayerRequest,
  spill: Spill,
  refuse: RefuseWheel,
  signal?: AbortSignal,
): Promise<readonly Compiled[]> {
  const { cacheTag, compiler, mtime, umask } = request;
  if (cacheTag === undefined || compiler === undefined) return [];
  const sources = sourcesOf(files, request);
  if (sources.length === 0) return [];
  const magic = magicOf(cacheTag);
  const compiled: Compiled[] = [];
  let next = 0;
  const take = async (code: Buffer | undefined) => {
    const source = sources[next++];
    if (source === undefined) throw new Error('more code objects than sources');
    if (code === undefined) return;
    const piece = await spill.add(Buffer.concat([headerOf(magic, mtime, source.file.size), code]));
    compiled.push({
      place: bytecodePath(source.path, cacheTag),
      file: {
        path: bytecodePath(source.file.path, cacheTag),
        mode: (source.file.mode | 0o200) & 0o666 & ~umask,
        size: piece.size,
        content: piece.read,
      },
    });
  };
  if (typeof compiler === 'string') {
    await compileSources(compiler, readSources(sources, library, refuse), take, signal);
    return compiled;
  }
  const answers = compiler.answers[sha256];
  if (answers === undefined) throw new Error(`nothing was compiled of ${name} ${version}`);
  await replayAnswers(answers, sources.length, take);
  return compiled;
}

/** A Python source of a distribution, by its place as RECORD has it. */
interface Source {
  readonly path: string;
  readonly file: InstalledFile;
}

/** What is compiled of a distribution's files, in order. */
function sourcesOf(files: PlacedFiles, request: DependencyLayerRequest): readonly Source[] {
  const { tool } = request.installer;
  return sortedByPath(
    [...files]
      // pip compiles what it puts beside launchers too.
      .filter(([place, { path }]) => place.endsWith('.py') && (tool === 'pip' || isModule(path, request)))
      .map(([place, file]) => ({ path: place, file })),
  );
}

/** The sources of a distribution as the compiler gets them; undefined if there are none. */
export function sourcesToCompile(
  files: PlacedFiles,
  library: string,
  request: DependencyLayerRequest,
  refuse: RefuseWheel,
): AsyncIterable<PythonSource> | undefined {
  const sources = sourcesOf(files, request);
  return sources.length === 0 ? undefined : readSources(sources, library, refuse);
}

async function* readSources(
  sources: readonly Source[],
  library: string,
  refuse: RefuseWheel,
): AsyncGenerator<PythonSource> {
  for (const { path, file } of sources) {
    if (file.size > MAX_SOURCE) throw refuse('it is too large to be compiled', path);
    // The path that pip hands to the compiler, `..` and all.
    yield { filename: `${library}/${path}`, source: await wholeOf(file) };
  }
}

function isModule(path: string, { scheme }: DependencyLayerRequest): boolean {
  return [scheme.purelib, scheme.platlib].some((library) => `/${path}`.startsWith(`${library}/`));
}

async function wholeOf(file: InstalledFile): Promise<Buffer> {
  const content = await file.content();
  if (Buffer.isBuffer(content)) return content;
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Where the bytecode of a source is (PEP 3147). */
export function bytecodePath(path: string, cacheTag: string): string {
  const name = posix.basename(path).slice(0, -'.py'.length) || 'py';
  return posix.join(posix.dirname(path), '__pycache__', `${name}.${cacheTag}.pyc`);
}

/** PEP 552: magic, no flags, time and size of the source. */
function headerOf(magic: number, mtime: number, size: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16LE(magic, 0);
  header.write('\r\n', 2, 'latin1');
  header.writeUInt32LE(mtime % 2 ** 32, 8);
  header.writeUInt32LE(size, 12);
  return header;
}

function magicOf(cacheTag: string): number {
  const [, major, minor] = /^cpython-(\d)(\d+)$/.exec(cacheTag) ?? [];
  const magic = BYTECODE_MAGIC[`${major}.${minor}`];
  if (magic === undefined) throw new Error(`no bytecode is made for ${cacheTag}`);
  return magic;
}
