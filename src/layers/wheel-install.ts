import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { launchersOf } from '../python/entry-points.ts';
import { hasPlaceholder, launcherText, withInterpreter } from '../python/launcher.ts';
import { installedRows, type RecordedFile, recordText } from '../python/record.ts';
import { libraryOf, placementOf, pythonOfScheme } from '../python/wheel-placement.ts';
import type { DependencyLayerRequest, WheelFile } from './layer.ts';
import type { Spill } from './spill.ts';
import { type Compiled, compileInstalled } from './wheel-bytecode.ts';
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

/**
 * What pip would write for a wheel (pip/_internal/operations/install/wheel.py): the files of the archive, bytecode,
 * launchers, INSTALLER, REQUESTED and a new RECORD. Contents stay in the archive until they are asked for.
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
  const library = libraryOf(description, request.scheme);
  const { files, moved, changed } = await placeMembers(wheel, zip, description, request);
  const compiled = await compileInstalled(files, library, request, spill, zip.refuse, signal);
  const generated = generatedFiles(wheel, zip, description, request, library);
  const rows = installedRows(description.record, {
    moved,
    changed,
    compiled: compiled.map(({ place }) => place),
    generated: generated.map(({ place, bytes }) => ({ path: place, file: recorded(bytes) })),
  });
  const record = {
    place: `${description.distInfo}/RECORD`,
    bytes: Buffer.from(recordText(rows)),
    mode: 0o666 & ~request.umask,
  };
  return inPlace(files, compiled, [...generated, record], library);
}

/** Later ones replace earlier ones of the same place. */
function inPlace(
  files: PlacedFiles,
  compiled: readonly Compiled[],
  generated: readonly GeneratedFile[],
  library: string,
): readonly InstalledFile[] {
  const all = new Map(files);
  for (const { place, file } of compiled) all.set(place, file);
  for (const { place, bytes, mode } of generated) all.set(place, fileOf(library, place, mode, bytes));
  return [...all.values()];
}

function fileOf(library: string, place: string, mode: number, bytes: Buffer): InstalledFile {
  return { path: pathOf(library, place), mode, size: bytes.length, content: async () => bytes };
}

/** The path in the image, without a leading slash, of a path as RECORD has it. */
export function pathOf(library: string, place: string): string {
  return posix.join(library, place).slice(1);
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
) {
  const { console, gui } = description.entryPoints;
  const shape = { ...wheel, ...description, scripts: new Set([...console.keys(), ...gui.keys()]) };
  const library = libraryOf(description, request.scheme);
  const files = new Map<string, InstalledFile>();
  const moved = new Map<string, string>();
  const changed = new Map<string, RecordedFile>();
  for (const member of inPipsOrder(zip.members)) {
    const placement = placementOf(member.path, shape, request.scheme, zip.refuse);
    if (placement === undefined) continue;
    const place = posix.relative(library, placement.path);
    const path = pathOf(library, place);
    const mode = modeOf(member, request.umask);
    const script = placement.script ? await rewritten(zip, member, request.executable) : undefined;
    moved.set(member.path, place);
    changed.delete(place);
    if (script !== undefined) changed.set(place, recorded(script));
    files.set(place, {
      ...{ path, mode, size: script?.length ?? member.size },
      content: async () => script ?? memberContent(zip, member),
    });
  }
  return { files, moved, changed };
}

/** What is in the wheel's root first, then `*.data`, scripts last: where two go to one place, the later one stays. */
function inPipsOrder(members: readonly ZipMember[]): readonly ZipMember[] {
  const rank = ({ path }: ZipMember) => {
    const [first = '', key] = path.split('/', 2);
    return !first.endsWith('.data') ? 0 : key === 'scripts' ? 2 : 1;
  };
  return [0, 1, 2].flatMap((wanted) => members.filter((member) => rank(member) === wanted));
}

function modeOf({ executable }: ZipMember, umask: number): number {
  // pip's chmod +x is for everybody, whatever the umask says.
  return executable ? (0o777 & ~umask) | 0o111 : 0o666 & ~umask;
}

/** A script whose first line is to name the interpreter, changed; undefined if it stays as it is. */
async function rewritten(zip: ZipFile, member: ZipMember, executable: string): Promise<Buffer | undefined> {
  const start: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(zip, member)) {
    start.push(Buffer.from(chunk));
    length += chunk.length;
    if (length >= 8 && !hasPlaceholder(Buffer.concat(start))) return undefined;
    if (length > MAX_SCRIPT) throw zip.refuse('it is too large for a script', member.path);
  }
  const whole = Buffer.concat(start);
  return hasPlaceholder(whole) ? withInterpreter(whole, executable) : undefined;
}

interface GeneratedFile {
  readonly place: string;
  readonly bytes: Buffer;
  readonly mode: number;
}

function generatedFiles(
  wheel: WheelFile,
  zip: ZipFile,
  { distInfo, entryPoints }: WheelDescription,
  request: DependencyLayerRequest,
  library: string,
): readonly GeneratedFile[] {
  const { scheme, executable, umask, installer } = request;
  const mode = 0o666 & ~umask;
  const launchers = launchersOf(entryPoints, pythonOfScheme(scheme), zip.refuse).map((launcher) => ({
    place: posix.relative(library, `${scheme.scripts}/${launcher.name}`),
    bytes: Buffer.from(launcherText(launcher, executable)),
    // As pip: for everybody, whatever the umask says.
    mode: mode | 0o555,
  }));
  const installerText = installer.tool === 'pip' ? 'pip\n' : 'uv';
  return [
    ...launchers,
    { place: `${distInfo}/INSTALLER`, bytes: Buffer.from(installerText), mode },
    ...(wheel.requested ? [{ place: `${distInfo}/REQUESTED`, bytes: Buffer.alloc(0), mode }] : []),
  ];
}
