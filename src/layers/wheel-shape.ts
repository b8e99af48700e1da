import { type EntryPoints, parseEntryPoints } from '../python/entry-points.ts';
import { parseRecord, type RecordRow } from '../python/record.ts';
import {
  type DistributionMetadata,
  distInfoOf,
  parseMetadata,
  parseWheelFile,
} from '../python/wheel-metadata.ts';
import { readMember } from './zip-content.ts';
import type { ZipFile } from './zip-file.ts';
import type { ZipMember } from './zip-members.ts';

/** What a wheel says of itself in its `*.dist-info`. */
export interface WheelDescription {
  /** `NAME-VERSION.dist-info`. */
  readonly distInfo: string;
  readonly purelib: boolean;
  readonly metadata: DistributionMetadata;
  readonly entryPoints: EntryPoints;
  readonly record: readonly RecordRow[];
}

/** More than this is no metadata. */
const MAX_METADATA = 64 * 1024 * 1024;
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the `*.dist-info` of a wheel.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) if something of it is missing, damaged, or of another distribution
 */
export async function describeWheel(
  zip: ZipFile,
  expected: { readonly name: string; readonly version: string },
): Promise<WheelDescription> {
  const { refuse } = zip;
  const distInfo = distInfoOf(
    zip.members.map(({ path }) => path),
    expected,
    refuse,
  );
  const byPath = new Map(zip.members.map((member) => [member.path, member]));
  const text = async (name: string) => {
    const member = byPath.get(`${distInfo}/${name}`);
    return member && textOf(zip, member);
  };
  const required = async (name: string) => {
    const found = await text(name);
    if (found === undefined) throw refuse('it is missing', `${distInfo}/${name}`);
    return found;
  };
  return {
    distInfo,
    ...parseWheelFile(await required('WHEEL'), refuse),
    metadata: parseMetadata(await required('METADATA'), expected, refuse),
    record: parseRecord(await required('RECORD'), refuse),
    entryPoints: parseEntryPoints((await text('entry_points.txt')) ?? '', refuse),
  };
}

async function textOf(zip: ZipFile, member: ZipMember): Promise<string> {
  if (member.size > MAX_METADATA) throw zip.refuse('it is too large', member.path);
  const bytes = await readMember(zip, member);
  try {
    return decoder.decode(bytes);
  } catch {
    throw zip.refuse('it is not UTF-8', member.path);
  }
}
