import { createHash } from 'node:crypto';
import { layerUnreadable } from '../image/layer-unreadable.ts';
import { readTar, type StreamedEntry } from '../image/tar-read-stream.ts';
import { layerArchive } from '../layers/layer-archive.ts';
import { type FileFacts, NO_FACTS, readFileFacts } from './file-facts.ts';
import { watchLayer } from './layer-hazards.ts';
import type { ReadLayer, Tree, TreeEntry } from './tree.ts';
import { applyWhiteout, flattened, impliedDirectory, nodeAt, place, type TreeNode } from './tree-node.ts';

/** A layer to read. */
export interface LayerSource {
  readonly mediaType: string;
  /** Opens the blob, compressed as it is. */
  readonly open: () => Promise<AsyncIterable<Uint8Array>>;
}

/**
 * The file system that layers make, one upon the other: what a container would see. Streamed: no layer is ever held.
 *
 * @param layers the lowest first
 * @param below a tree that the layers are put upon; it is not changed
 * @throws LayerwrightError `LAYER_UNREADABLE` (1), and what the sources throw
 */
export async function treeOfLayers(layers: readonly LayerSource[], below?: Tree): Promise<Tree> {
  const growing = growingTree(below);
  for (const { mediaType, open } of layers) await growing.add(layerArchive(await open(), mediaType));
  return growing.finish();
}

interface GrowingTree {
  readonly add: (archive: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly finish: () => Tree;
}

function growingTree(below: Tree | undefined): GrowingTree {
  const root: TreeNode = { entry: impliedDirectory('', 0), children: new Map() };
  const layers: ReadLayer[] = [...(below?.layers ?? [])];
  // A tree's entries are sorted, so that a directory comes before what is in it.
  for (const entry of below?.entries.values() ?? []) place(root, entry);
  return {
    async add(archive) {
      const hash = createHash('sha256');
      let tarBytes = 0;
      const hashed = tapped(archive, (chunk) => {
        hash.update(chunk);
        tarBytes += chunk.byteLength;
      });
      const layer = layers.length;
      const watch = watchLayer((path) => (nodeAt(root, path)?.entry.layer ?? layer) < layer);
      for await (const { entry, content } of readTar(hashed)) {
        watch.see(entry);
        if (applyWhiteout(root, entry.path, layer)) continue;
        const facts = entry.type === 'file' ? await readFileFacts(entry.path, entry.size, content) : NO_FACTS;
        place(root, treeEntry(root, entry, facts, layer));
      }
      layers.push({ diffId: `sha256:${hash.digest('hex')}`, tarBytes, hazards: watch.found() });
    },
    finish: () => ({ entries: flattened(root), layers }),
  };
}

async function* tapped(
  source: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

function treeEntry(root: TreeNode, entry: StreamedEntry, facts: FileFacts, layer: number): TreeEntry {
  if (entry.type !== 'hardlink') return { ...entry, type: entry.type, ...facts, layer };
  const file = nodeAt(root, entry.link)?.entry;
  if (file === undefined || file.type === 'directory')
    throw layerUnreadable(`the hard link ${entry.path} leads to ${entry.link}, which is no file`);
  return { ...file, path: entry.path, layer };
}
