import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DependencyLayerRequest, WheelFile } from '../../src/layers/layer.ts';
import { type ZipPart, zipOf } from './zip.ts';

/** What a test wants of a wheel beside its files. */
export interface WheelOptions {
  readonly name?: string;
  readonly version?: string;
  readonly purelib?: boolean;
  readonly entryPoints?: string;
  /** More lines of METADATA. */
  readonly metadata?: string;
}

/** The members of a wheel: the given ones, and a `*.dist-info` that fits them. */
export function wheelParts(parts: readonly ZipPart[], options: WheelOptions = {}): readonly ZipPart[] {
  const { name = 'demo', version = '1.0', purelib = true, entryPoints, metadata = '' } = options;
  const distInfo = `${name.replaceAll('-', '_')}-${version}.dist-info`;
  const all: readonly ZipPart[] = [
    ...parts,
    {
      name: `${distInfo}/METADATA`,
      content: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${metadata}\nLong text.\nName: none\n`,
    },
    {
      name: `${distInfo}/WHEEL`,
      content: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: ${purelib}\nTag: py3-none-any\n`,
    },
    ...(entryPoints === undefined ? [] : [{ name: `${distInfo}/entry_points.txt`, content: entryPoints }]),
  ];
  const rows = all
    .filter((part) => !part.name.endsWith('/'))
    .map(({ name: path, content = '' }) => {
      const hash = createHash('sha256').update(content).digest('base64url');
      return `${csvField(path)},sha256=${hash},${Buffer.byteLength(content)}\n`;
    });
  return [...all, { name: `${distInfo}/RECORD`, content: `${rows.join('')}${distInfo}/RECORD,,\n` }];
}

function csvField(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Writes a wheel of those members. */
export async function writeWheel(
  directory: string,
  parts: readonly ZipPart[],
  options: WheelOptions = {},
): Promise<WheelFile> {
  const { name = 'demo', version = '1.0' } = options;
  const file = join(directory, `${name.replaceAll('-', '_')}-${version}-py3-none-any.whl`);
  const bytes = zipOf(wheelParts(parts, options));
  await writeFile(file, bytes);
  return { name, version, file, sha256: createHash('sha256').update(bytes).digest('hex'), requested: true };
}

/** A request with the usual answers: the official images' Python, no bytecode, root, umask 022. */
export function layerRequest(
  wheels: readonly WheelFile[],
  rest: Partial<DependencyLayerRequest> = {},
): DependencyLayerRequest {
  const library = '/usr/local/lib/python3.11/site-packages';
  return {
    wheels,
    scheme: {
      ...{ purelib: library, platlib: library, headers: '/usr/local/include/python3.11' },
      ...{ scripts: '/usr/local/bin', data: '/usr/local' },
    },
    ...{
      executable: '/usr/local/bin/python3.11',
      cacheTag: undefined,
      compiler: undefined,
      installer: { tool: 'pip' },
    },
    ...{ directories: {}, uid: 0, gid: 0, umask: 0o022, mtime: 1_000_000_000, keep: undefined },
    compression: 'zstd',
    ...rest,
  };
}
