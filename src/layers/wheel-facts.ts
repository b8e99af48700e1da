import { sha256OfFile } from '../host/files.ts';
import type { WheelFacts } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { refusalOf } from '../python/wheel-error.ts';
import { checkFileName } from '../python/wheel-metadata.ts';
import { describeWheel } from './wheel-shape.ts';
import { checkLocalHeaders } from './zip-content.ts';
import { openZip } from './zip-file.ts';

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
    };
  } finally {
    await zip.close();
  }
}
