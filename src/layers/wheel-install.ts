import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { launchersOf } from '../python/entry-points.ts';
import type { InstallScheme } from '../python/facts.ts';
import { hasPlaceholder, launcherText, withInterpreter } from '../python/launcher.ts';
import type { RecordedFile } from '../python/record.ts';
import { libraryOf, type Placement, pathIn, placementOf, pythonOfScheme } from '../python/wheel-placement.ts';
import type { PythonSource } from './bytecode.ts';
import type { DependencyLayerRequest, WheelFile } from './layer.ts';
import type { Spill } from './spill.ts';
import { type Compiled, compileInstalled, sourcesToCompile } from './wheel-bytecode.ts';
import { type GeneratedFile, installedRecord, marksOf, type Placed } from './wheel-record.ts';
import { describeWheel, type WheelDescription } from './wheel-shape.ts';
import { chunksOf, memberContent } from './zip-content.ts';
import type { ZipFile } from './zip-file.ts';
import type { ZipMember } from './zip-members.ts';

/** A file that installing a wheel writes. */
export interface InstalledFile {
  /** Without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly content: () => Promise<Buffer | AsyncIterable<Uint8Array>>;
}

/** Scripts up to this size are rewritten in memory. */
const MAX_SCRIPT = 64 * 1024 * 1024;

/** Files of a wheel by where they go, as RECORD has it: relative to the library directory. */
export type PlacedFiles = ReadonlyMap<string, InstalledFile>;

/** The library directories of a wheel: where its files come to lie, and where RECORD takes them to be. */
interface Library {
  readonly real: string;
  readonly recorded: string;
}

/**
 * What pip would write for a wheel (pip/_internal/operations/install/wheel.py), or uv or Poetry: the files of the archive,
 * bytecode, launchers, INSTALLER, REQUESTED and a new RECORD. Contents stay in the archive until they are asked for.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1), `BYTECODE_FAILED` (1)
 */
export async function installWheel(
  wheel: WheelFile,
  zip: ZipFile,
  request: DependencyLayerRequest,
  spill: Spill,
  signal?: AbortSignal,
): Promise<readonly InstalledFile[]> {
  const description = await describeWheel(zip, wheel);
  const { distInfo, record } = description;
  const { installer, umask } = request;
  const library = librariesOf(description, request);
  const { files, placed, changed } = await placeMembers(wheel, zip, description, request, library);
  const compiled = await compileInstalled(wheel, files, library.recorded, request, spill, zip.refuse, signal);
  const mode = 0o666 & ~umask;
  const generated = [
    ...launcherFiles(zip, description, request, library),
    ...marksOf(wheel, installer, distInfo, mode),
  ];
  const text = installedRecord(
    {
      ...{ installer, distInfo, record, placed, changed, hasDirectUrl: wheel.directUrl !== undefined },
      compiled: compiled.map(({ place }) => place),
      generated: generated.map(({ place, bytes }) => ({ place, file: recorded(bytes) })),
    },
    zip.refuse,
  );
  const own = { place: `${distInfo}/RECORD`, bytes: Buffer.from(text), mode };
  return inPlace(files, compiled, [...generated, own], library, request);
}

/**
 * The Python sources of a wheel as they are compiled where it is installed; undefined if it has none.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1), also while they are read
 */
export async function wheelSources(
  wheel: WheelFile,
  zip: ZipFile,
  request: DependencyLayerRequest,
): Promise<AsyncIterable<PythonSource> | undefined> {
  const description = await describeWheel(zip, wheel);
  const library = librariesOf(description, request);
  const { files } = await placeMembers(wheel, zip, description, request, library);
  return sourcesToCompile(files, library.recorded, request, zip.refuse);
}

function librariesOf(
  description: WheelDescription,
  { scheme, recordScheme = scheme }: DependencyLayerRequest,
): Library {
  return { real: libraryOf(description, scheme), recorded: libraryOf(description, recordScheme) };
}

/** Later ones replace earlier ones of the same place. */
function inPlace(
  files: PlacedFiles,
  compiled: readonly Compiled[],
  generated: readonly GeneratedFile[],
  library: Library,
  { scheme, recordScheme = scheme }: DependencyLayerRequest,
): readonly InstalledFile[] {
  const all = new Map(files);
  for (const { place, file } of compiled) all.set(place, file);
  const scripts = `${posix.relative(library.recorded, recordScheme.scripts)}/`;
  for (const { place, bytes, mode } of generated) {
    const path = place.startsWith(scripts)
      ? `${scheme.scripts}/${place.slice(scripts.length)}`
      : `${library.real}/${place}`;
    all.set(place, { path: clean(path), mode, size: bytes.length, content: async () => bytes });
  }
  return [...all.values()];
}

/** An absolute path without its slash. */
function clean(path: string): string {
  return posix.normalize(path).slice(1);
}

/** What RECORD says of bytes. */
function recorded(bytes: Uint8Array): RecordedFile {
  return { hash: `sha256=${createHash('sha256').update(bytes).digest('base64url')}`, size: bytes.length };
}

async function placeMembers(
  wheel: WheelFile,
  zip: ZipFile,
  description: WheelDescription,
  request: DependencyLayerRequest,
  library: Library,
) {
  const { console, gui } = description.entryPoints;
  const shape = { ...wheel, ...description, scripts: new Set([...console.keys(), ...gui.keys()]) };
  const { scheme, recordScheme = scheme, installer } = request;
  const files = new Map<string, InstalledFile>();
  const placed = new Map<string, Placed>();
  const changed = new Map<string, RecordedFile>();
  for (const member of inPipsOrder(zip.members)) {
    const placement = placementOf(member.path, shape, zip.refuse, installer.tool);
    if (placement === undefined) continue;
    const place = posix.relative(library.recorded, pathIn(recordScheme, placement));
    const isScript = placement.key === 'scripts';
    const script = isScript ? await rewritten(zip, member, request) : undefined;
    placed.set(member.path, { ...wayTo(placement, description, recordScheme), place });
    changed.delete(place);
    if (script !== undefined) changed.set(place, recorded(script));
    files.set(place, {
      path: clean(pathIn(scheme, placement)),
      mode: modeOf(member.executable || (isScript && installer.tool === 'uv'), request.umask),
      size: script?.length ?? member.size,
      content: async () => script ?? memberContent(zip, member),
    });
  }
  return { files, placed, changed };
}

/** Poetry has a directory of headers for each distribution. */
function wayTo(
  { key, name }: Placement,
  description: WheelDescription,
  scheme: InstallScheme,
): Pick<Placed, 'prefix' | 'name'> {
  if (key === (description.purelib ? 'purelib' : 'platlib')) return { prefix: '', name };
  const own = key === 'headers' ? `/${name.slice(0, name.indexOf('/'))}` : '';
  const way = posix.relative(libraryOf(description, scheme), `${scheme[key]}${own}`);
  return { prefix: `${way || '.'}/`, name: own === '' ? name : name.slice(own.length) };
}

/** What is in the wheel's root first, then `*.data`, scripts last: where two go to one place, the later one stays. */
function inPipsOrder(members: readonly ZipMember[]): readonly ZipMember[] {
  const rank = ({ path }: ZipMember) => {
    const [first = '', key] = path.split('/', 2);
    return !first.endsWith('.data') ? 0 : key === 'scripts' ? 2 : 1;
  };
  return [0, 1, 2].flatMap((wanted) => members.filter((member) => rank(member) === wanted));
}

function modeOf(executable: boolean, umask: number): number {
  // pip's chmod +x is for everybody, whatever the umask says.
  return executable ? (0o777 & ~umask) | 0o111 : 0o666 & ~umask;
}

/** A script whose first line is to name the interpreter, changed; undefined if it stays as it is. */
async function rewritten(
  zip: ZipFile,
  member: ZipMember,
  { executable, installer }: DependencyLayerRequest,
): Promise<Buffer | undefined> {
  const start: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(zip, member)) {
    start.push(Buffer.from(chunk));
    length += chunk.length;
    if (length >= 8 && !hasPlaceholder(Buffer.concat(start))) return undefined;
    if (length > MAX_SCRIPT) throw zip.refuse('it is too large for a script', member.path);
  }
  const whole = Buffer.concat(start);
  return hasPlaceholder(whole) ? withInterpreter(whole, executable, installer.tool) : undefined;
}

function launcherFiles(
  zip: ZipFile,
  { entryPoints }: WheelDescription,
  { scheme, recordScheme = scheme, executable, umask, installer: { tool } }: DependencyLayerRequest,
  library: Library,
): readonly GeneratedFile[] {
  return launchersOf(entryPoints, pythonOfScheme(scheme), zip.refuse, tool).map((launcher) => ({
    place: posix.relative(library.recorded, `${recordScheme.scripts}/${launcher.name}`),
    bytes: Buffer.from(launcherText(launcher, executable, tool)),
    // As pip: for everybody, whatever the umask says; uv and Poetry write a mode of their own.
    mode: tool === 'pip' ? (0o666 & ~umask) | 0o555 : modeOf(true, umask),
  }));
}
