import type { PathEntry } from './path-entry.ts';
import { indexOf, type PathIndex, sortedNames } from './path-index.ts';
import { type PathNode, step } from './path-tree.ts';

/**
 * An index as bytes, the same for the same paths. Of every directory there is a block of text, those of its directories before
 * its own; the last line says where the root's is. A block has two fields a path, each ended by a zero byte:
 * `TYPE MODE UID GID SIZE NAME` (a directory's SIZE is `OFFSET+LENGTH` of its block) and the link. The root's own mode and owner
 * are in the last line.
 */
const HEAD = 'layerwright paths 1\n';

const LETTERS = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  character: 'c',
  block: 'b',
  fifo: 'p',
} as const satisfies Record<PathEntry['type'], string>;

const TYPES: Readonly<Record<string, PathEntry['type']>> = Object.fromEntries(
  Object.entries(LETTERS).map(([type, letter]) => [letter, type as PathEntry['type']]),
);

/** The bytes of an index; compress them before they are kept. */
export function serialiseIndex(index: PathIndex): Buffer {
  const blocks = [Buffer.from(HEAD)];
  let at = HEAD.length;
  const write = (node: PathNode): string => {
    const lines = sortedNames(node).map((name) => {
      const child = step(node, name) as PathNode;
      const { type, size, link } = child.entry;
      const last = type === 'directory' ? write(child) : String(size);
      return `${facts(child.entry)} ${last} ${name}\0${link}\0`;
    });
    const block = Buffer.from(lines.join(''));
    const place = `${at}+${block.length}`;
    blocks.push(block);
    at += block.length;
    return place;
  };
  const place = write(index.root);
  return Buffer.concat([...blocks, Buffer.from(`\n${facts(index.root.entry)} ${place} `)]);
}

function facts({ type, mode, uid, gid }: PathEntry): string {
  return `${LETTERS[type]} ${mode.toString(8)} ${uid} ${gid}`;
}

/**
 * Reads what {@link serialiseIndex} wrote, each directory when it is first asked for.
 *
 * @throws Error if the bytes are not whole, now or when such a directory is asked for: keep a checksum with them
 */
export function parseIndex(bytes: Uint8Array): PathIndex {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = buffer.lastIndexOf('\n');
  if (buffer.toString('latin1', 0, HEAD.length) !== HEAD || last < HEAD.length)
    throw new Error('these are not the bytes of a path index');
  return indexOf(nodeOf(buffer, '', buffer.toString('utf8', last + 1), '').node);
}

const FACTS = /^([a-z]) ([0-7]{1,4}) (\d+) (\d+) (\d+)(?:\+(\d+))? ([\s\S]*)$/;

function nodeOf(
  buffer: Buffer,
  directory: string,
  text: string,
  link: string,
): { name: string; node: PathNode } {
  const [, letter = '', mode = '', uid, gid, size, length, name = ''] = FACTS.exec(text) ?? [];
  const type = TYPES[letter];
  if (type === undefined || (type === 'directory') !== (length !== undefined))
    throw new Error('the bytes of a path index are damaged');
  const path = directory === '' ? name : `${directory}/${name}`;
  const entry = {
    path,
    type,
    mode: Number.parseInt(mode, 8),
    uid: Number(uid),
    gid: Number(gid),
    size: 0,
    link,
  };
  if (type !== 'directory')
    return { name, node: { entry: { ...entry, size: Number(size) }, children: undefined } };
  const children = () => childrenFrom(buffer, path, Number(size), Number(length));
  return { name, node: { entry, children } };
}

function childrenFrom(buffer: Buffer, path: string, offset: number, length: number): Map<string, PathNode> {
  const fields = buffer.toString('utf8', offset, offset + length).split('\0');
  const children = new Map<string, PathNode>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const { name, node } = nodeOf(buffer, path, fields[at] as string, fields[at + 1] as string);
    children.set(name, node);
  }
  return children;
}
