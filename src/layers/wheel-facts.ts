import { sha256OfFile } from '../host/files.ts';
import type { WheelFacts } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { refusalOf } from '../python/wheel-error.ts';
import { checkFileName } from '../python/wheel-metadata.ts';
import { describeWheel } from './wheel-shape.ts';
import { checkLocalHeaders, readMember } from './zip-content.ts';
import { openZip, type ZipFile } from './zip-file.ts';

/** Bytes; what is longer counts as not known. */
const MAX_STARTUP = 16 * 1024;

/** What a lock says of a wheel. */
export interface ExpectedWheel {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  /** 64 hex digits, if they have been checked already: the file is then not read for them. */
  readonly sha256?: string;
}

/**
 * Reads a wheel's directory and metadata, and checks all that does not need the contents unpacked: these are checked against sizes
 * and checksums when a layer is made of them.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1), `FILE_UNUSABLE` (2)
 */
export async function readWheelFacts(file: string, expected: ExpectedWheel): Promise<WheelFacts> {
  const refuse = refusalOf(expected.filename);
  checkFileName(expected.filename, expected, refuse);
  const zip = await openZip(file, refuse);
  try {
    await checkLocalHeaders(zip);
    const { purelib, metadata, entryPoints } = await describeWheel(zip, expected);
    const startup = await startupFiles(zip);
    return {
      sha256: expected.sha256 ?? (await sha256OfFile(file)),
      name: normaliseName(expected.name),
      version: expected.version,
      paths: zip.members.map(({ path }) => path).sort(),
      bytes: zip.members.reduce((sum, { size }) => sum + size, 0),
      purelib,
      scripts: [...new Set([...entryPoints.console.keys(), ...entryPoints.gui.keys()])],
      requiresDist: metadata.requiresDist,
      requiresPython: metadata.requiresPython,
      extras: metadata.extras,
      ...(Object.keys(startup).length > 0 && { startup }),
    };
  } finally {
    await zip.close();
  }
}

/** Where `.pth` files have an effect: beside the modules. */
const STARTUP = /^(?:[^/]+\.data\/(?:purelib|platlib)\/)?[^/]+\.pth$/;

async function startupFiles(zip: ZipFile): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const member of zip.members)
    if (STARTUP.test(member.path) && member.size <= MAX_STARTUP)
      found[member.path] = (await readMember(zip, member)).toString('utf8');
  return found;
}
