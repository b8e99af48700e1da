import type { GivenImage } from '../../src/compose/state.ts';
import { emptyIndex, type PathIndex } from '../../src/image/path-index.ts';

/** An image of linux/amd64 with these files in a single layer. */
export function givenImage(index: PathIndex = emptyIndex()): GivenImage {
  return {
    image: `registry.example/base@sha256:${'0'.repeat(64)}`,
    config: { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [] } },
    ...{ layers: [], below: undefined },
    files: { layers: [], architecture: 'amd64', os: 'linux', index, contents: new Map() },
  };
}
