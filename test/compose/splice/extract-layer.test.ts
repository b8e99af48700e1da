import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { extractLayer, type ToExtract } from '../../../src/compose/splice/extract-layer.ts';
import { type GivenImage, type GivenLayer, NotComposable } from '../../../src/compose/state.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex, type PathIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { seenInTar, tarOf } from '../../context/trees.ts';

type Part = { readonly entry: PathEntry; readonly text?: string };

function part(path: string, text?: string, rest: Partial<PathEntry> = {}): Part {
  const type = text === undefined ? 'directory' : 'file';
  const size = Buffer.byteLength(text ?? '');
  const entry = { path, type, mode: 0o755, uid: 0, gid: 0, size, link: '', ...rest } as const;
  return { entry, ...(text !== undefined && { text }) };
}

/** An image of plain layers, with the layers that were opened. */
function imageOf(...layers: readonly (readonly Part[])[]) {
  const opened: number[] = [];
  const archives = layers.map((parts) => tarOf(parts));
  const given = layers.map((_, at): GivenLayer => {
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `${at}`, size: 0 };
    return { kind: 'given', blob: { descriptor, diffId: `sha256:${at}`, repository: 'x' } };
  });
  const indexes = [emptyIndex()];
  for (const parts of layers)
    indexes.push(
      withLayer(
        indexes.at(-1) as PathIndex,
        parts.map(({ entry }) => entry),
      ),
    );
  const upTo = (count: number): GivenImage => ({
    image: 'registry.example.com/app@sha256:1',
    config: { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [] } },
    layers: given.slice(0, count),
    files: {
      ...{ index: indexes[count] ?? emptyIndex(), layers: [], contents: new Map() },
      ...{ architecture: 'amd64', os: 'linux' },
    },
    below: count > 1 ? upTo(count - 1) : undefined,
  });
  const request = {
    compression: 'gzip' as const,
    openLayer: async ({ descriptor }: GivenLayer['blob']) => {
      opened.push(Number(descriptor.digest));
      return (async function* () {
        yield archives[Number(descriptor.digest)] as Buffer;
      })();
    },
  };
  return { image: upTo(layers.length), request, opened };
}

function layerOf(
  { image, request }: ReturnType<typeof imageOf>,
  moved: Readonly<Record<string, Partial<PathEntry> & { readonly path: string }>>,
) {
  const entries = Object.entries(moved).map(
    ([path, rest]): ToExtract => ({
      path,
      entry: { ...(image.files.index.get(path) as PathEntry), ...rest },
    }),
  );
  const after = withLayer(emptyIndex(), [
    part('srv', undefined, { mode: 0o750, uid: 3, gid: 4 }).entry,
    ...entries.map(({ entry }) => entry),
  ]);
  return extractLayer(request, { image, layer: undefined, entries, after, title: 'x', line: 7 });
}

const SAMPLE = [
  [part('opt'), part('opt/low', 'low'), part('opt/changed', 'before')],
  [
    part('opt/dir', undefined, { mode: 0o700, uid: 5, gid: 6 }),
    part('opt/changed', 'after'),
    part('opt/first', 'first', { mode: 0o4640, uid: 7, gid: 8 }),
    part('opt/second', '', { type: 'hardlink', link: 'opt/first' }),
    part('opt/link', '', { type: 'symlink', link: 'first', uid: 9, gid: 9 }),
  ],
] as const;

test("files come to other places, with other owners; the directories above are the target's", async () => {
  const sample = imageOf(...SAMPLE);
  const layer = layerOf(sample, {
    'opt/changed': { path: 'srv/deep/changed' },
    'opt/dir': { path: 'srv/dir' },
    'opt/first': { path: 'srv/a', uid: 1, gid: 2, mode: 0o600 },
    'opt/second': { path: 'srv/b', uid: 1, gid: 2, mode: 0o600 },
    'opt/link': { path: 'srv/link' },
    'opt/low': { path: 'srv/low' },
  });
  assert.equal(layer.bytes, 18);
  await using scratch = await temporaryDirectory();
  const made = await layer.write(scratch.path);
  const seen = seenInTar(gunzipSync(await readFile(made.file)));
  const told = [...seen].map(([path, { type, mode, owner, link }]) =>
    [path, type, mode.toString(8), owner, link].join(' ').trim(),
  );
  assert.deepEqual(told, [
    'srv directory 750 3:4',
    'srv/deep directory 755 0:0',
    'srv/dir directory 700 5:6',
    'srv/deep/changed file 755 0:0',
    'srv/a file 600 1:2',
    'srv/b hardlink 600 1:2 srv/a',
    'srv/link symlink 777 9:9 first',
    'srv/low file 755 0:0',
  ]);
});

test('layers below the files are not read', async () => {
  const sample = imageOf(...SAMPLE);
  await using scratch = await temporaryDirectory();
  await layerOf(sample, { 'opt/link': { path: 'srv/link' } }).write(scratch.path);
  assert.deepEqual(sample.opened, [1]);
});

test('the key covers where files go, whose they are and the directories above', () => {
  const sample = imageOf(...SAMPLE);
  const keys = [
    { path: 'srv/a' },
    { path: 'srv/b' },
    { path: 'srv/a', uid: 1 },
    { path: 'srv/a', mode: 0o600 },
    { path: 'other/a' },
  ].map((moved) => layerOf(sample, { 'opt/first': moved }).key);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(layerOf(imageOf(...SAMPLE), { 'opt/first': { path: 'srv/a' } }).key, keys[0]);
});

test('what cannot be written, or is not there, is left to BuildKit', async () => {
  await using scratch = await temporaryDirectory();
  const cases: readonly (readonly [ReturnType<typeof layerOf>, RegExp])[] = [
    [layerOf(imageOf(...SAMPLE), { 'opt/second': { path: 'srv/b' } }), /hard link to what is not copied/],
    [
      layerOf(imageOf([part('opt/pipe', '', { type: 'symlink', link: 'x' })], [part('opt')]), {
        'opt/gone': { path: 'srv/gone', type: 'file', size: 1, mode: 0, uid: 0, gid: 0, link: '' },
      }),
      /was not found/,
    ],
  ];
  for (const [layer, reason] of cases)
    await assert.rejects(
      layer.write(scratch.path),
      (error) => error instanceof NotComposable && error.line === 7 && reason.test(error.reason),
    );
});
