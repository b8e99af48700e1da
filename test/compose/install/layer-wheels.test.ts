import assert from 'node:assert/strict';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { layerWheels } from '../../../src/compose/install/layer-wheels.ts';
import type { Keeper } from '../../../src/compose/keep/keeper.ts';
import type { GivenImage, GivenLayer } from '../../../src/compose/state.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { silentSteps } from '../../../src/host/steps.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex, type PathIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { tarOf } from '../../context/trees.ts';
import { sha256 } from '../../support/package-index.ts';
import { wheelParts } from '../../support/wheel.ts';
import { zipOf } from '../../support/zip.ts';

const NAME = 'demo-1.0-py3-none-any.whl';

function wheel(content: string): Buffer {
  return zipOf(wheelParts([{ name: 'demo.py', content }]));
}

interface Part {
  readonly entry: PathEntry;
  readonly text?: string;
}

function file(path: string, content: Buffer, rest: Partial<PathEntry> = {}): Part {
  const entry = { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: content.length, link: '' } as const;
  return { entry: { ...entry, ...rest }, text: content as unknown as string };
}

/** An image of plain layers; which of them were opened. */
function imageOf(...layers: readonly (readonly Part[])[]) {
  const opened: number[] = [];
  const archives = layers.map((parts) => tarOf(parts));
  const images: GivenImage[] = [];
  let index: PathIndex = emptyIndex();
  const given: GivenLayer[] = [];
  for (const [at, parts] of layers.entries()) {
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `${at}`, size: 0 };
    given.push({ kind: 'given', blob: { descriptor, diffId: `sha256:${at}`, repository: 'x' } });
    index = withLayer(
      index,
      parts.map(({ entry }) => entry),
    );
    images.push({
      image: 'registry.example.com/app@sha256:1',
      config: { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [] } },
      layers: [...given],
      files: { index, layers: [], contents: new Map(), architecture: 'amd64', os: 'linux' },
      below: images.at(-1),
    });
  }
  const openLayer = async ({ descriptor }: GivenLayer['blob']) => {
    opened.push(Number(descriptor.digest));
    return (async function* () {
      yield archives[Number(descriptor.digest)] as Buffer;
    })();
  };
  return { image: images.at(-1) as GivenImage, openLayer, opened };
}

/** What builds keep for each other; contents are not looked at. */
function keeperOf(kept: Map<string, unknown>): Keeper {
  return {
    find: async (_kind: string, key: string) => kept.get(key),
    statBlob: async () => undefined,
    async keep(_kind: string, key: string, config: object) {
      kept.set(key, { config, layers: [] });
    },
  } as unknown as Keeper;
}

async function opening(sample: ReturnType<typeof imageOf>) {
  const directory = await temporaryDirectory();
  return {
    wheels: layerWheels({
      ...{ keeper: keeperOf(new Map()), steps: silentSteps, openLayer: sample.openLayer },
      subdirectory: () => mkdtemp(join(directory.path, 'in-')),
    }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test('wheels are taken as the uppermost layer has them, each layer read once', async () => {
  const [old, now, other] = [wheel('old = 1\n'), wheel('now = 1\n'), wheel('other = 1\n')];
  const sample = imageOf(
    [file('etc/base', Buffer.from('base'))],
    [file(`wheels/${NAME}`, old), file(`more/${NAME}`, other)],
    [file(`wheels/${NAME}`, now)],
  );
  await using given = await opening(sample);
  const files = ['wheels', 'more'].map((name) => ({ image: sample.image, path: `${name}/${NAME}` }));
  const found = await given.wheels.get(files);
  assert.ok(!('reason' in found), JSON.stringify(found));
  assert.deepEqual(
    found.map(({ wheel: { sha256: digest, size, filename } }) => [digest, size, filename]),
    [
      [sha256(now), now.length, NAME],
      [sha256(other), other.length, NAME],
    ],
  );
  assert.deepEqual(await readFile(given.wheels.fileOf(sha256(now)) as string), now);
  assert.deepEqual(sample.opened, [2, 1], 'nothing of the base is read');
  await given.wheels.get(files);
  assert.deepEqual(sample.opened, [2, 1]);
});

test('a link hides the file below it, and what is no wheel is none', async () => {
  const linked = imageOf(
    [file(`wheels/${NAME}`, wheel('old = 1\n'))],
    [
      file('wheels/a', wheel('new = 1\n')),
      file(`wheels/${NAME}`, Buffer.alloc(0), { type: 'hardlink', link: 'wheels/a' }),
    ],
  );
  await using first = await opening(linked);
  const one = await first.wheels.get([{ image: linked.image, path: `wheels/${NAME}` }]);
  assert.ok('reason' in one);
  assert.match(one.reason, /wheels\/demo-1\.0-py3-none-any\.whl is not a plain file of a layer/);

  const broken = imageOf([
    file(`wheels/${NAME}`, Buffer.from('no archive')),
    file('wheels/demo.whl', wheel('x = 1\n')),
  ]);
  await using second = await opening(broken);
  for (const name of [NAME, 'demo.whl']) {
    const two = await second.wheels.get([{ image: broken.image, path: `wheels/${name}` }]);
    assert.ok('reason' in two, name);
  }
});
