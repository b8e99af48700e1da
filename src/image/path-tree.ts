import type { PathEntry } from './path-entry.ts';

/** A path with what is below it. Trees share their nodes: one is only written to while the layer is applied that made it. */
export interface PathNode {
  entry: PathEntry;
  /** Of a directory; a function while it has not been needed yet. */
  children: Map<string, PathNode> | (() => Map<string, PathNode>) | undefined;
}

/** The root directory that an image has before its first layer. */
export function rootNode(): PathNode {
  return directoryNode('');
}

/** A directory that no layer speaks of: 0755 0:0. */
export function directoryNode(path: string): PathNode {
  return {
    entry: { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '' },
    children: new Map(),
  };
}

const NONE: ReadonlyMap<string, PathNode> = new Map();

/** What is in a directory; nothing if it is none. */
export function childrenOf(node: PathNode): ReadonlyMap<string, PathNode> {
  if (typeof node.children === 'function') node.children = node.children();
  return node.children ?? NONE;
}

/** One part further down. */
export function step(node: PathNode, part: string): PathNode | undefined {
  return childrenOf(node).get(part);
}
