import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractLayer } from '../../src/compose/extract-layer.ts';
import { type GivenImage, NotComposable } from '../../src/compose/state.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { emptyIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { textOf } from '../../src/image/tar-text.ts';

const entry = (path: string, type: PathEntry['type'] = 'file', link = ''): PathEntry => ({
  ...{ path, type, mode: 0o644, uid: 0, gid: 0, size: 1, link },
});

/** The layer with what is below `/opt` of an image that has these there. */
function extracted(...entries: readonly PathEntry[]) {
  const index = withLayer(emptyIndex(), [entry('opt', 'directory'), ...entries]);
  const image: GivenImage = {
    image: 'registry.example.com/app@sha256:1',
    config: {
      ...{ architecture: 'amd64', os: 'linux', config: {} },
      rootfs: { type: 'layers', diff_ids: [] },
    },
    layers: [],
    files: { index, layers: [], contents: new Map(), architecture: 'amd64', os: 'linux' },
    below: undefined,
  };
  const request = { compression: 'zstd', openLayer: () => Promise.reject(new Error('not read')) } as const;
  return extractLayer(request, image, index, ['/opt'], 7);
}

test('a name that is no proper UTF-8 is left to BuildKit: its bytes cannot be written from its text', () => {
  assert.equal(extracted(entry('opt/\u00e4')).kind, 'extract');
  const name = textOf(Buffer.from([0x61, 0xff]));
  for (const odd of [entry(`opt/${name}`), entry('opt/link', 'symlink', name)])
    assert.throws(
      () => extracted(odd),
      (error) => error instanceof NotComposable && error.line === 7 && /no proper UTF-8/.test(error.reason),
    );
});
