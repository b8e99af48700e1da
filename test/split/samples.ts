import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { MEDIA } from '../../src/image/oci.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { emptyIndex, type PathIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { readTar } from '../../src/image/tar-read-stream.ts';
import type { NotSplit, SplitLayers, SplitRequest } from '../../src/split/request.ts';
import { splitLayers } from '../../src/split/split.ts';
import { treeOfLayers } from '../../src/verify/read-tree.ts';
import { type TarLine, tarOf } from '../verify/tar.ts';
import { assertSameFiles } from './same-files.ts';

export const MTIME = 315_532_800;
export const SITE = 'usr/local/lib/python3.11/site-packages';

/** Content that makes a distribution large enough to be split. */
export const LARGE = Buffer.alloc(1_100_000, 'large');

/** Layers of an image, the lowest first, each as the lines of its archive. */
export type Layers = readonly (readonly TarLine[])[];

export async function indexOfLayers(layers: Layers, below: PathIndex = emptyIndex()): Promise<PathIndex> {
  let index = below;
  for (const lines of layers) {
    const entries: PathEntry[] = [];
    for await (const { entry } of readTar(asStream(tarOf(lines)))) entries.push(entry);
    index = withLayer(index, entries);
  }
  return index;
}

/** Splits layers that are put upon an image of others. */
export async function split(
  below: Layers,
  added: Layers,
  directory: string,
  rest: Partial<SplitRequest> = {},
): Promise<SplitLayers | NotSplit> {
  const lower = await indexOfLayers(below);
  const archives = added.map(tarOf);
  return await splitLayers({
    layers: archives.map((bytes) => ({
      descriptor: { mediaType: MEDIA.layer, digest: digestOf(bytes), size: bytes.length },
      open: async () => asStream(bytes),
    })),
    ...{ below: lower, after: await indexOfLayers(added, lower), name: 'RUN install' },
    ...{ compression: 'zstd', directory, compilerFor: async () => undefined, mtime: MTIME },
    ...rest,
  });
}

/** The same, where it has to go well and to give the same files. */
export async function splitAlike(
  below: Layers,
  added: Layers,
  directory: string,
  rest: Partial<SplitRequest> = {},
) {
  const result = await split(below, added, directory, rest);
  assert.ok('layers' in result, JSON.stringify(result));
  const source = (lines: readonly TarLine[]) => ({
    mediaType: MEDIA.layer,
    open: async () => asStream(tarOf(lines)),
  });
  const tree = await assertSameFiles(await treeOfLayers(below.map(source)), added.map(source), result);
  return { ...result, tree };
}

export async function reasonOf(below: Layers, added: Layers, directory: string): Promise<string> {
  const result = await split(below, added, directory);
  assert.ok('reason' in result, 'it is not split');
  return result.reason;
}

/** By title, the digest of each layer's archive. */
export function diffIds({ layers }: SplitLayers): ReadonlyMap<string, string> {
  return new Map(layers.map(({ title, made }) => [title, made.diffId]));
}

/** Which paths, directories aside, a layer has. */
export function pathsIn({ layers }: SplitLayers, title: string): readonly string[] {
  const found = layers.find((layer) => layer.title === title);
  assert.ok(found, `${title} is one of ${layers.map((one) => one.title).join('; ')}`);
  return found.made.entries.filter(({ type }) => type !== 'directory').map(({ path }) => path);
}

/** A distribution as pip leaves it, with entries of all directories above. */
export function distribution(
  name: string,
  version: string,
  files: Readonly<Record<string, string | Buffer>>,
  site = SITE,
): TarLine[] {
  const info = `${name}-${version}.dist-info`;
  const all = { ...files, [`${info}/METADATA`]: `Name: ${name}\n`, [`${info}/INSTALLER`]: 'pip\n' };
  const quoted = (path: string) => (/[",]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path);
  const rows = [...Object.keys(all), `${info}/RECORD`].map((path) => `${quoted(path)},,\n`);
  const written = Object.entries({ ...all, [`${info}/RECORD`]: rows.join('') });
  return withDirectories(written.map(([path, content]) => ({ path: joined(site, path), content })));
}

function joined(site: string, path: string): string {
  const parts = site.split('/');
  for (const part of path.split('/'))
    if (part === '..') parts.pop();
    else parts.push(part);
  return parts.join('/');
}

/** Directories of 0755 before the lines, which are in them. */
export function withDirectories(lines: readonly TarLine[]): TarLine[] {
  const above = new Map<string, TarLine>();
  for (const { path } of lines)
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1))
      above.set(path.slice(0, at), { path: path.slice(0, at), type: 'directory' });
  for (const line of lines) above.delete(line.path);
  return [...[...above.values()].sort((a, b) => (a.path < b.path ? -1 : 1)), ...lines];
}

/** Bytecode of CPython 3.11 whose code is a number. */
export function bytecode(mtime: number, size: number, value = 0, flags = 0): Buffer {
  const bytes = Buffer.alloc(21);
  bytes.writeUInt16LE(3495, 0);
  bytes.write('\r\n', 2, 'latin1');
  bytes.writeUInt32LE(flags, 4);
  bytes.writeUInt32LE(mtime, 8);
  bytes.writeUInt32LE(size, 12);
  bytes.write('i', 16, 'latin1');
  bytes.writeInt32LE(value, 17);
  return bytes;
}

async function* asStream(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
