import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import type { SplitLayers } from '../../src/split/request.ts';
import { type LayerSource, treeOfLayers } from '../../src/verify/read-tree.ts';
import type { Tree, TreeEntry } from '../../src/verify/tree.ts';

/** The split layers as what a tree is put together from. */
export function sourcesOf(split: SplitLayers): readonly LayerSource[] {
  return split.layers.map(({ made }) => ({
    mediaType: made.descriptor.mediaType,
    open: async () => createReadStream(made.file),
  }));
}

/**
 * Holds the files of the split layers, put upon the image below, against those of the solved ones: all but times, and in bytecode the code
 * object and whether Python would use it.
 *
 * @param moved a directory that pip installed into elsewhere first: the code objects below it name other files
 */
export async function assertSameFiles(
  below: Tree,
  solved: readonly LayerSource[],
  split: SplitLayers,
  moved?: string,
): Promise<Tree> {
  const expected = await treeOfLayers(solved, below);
  const actual = await treeOfLayers(sourcesOf(split), below);
  assert.deepEqual(
    actual.layers.slice(below.layers.length).flatMap(({ hazards }) => hazards),
    [],
  );
  assert.deepEqual([...actual.entries.keys()], [...expected.entries.keys()]);
  const codeOf = (path: string) => moved === undefined || !path.startsWith(`${moved}/`);
  for (const [path, entry] of expected.entries)
    assert.deepEqual(
      factsOf(actual.entries.get(path) as TreeEntry, actual, codeOf(path)),
      factsOf(entry, expected, codeOf(path)),
      path,
    );
  return actual;
}

function factsOf(entry: TreeEntry, tree: Tree, withCode: boolean) {
  const { type, mode, uid, gid, size, link, device, xattrs, sha256, bytecode } = entry;
  const common = { type, mode, uid, gid, link, device, xattrs };
  if (bytecode?.canonical === undefined) return { ...common, size, sha256 };
  const { magic, validity, canonical } = bytecode;
  return { ...common, magic, validity, canonical: withCode ? canonical : '', fits: fits(entry, tree) };
}

/** Whether a bytecode file has the time and size of its source. */
function fits({ path, bytecode }: TreeEntry, { entries }: Tree): boolean | undefined {
  const source = entries.get(path.replace(/__pycache__\/([^/]+?)\.[^./]+(?:\.opt-\d)?\.pyc$/, '$1.py'));
  if (source === undefined || bytecode?.source === undefined) return undefined;
  return bytecode.source.mtime === source.mtime && bytecode.source.size === source.size;
}
