import { layerUnreadable } from './layer-unreadable.ts';
import type { PathEntry } from './path-entry.ts';
import { indexOf, MAX_LINKS, type PathIndex } from './path-index.ts';
import { childrenOf, directoryNode, type PathNode, step } from './path-tree.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * The image with one more layer, after the OCI layer specification
 * (https://github.com/opencontainers/image-spec/blob/main/layer.md): whiteouts hide what lower layers have, wherever they stand
 * in the archive; a directory keeps what is in it and takes the new mode and owner; anything else replaces what was there.
 *
 * A path that leads through a symbolic link is taken as Docker, BuildKit and containerd take it (measured): a lower layer's link
 * makes room for a directory, the same layer's is followed. A directory without an entry is 0755 0:0. A hard link is recorded
 * as the file that it is.
 *
 * @param entries in the archive's order
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) for a hard link to what is not there, or to a directory
 */
export function withLayer(index: PathIndex, entries: Iterable<PathEntry>): PathIndex {
  const all = [...entries];
  const draft = draftOf(index.root);
  for (const { path } of all) hide(draft, path);
  for (const entry of all) if (!nameOf(entry.path).startsWith(WHITEOUT)) place(draft, entry);
  return indexOf(draft.root);
}

interface Draft {
  readonly root: PathNode;
  /** Directories that this layer made, or copied: those may be written to. */
  readonly own: Set<PathNode>;
  /** Symbolic links that this layer has an entry for. */
  readonly links: Set<PathNode>;
  /** The directory that was written to last, while it is where it was: most entries follow one of the same directory. */
  last: { readonly path: string; readonly node: PathNode } | undefined;
}

function draftOf(root: PathNode): Draft {
  const copy = copyOf(root);
  return { root: copy, own: new Set([copy]), links: new Set(), last: undefined };
}

function copyOf(node: PathNode): PathNode {
  return { entry: node.entry, children: new Map(childrenOf(node)) };
}

function put(draft: Draft, parent: PathNode, name: string, node: PathNode): PathNode {
  const before = step(parent, name);
  // What was a directory, or a link to one, is no way to the last one any more.
  if (before && before.entry.type !== 'file') draft.last = undefined;
  if (node.children) draft.own.add(node);
  (parent.children as Map<string, PathNode>).set(name, node);
  return node;
}

/** A child directory that may be written to; undefined if there is no directory of that name. */
function ownDirectory(draft: Draft, parent: PathNode, name: string): PathNode | undefined {
  const node = step(parent, name);
  if (node?.entry.type !== 'directory' || draft.own.has(node)) return node?.children && node;
  return put(draft, parent, name, copyOf(node));
}

/** Applies a whiteout; other paths are passed over. */
function hide(draft: Draft, path: string): void {
  const name = nameOf(path);
  if (!name.startsWith(WHITEOUT)) return;
  let node: PathNode | undefined = draft.root;
  for (const part of parentParts(path)) {
    node = ownDirectory(draft, node, part);
    if (node === undefined) return;
  }
  const children = node.children as Map<string, PathNode>;
  if (name === OPAQUE) children.clear();
  else children.delete(name.slice(WHITEOUT.length));
}

function place(draft: Draft, entry: PathEntry): void {
  if (entry.path === '') {
    draft.root.entry = { ...entry, path: '', type: 'directory', size: 0, link: '' };
    return;
  }
  const parent = parentFor(draft, entry.path);
  const name = nameOf(entry.path);
  const path = parent.entry.path === '' ? name : `${parent.entry.path}/${name}`;
  const written = entry.type === 'hardlink' ? linked(draft, entry, path) : { ...entry, path };
  if (written.type === 'directory') {
    const before = ownDirectory(draft, parent, name);
    if (before) before.entry = written;
    else put(draft, parent, name, { entry: written, children: new Map() });
    return;
  }
  const node = put(draft, parent, name, { entry: written, children: undefined });
  if (written.type === 'symlink') draft.links.add(node);
}

/** The directory that a path is written into, made if it is not there. */
function parentFor(draft: Draft, path: string): PathNode {
  const directory = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (draft.last?.path !== directory) draft.last = { path: directory, node: walkTo(draft, path) };
  return draft.last.node;
}

function walkTo(draft: Draft, path: string): PathNode {
  let way = [draft.root];
  const todo = parentParts(path).reverse();
  for (let links = 0; ; ) {
    const part = todo.pop();
    const here = way.at(-1) as PathNode;
    if (part === undefined) return here;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (way.length > 1) way.pop();
      continue;
    }
    const next = step(here, part);
    if (next?.entry.type === 'symlink' && draft.links.has(next)) {
      links += 1;
      if (links > MAX_LINKS)
        throw layerUnreadable(`the links on the way to ${JSON.stringify(path)} go round in a circle`);
      if (next.entry.link.startsWith('/')) way = [draft.root];
      todo.push(...next.entry.link.split('/').reverse());
    } else way.push(ownDirectory(draft, here, part) ?? newDirectory(draft, here, part));
  }
}

function newDirectory(draft: Draft, parent: PathNode, name: string): PathNode {
  const path = parent.entry.path === '' ? name : `${parent.entry.path}/${name}`;
  return put(draft, parent, name, directoryNode(path));
}

/** What a hard link is: the same as the path that it names. */
function linked(draft: Draft, { path, link }: PathEntry, place: string): PathEntry {
  const target = indexOf(draft.root).resolveParent(link).entry;
  if (target === undefined || target.type === 'directory')
    throw layerUnreadable(
      `${JSON.stringify(path)} is a hard link to ${JSON.stringify(link)}, which is ${target ? 'a directory' : 'not there'}`,
    );
  return { ...target, path: place };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function parentParts(path: string): string[] {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? [] : path.slice(0, slash).split('/');
}
