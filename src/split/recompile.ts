import { inParallel } from '../host/parallel.ts';
import type { PathIndex } from '../image/path-index.ts';
import { compileSources } from '../layers/bytecode.ts';
import type { Compiler } from '../layers/compiler.ts';
import { sortedByPath } from '../layers/layer-directories.ts';
import { BYTECODE_MAGIC } from '../python/detect/bytecode-magic.ts';
import { canonicalCode } from '../verify/marshal.ts';
import type { AddedFile } from './added-files.ts';
import type { ContentFile, Stretch } from './content-file.ts';

const HEADER = 16;
/** Sources above this size are data; compiling them would take gigabytes. */
const MAX_SOURCE = 64 * 1024 * 1024;

/** Bytecode and its source. */
interface Pair {
  readonly path: string;
  readonly source: string;
  /** `3.11`. */
  readonly minor: string;
}

export interface RecompileRequest {
  readonly files: ReadonlyMap<string, AddedFile>;
  readonly after: PathIndex;
  /** By path of the bytecode, the source. */
  readonly mended: ReadonlyMap<string, string | undefined>;
  /** Files of each distribution. */
  readonly distributions: readonly (readonly string[])[];
  readonly compilerFor: (minor: string) => Promise<Compiler | undefined>;
  readonly contents: ContentFile;
  readonly atOnce: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compiles the bytecode of distributions again, each distribution in a process that has seen nothing before: which constants the
 * marshalled code shares depends on what the installer compiled before it, so on the other distributions. Taken is only what is equal as a code
 * object to what the installer made; the source's path in it is that of the image where the installer recorded one that is not there.
 *
 * @returns whole bytecode files by path, with the header of the old ones
 * @throws LayerwrightError `BYTECODE_FAILED` (1), `INTERRUPTED` (130)
 */
export async function recompile(request: RecompileRequest): Promise<ReadonlyMap<string, Stretch>> {
  const { distributions, contents, atOnce } = request;
  const compilers = new Map<string, Promise<Compiler | undefined>>();
  const compilerOf = (minor: string) => {
    const known = compilers.get(minor) ?? request.compilerFor(minor);
    compilers.set(minor, known);
    return known;
  };
  const done = new Map<string, Stretch>();
  let added: Promise<void> = Promise.resolve();
  // One after the other: several distributions are compiled at a time.
  const keep = (path: string, file: Buffer): Promise<void> => {
    added = added.then(async () => {
      done.set(path, { at: contents.end(), size: file.length });
      await contents.add(file);
    });
    return added;
  };
  await inParallel(distributions, atOnce, async (paths) => {
    for (const [minor, some] of Map.groupBy(pairsOf(paths, request), (pair) => pair.minor)) {
      const compiler = await compilerOf(minor);
      if (compiler !== undefined) await compileAgain(compiler.program, some, request, keep);
    }
  });
  await contents.flush();
  return done;
}

function pairsOf(paths: readonly string[], { mended, files }: RecompileRequest): readonly Pair[] {
  const pairs = paths.flatMap((path): Pair[] => {
    const source = mended.get(path);
    const [, major, minor] = /\.cpython-(\d)(\d+)\.pyc$/.exec(path) ?? [];
    const version = `${major}.${minor}`;
    if (source === undefined || BYTECODE_MAGIC[version] === undefined) return [];
    return (files.get(source)?.entry.size ?? 0) > MAX_SOURCE ? [] : [{ path, source, minor: version }];
  });
  return sortedByPath(pairs.map((pair) => ({ ...pair, bytecode: pair.path, path: pair.source }))).map(
    ({ bytecode, source, minor }) => ({ path: bytecode, source, minor }),
  );
}

async function compileAgain(
  program: string,
  pairs: readonly Pair[],
  { files, after, contents, signal }: RecompileRequest,
  keep: (path: string, file: Buffer) => Promise<void>,
): Promise<void> {
  const read = (path: string) => contents.read((files.get(path) as AddedFile).content);
  const waiting: { readonly pair: Pair; readonly old: Buffer; readonly filename: string }[] = [];
  const sources = async function* () {
    for (const pair of pairs) {
      const old = await read(pair.path);
      const filename = filenameFor(old, pair, after);
      waiting.push({ pair, old, filename });
      yield { filename, source: await read(pair.source) };
    }
  };
  const take = async (code: Buffer | undefined) => {
    const { pair, old, filename } = waiting.shift() as (typeof waiting)[number];
    if (code === undefined || code.equals(old.subarray(HEADER))) return;
    if (isSameCode(old, code, pair, filename))
      await keep(pair.path, Buffer.concat([old.subarray(0, HEADER), code]));
  };
  await compileSources(program, sources(), take, signal);
}

/** The path to compile for: what was recorded if that is in the image, else the file's own. */
function filenameFor(old: Buffer, { source, minor }: Pair, after: PathIndex): string {
  const place = `/${source}`;
  if (old.includes(place)) return place;
  const canonical = canonicalOf(old, minor);
  const recorded = canonical && filenameIn(canonical, source);
  // Of pip's --target it is the same for any name of its temporary directory.
  if (recorded?.startsWith('/tmp/pip-target-')) return recorded;
  return recorded !== undefined && after.resolve(recorded).entry !== undefined ? recorded : place;
}

/** Whether code is equal to that of the old file, but for the source's path if that is another. */
function isSameCode(old: Buffer, code: Buffer, { source, minor }: Pair, filename: string): boolean {
  const before = canonicalOf(old, minor);
  const now = before && canonicalCode(code, old.readUInt16LE(0));
  if (before === undefined || now === undefined) return false;
  if (now.equals(before)) return true;
  // A directory that pip installed into and moved away; Python puts the real path in when it loads the module.
  const recorded = filenameIn(before, source);
  return (
    recorded !== undefined &&
    recorded !== filename &&
    now.equals(replaced(before, textOf(recorded), textOf(filename)))
  );
}

function canonicalOf(old: Buffer, minor: string): Buffer | undefined {
  const magic = old.readUInt16LE(0);
  return magic === BYTECODE_MAGIC[minor] ? canonicalCode(old.subarray(HEADER), magic) : undefined;
}

/** The source's path that a code object has: an absolute one that ends in the file's name. */
function filenameIn(canonical: Buffer, source: string): string | undefined {
  const name = Buffer.from(source.slice(source.lastIndexOf('/')));
  for (let at = canonical.indexOf(name); at >= 0; at = canonical.indexOf(name, at + 1)) {
    const end = at + name.length;
    for (let start = at; start >= Math.max(5, end - 4096); start--)
      if (
        canonical[start - 5] === TEXT &&
        canonical[start] === SLASH &&
        canonical.readUInt32LE(start - 4) === end - start
      )
        return canonical.toString('utf8', start, end);
  }
  return undefined;
}

const SLASH = '/'.charCodeAt(0);
/** The letter of texts in the canonical form. */
const TEXT = 'u'.charCodeAt(0);

function textOf(value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(5);
  head[0] = TEXT;
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function replaced(whole: Buffer, part: Buffer, by: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let at = whole.indexOf(part); at >= 0; at = whole.indexOf(part, from)) {
    pieces.push(whole.subarray(from, at), by);
    from = at + part.length;
  }
  return Buffer.concat([...pieces, whole.subarray(from)]);
}
