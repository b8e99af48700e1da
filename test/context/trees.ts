import { createHash } from 'node:crypto';
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { tarEntryHeader } from '../../src/layers/tar-entry.ts';

/** A file, directory or link on disk: its text, `{ directory }`, `{ link }` or `{ same }` as another path. */
export type Spec =
  | string
  | { readonly text: string; readonly mode: number }
  | { readonly directory: number }
  | { readonly link: string }
  | { readonly same: string };

/** Writes files with exact modes; those above them are 0755. */
export async function writeTree(root: string, tree: Readonly<Record<string, Spec>>): Promise<void> {
  const modes: [string, number][] = [];
  for (const [path, spec] of Object.entries(tree)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    if (typeof spec === 'string') await writeFile(file, spec);
    else if ('text' in spec) await writeFile(file, spec.text);
    else if ('directory' in spec) await mkdir(file, { recursive: true });
    else if ('link' in spec) await symlink(spec.link, file);
    else await link(join(root, spec.same), file);
    if (typeof spec === 'string') modes.push([file, 0o644]);
    else if ('text' in spec) modes.push([file, spec.mode]);
    else if ('directory' in spec) modes.push([file, spec.directory]);
  }
  for (const [file, mode] of modes) await chmod(file, mode);
}

/** What two file systems are compared by: everything but times. Hard links by the name that they are sorted first under. */
export interface Seen {
  readonly type: string;
  readonly mode: number;
  readonly owner: string;
  readonly link: string;
  readonly sha256: string;
}

/** A tar archive of entries and contents; its own few lines, so that nothing is checked by itself. */
export function tarOf(entries: readonly { readonly entry: PathEntry; readonly text?: string }[]): Buffer {
  const blocks = entries.flatMap(({ entry, text = '' }) => [
    tarEntryHeader({ ...entry, size: Buffer.byteLength(text) }, 1_500_000_000),
    padded(Buffer.from(text)),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const TYPES: Readonly<Record<string, string>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
  '6': 'fifo',
};

/** Reads an archive of BuildKit's exporter, or a layer of ours. */
export function seenInTar(archive: Buffer): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  let pax = new Map<string, string>();
  for (let at = 0; at + 512 <= archive.length; ) {
    const block = archive.subarray(at, at + 512);
    if (block.every((byte) => byte === 0)) break;
    const text = (offset: number, length: number) =>
      block.toString('utf8', offset, offset + length).replace(/\0.*$/s, '');
    const octal = (offset: number, length: number) => Number.parseInt(text(offset, length).trim() || '0', 8);
    const type = String.fromCharCode(block[156] as number);
    const size = octal(124, 12);
    const content = archive.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
    if (type === 'x') {
      pax = new Map([...paxRecords(content)]);
      continue;
    }
    const prefix = text(345, 155);
    const name = pax.get('path') ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`);
    const path = name.replace(/^\.?\//, '').replace(/\/$/, '');
    const kind = TYPES[type] ?? type;
    const link = pax.get('linkpath') ?? text(157, 100);
    const attributes = [...pax]
      .filter(([key]) => key.startsWith('SCHILY.xattr.'))
      .map(([key, value]) => `${key}=${value}`);
    seen.set(path, {
      type: kind,
      mode: kind === 'symlink' ? 0o777 : octal(100, 8) & 0o7777,
      owner: [`${pax.get('uid') ?? octal(108, 8)}:${pax.get('gid') ?? octal(116, 8)}`, ...attributes].join(
        ' ',
      ),
      link: kind === 'hardlink' ? link.replace(/^\.?\//, '') : kind === 'symlink' ? link : '',
      sha256: kind === 'file' ? createHash('sha256').update(content).digest('hex') : '',
    });
    pax = new Map();
  }
  return seen;
}

function* paxRecords(content: Buffer): Generator<readonly [string, string]> {
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, space));
    const record = content.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    yield [record.slice(0, equals), record.slice(equals + 1)];
    at += length;
  }
}

/** What is below a directory, with paths (and targets of hard links) below it. */
export function below(seen: ReadonlyMap<string, Seen>, directory: string): Map<string, Seen> {
  const inside = `${directory}/`;
  const cut = (path: string) => (path.startsWith(inside) ? path.slice(inside.length) : path);
  return new Map(
    [...seen]
      .filter(([path]) => path.startsWith(inside))
      .map(([path, one]) => [cut(path), one.type === 'hardlink' ? { ...one, link: cut(one.link) } : one]),
  );
}

/** A file system after one more layer: enough of the rules for layers without whiteouts. */
export function over(lower: ReadonlyMap<string, Seen>, upper: ReadonlyMap<string, Seen>): Map<string, Seen> {
  const all = new Map(lower);
  for (const [path, one] of upper) {
    if (one.type !== 'directory' || all.get(path)?.type !== 'directory')
      for (const old of [...all.keys()]) if (old === path || old.startsWith(`${path}/`)) all.delete(old);
    all.set(path, one);
  }
  return all;
}

/** Lines to compare: hard links as files, with the first name of each. */
export function lines(seen: ReadonlyMap<string, Seen>): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const [path, { type, link }] of seen)
    if (type === 'hardlink') groups.set(link, [...(groups.get(link) ?? [link]), path]);
  const first = new Map(
    [...groups.values()].flatMap((names) => names.map((name) => [name, names.toSorted()[0]] as const)),
  );
  return [...seen]
    .map(([path, one]) => {
      const file = one.type === 'hardlink' ? (seen.get(one.link) as Seen) : one;
      const shared = first.has(path) ? ` = ${first.get(path)}` : '';
      return `${path} ${file.type} ${file.mode.toString(8)} ${file.owner} ${file.link} ${file.sha256.slice(0, 12)}${shared}`;
    })
    .sort();
}
