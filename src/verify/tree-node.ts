import { NO_FACTS } from './file-facts.ts';
import { parentOf, type TreeEntry } from './tree.ts';

/** A path while layers are put upon each other. */
export interface TreeNode {
  entry: TreeEntry;
  readonly children: Map<string, TreeNode>;
}

/** What runtimes make of a directory that no layer has an entry for. */
export function impliedDirectory(path: string, layer: number): TreeEntry {
  const nothing = { size: 0, link: '', device: '', mtime: undefined, xattrs: {} };
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, ...nothing, ...NO_FACTS, layer };
}

/** The node of a path; `''` is the root. */
export function nodeAt(root: TreeNode, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  if (path !== '') for (const name of path.split('/')) node = node?.children.get(name);
  return node;
}

/** Puts an entry where it belongs; a directory keeps what is in it, all else takes the place of what was there. */
export function place(root: TreeNode, entry: TreeEntry): void {
  const { path, layer } = entry;
  if (path === '') {
    root.entry = entry;
    return;
  }
  let parent = root;
  const names = path.split('/');
  const name = names.pop() as string;
  let walked = '';
  for (const one of names) {
    walked = walked === '' ? one : `${walked}/${one}`;
    let child = parent.children.get(one);
    // A path below a symbolic link or a file makes a directory of it: runtimes do not follow the link.
    if (child?.entry.type !== 'directory') {
      child = { entry: impliedDirectory(walked, layer), children: new Map() };
      parent.children.set(one, child);
    }
    parent = child;
  }
  const there = parent.children.get(name);
  if (there?.entry.type === 'directory' && entry.type === 'directory') there.entry = entry;
  else parent.children.set(name, { entry, children: new Map() });
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** What a whiteout takes away: one path, or all that lower layers have in a directory; undefined for any other entry. */
export function whiteoutOf(
  path: string,
): { readonly path: string; readonly kind: 'one' | 'all' | 'note' } | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!name.startsWith(WHITEOUT)) return undefined;
  const parent = parentOf(path);
  if (name === OPAQUE) return { path: parent, kind: 'all' };
  // All other names with a second mark are notes of a storage driver.
  if (name.startsWith(`${WHITEOUT}${WHITEOUT}`)) return { path, kind: 'note' };
  const hidden = name.slice(WHITEOUT.length);
  return { path: parent === '' ? hidden : `${parent}/${hidden}`, kind: 'one' };
}

/**
 * Takes away what the lower layers have where a whiteout says so; what this layer has stays, wherever in it the whiteout stands.
 *
 * @returns false for an entry that is no whiteout
 */
export function applyWhiteout(root: TreeNode, path: string, layer: number): boolean {
  const whiteout = whiteoutOf(path);
  if (whiteout === undefined) return false;
  const hidden = whiteout.path.slice(whiteout.path.lastIndexOf('/') + 1);
  const parent = nodeAt(root, whiteout.kind === 'one' ? parentOf(whiteout.path) : whiteout.path);
  if (parent === undefined || whiteout.kind === 'note') return true;
  for (const name of whiteout.kind === 'one' ? [hidden] : [...parent.children.keys()])
    takeAway(parent, name, layer);
  return true;
}

function takeAway(parent: TreeNode, name: string, layer: number): void {
  const node = parent.children.get(name);
  if (node === undefined) return;
  for (const child of [...node.children.keys()]) takeAway(node, child, layer);
  if (node.entry.layer === layer) return;
  if (node.children.size === 0) parent.children.delete(name);
  else node.entry = impliedDirectory(node.entry.path, layer);
}

/** All paths, each directory before what is in it, names in the order of their code units. */
export function flattened(root: TreeNode): ReadonlyMap<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  const walk = (node: TreeNode) => {
    entries.set(node.entry.path, node.entry);
    for (const name of [...node.children.keys()].sort()) walk(node.children.get(name) as TreeNode);
  };
  walk(root);
  return entries;
}
