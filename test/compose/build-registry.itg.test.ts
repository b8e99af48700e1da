import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { TestRegistry } from '../../src/testing/registry.ts';
import { OFFICIAL_311, pushBase, SITE } from './base-image.ts';
import { codeOf, leftIn, type ReadImage, type Workshop, workshop } from './workshop.ts';

const MODULE = { name: 'demo.py', content: 'version = "1.0"\n' };
/** Times that are the same in every build. */
const EPOCH = ['--source-date-epoch', '1700000000'];
const DENIED = { status: 403, body: '{"errors":[{"code":"DENIED"}]}' };

/** A project whose first build was pushed: what follows finds what that kept. */
async function builtOnce(dockerfile?: (shop: Workshop) => string): Promise<Workshop> {
  const shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  if (dockerfile) await shop.project.write({ Dockerfile: dockerfile(shop) });
  await shop.built(EPOCH);
  return shop;
}

/** Without a layer before the installation that is too small to be kept: the next build begins behind it. */
const bound = ({ base, index }: Workshop) => `FROM ${base}
RUN --mount=type=bind,source=requirements.txt,target=/r.txt pip install --index-url ${index.url} -r /r.txt
COPY app.py /app/
`;

/** The digest of the layer that holds a path. */
function layerWith({ tree, manifest }: ReadImage, path: string): string {
  const entry = tree.entries.get(path);
  assert.ok(entry, path);
  return manifest.layers[entry.layer]?.digest as string;
}

function since({ requests }: TestRegistry, start: number): readonly string[] {
  return requests.slice(start).map(({ method, path }) => `${method} ${path}`);
}

test('an unchanged build asks the registry of its base for its digest, and for nothing else', async () => {
  await using shop = await builtOnce();
  const start = shop.registry.requests.length;
  await shop.built(EPOCH);
  const asked = since(shop.registry, start).filter((line) => line.includes('/v2/library/'));
  assert.deepEqual(asked, ['HEAD /v2/library/python/manifests/3.11-slim']);
  await shop.project.write({ 'app.py': 'print("changed")\n' });
  const changed = shop.registry.requests.length;
  await shop.built(EPOCH);
  assert.deepEqual(
    since(shop.registry, changed).filter((line) => line.includes('/v2/library/')),
    ['HEAD /v2/library/python/manifests/3.11-slim'],
  );
});

test('a base by its digest is not asked for at all', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  const digest = await pushBase(shop.base);
  const dockerfile = bound({ ...shop, base: `${shop.base}@${digest}` });
  await shop.project.write({ Dockerfile: dockerfile });
  await shop.built(EPOCH);
  const start = shop.registry.requests.length;
  await shop.built(EPOCH);
  assert.deepEqual(
    since(shop.registry, start).filter((line) => line.includes('/v2/library/')),
    [],
  );
});

test('an unchanged build gives the same image, and makes no layer that is worth keeping', async () => {
  await using shop = await builtOnce();
  const first = await shop.image();
  const { layers } = await shop.built(EPOCH);
  assert.equal((await shop.image()).digest, first.digest);
  assert.equal(layers?.found, 3, 'the dependencies, and what is small below them');
  assert.ok(layers?.made.every(({ bytes }) => bytes < 1000));
});

test('a patched base with the same Python: no dependency layer is made', async () => {
  await using shop = await builtOnce();
  const first = await shop.image();
  const layer = layerWith(first, `${SITE}/demo.py`);
  const patch = [
    { path: 'etc', type: 'directory' },
    { path: 'etc/ssl-patched', content: 'patched\n' },
  ] as const;
  await pushBase(shop.base, [OFFICIAL_311, patch]);
  const asked = shop.index.requests.length;
  const { layers } = await shop.built(EPOCH);
  const second = await shop.image();
  assert.equal(layers?.found, 1);
  assert.equal(shop.index.requests.length, asked);
  assert.equal(layerWith(second, `${SITE}/demo.py`), layer, 'it is the same layer');
  assert.ok(second.holds('etc/ssl-patched', 'patched\n'));
  assert.equal(second.manifest.layers.length, first.manifest.layers.length + 1);
  const rest = (image: ReadImage) =>
    new Map(
      [...image.tree.entries]
        .filter(([path]) => path !== 'etc/ssl-patched')
        .map(([path, one]) => [path, { ...one, layer: 0 }]),
    );
  assert.deepEqual(rest(second), rest(first));
});

test('a base whose directories have another mode gets layers of its own', async () => {
  await using shop = await builtOnce();
  const first = layerWith(await shop.image(), `${SITE}/demo.py`);
  const base = OFFICIAL_311.map((line) => (line.path === SITE ? { ...line, mode: 0o2775, gid: 50 } : line));
  await pushBase(shop.base, [base]);
  await shop.built(EPOCH);
  const image = await shop.image();
  assert.notEqual(layerWith(image, `${SITE}/demo.py`), first);
  const { mode, gid } = image.tree.entries.get(SITE) ?? {};
  assert.deepEqual([mode, gid], [0o2775, 50]);
  assert.equal(image.tree.entries.get(`${SITE}/demo.py`)?.gid, 50);
});

test("a base in Docker's types becomes an image in OCI's", async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  await pushBase(shop.base, [OFFICIAL_311], { docker: true });
  await shop.built();
  const { manifest } = await shop.image();
  for (const { mediaType } of [manifest.config, ...manifest.layers])
    assert.match(mediaType, /^application\/vnd\.oci\.image\./);
});

/** A dependency layer, wherever the next build looks for it: by its key, or in the state that it begins from. */
const BEGINNINGS = { 'found by its key': undefined, 'of the state that the build begins from': bound };

/** Layers that are found once all is well again: where small ones are below the dependencies, these too. */
const FOUND = { 'found by its key': 3, 'of the state that the build begins from': 1 };

for (const [where, dockerfile] of Object.entries(BEGINNINGS)) {
  test(`a layer that was deleted in the registry is made again: ${where}`, async () => {
    await using shop = await builtOnce(dockerfile);
    const layer = layerWith(await shop.image(), `${SITE}/demo.py`);
    await shop.registry.blobs.remove(layer);
    await shop.built(EPOCH);
    const image = await shop.image();
    assert.ok(image.holds(`${SITE}/demo.py`, MODULE.content));
    assert.equal(layerWith(image, `${SITE}/demo.py`), layer);
    const { layers } = await shop.built(EPOCH);
    assert.equal(layers?.found, FOUND[where as keyof typeof FOUND], 'and it is found from then on');
  });

  test(`a layer that was cut off in the registry comes under another digest: ${where}`, async () => {
    await using shop = await builtOnce(dockerfile);
    const before = await shop.image();
    const layer = layerWith(before, `${SITE}/demo.py`);
    const bytes = (await shop.registry.blobs.read(layer)) as Uint8Array;
    await shop.registry.blobs.replace(layer, bytes.subarray(0, bytes.length - 5));
    await shop.built(EPOCH);
    const image = await shop.image();
    assert.ok(image.holds(`${SITE}/demo.py`, MODULE.content));
    assert.notEqual(layerWith(image, `${SITE}/demo.py`), layer);
    assert.deepEqual(image.config.rootfs, before.config.rootfs, 'it is the same archive');
    const { layers } = await shop.built(EPOCH);
    assert.equal(layers?.found, FOUND[where as keyof typeof FOUND], 'and it is found from then on');
  });

  for (const told of [true, false])
    test(`a manifest that names what is not there, ${told ? 'with' : 'without'} its digest, is put again: ${where}`, async () => {
      await using shop = await builtOnce(dockerfile);
      const layer = layerWith(await shop.image(), `${SITE}/demo.py`);
      shop.registry.faults.push({
        when: { method: 'PUT', path: /\/v2\/app\/manifests\/1$/, times: 1 },
        effect: {
          status: 400,
          body: JSON.stringify({
            errors: [
              {
                code: 'MANIFEST_BLOB_UNKNOWN',
                message: 'blob unknown',
                ...(told && { detail: { digest: layer } }),
              },
            ],
          }),
        },
      });
      await shop.project.write({ 'app.py': 'print("changed")\n' });
      await shop.built(EPOCH);
      const image = await shop.image();
      assert.ok(image.holds('app/app.py', 'print("changed")\n'));
      assert.ok(image.holds(`${SITE}/demo.py`, MODULE.content));
    });
}

test('a registry that never takes the manifest is asked twice, and then it is temporary', async () => {
  await using shop = await builtOnce();
  shop.registry.faults.push({
    when: { method: 'PUT', path: /\/v2\/app\/manifests\/1$/ },
    effect: { status: 400, body: '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}' },
  });
  const start = shop.registry.requests.length;
  const { exitCode, stderr } = await shop.build(EPOCH);
  assert.deepEqual([exitCode, codeOf({ stderr })], [75, 'MANIFEST_BLOB_UNKNOWN'], stderr);
  const puts = since(shop.registry, start).filter((line) => line === 'PUT /v2/app/manifests/1');
  assert.equal(puts.length, 2);
  assert.deepEqual(await leftIn(shop), []);
});

test('a small layer that is cut off in the registry comes under another digest too', async () => {
  await using shop = await builtOnce();
  const layer = layerWith(await shop.image(), 'app/app.py');
  const bytes = (await shop.registry.blobs.read(layer)) as Uint8Array;
  await shop.registry.blobs.replace(layer, bytes.subarray(0, 5));
  await shop.built(EPOCH);
  const image = await shop.image();
  assert.notEqual(layerWith(image, 'app/app.py'), layer);
  assert.ok(image.holds('app/app.py', 'import demo\n'));
});

test('a layer of the base that was lost beside the image is taken from the base again', async () => {
  await using shop = await builtOnce();
  const layer = layerWith(await shop.image(), 'usr/local/bin/python3.11');
  // As a clean-up does that goes wrong: the bytes are gone, and then the base is pushed again.
  await shop.registry.blobs.remove(layer);
  await pushBase(shop.base);
  await shop.built(EPOCH);
  assert.ok((await shop.image()).holds('usr/local/bin/python3.11', 'ELF'));
});

test('a layer of the base that is gone everywhere is temporary, and no image', async () => {
  await using shop = await builtOnce();
  await shop.registry.blobs.remove(layerWith(await shop.image(), 'usr/local/bin/python3.11'));
  const { exitCode, stderr } = await shop.build([...EPOCH, '-t', `${shop.app}:2`]);
  assert.deepEqual([exitCode, codeOf({ stderr })], [75, 'MANIFEST_BLOB_UNKNOWN'], stderr);
  const tag = shop.registry.requests.findLast(({ path }) => path === '/v2/app/manifests/2');
  assert.ok(tag === undefined || tag.status >= 400);
});

test('a base whose layer is damaged is no base', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  for (const one of await shop.registry.blobs.digests()) {
    const bytes = Buffer.from((await shop.registry.blobs.read(one)) as Uint8Array);
    if (bytes[0] !== 0x1f) continue;
    bytes[bytes.length - 12] = (bytes[bytes.length - 12] as number) ^ 1;
    await shop.registry.blobs.replace(one, bytes);
  }
  const { exitCode, stderr } = await shop.build();
  assert.notEqual(exitCode, 0);
  assert.match(codeOf({ stderr }) ?? '', /^(?:BLOB_CORRUPT|LAYER_UNREADABLE)$/, stderr);
  assert.deepEqual(await leftIn(shop), []);
});

const CACHES: Readonly<Record<string, (path: RegExp) => TestRegistry['faults']>> = {
  'that may not be read or written': (path) => [{ when: { path }, effect: DENIED }],
  'that may be read only': (path) =>
    ['POST', 'PUT', 'PATCH'].map((method) => ({ when: { method, path }, effect: DENIED })),
  'that is not there and is not made': (path) => [
    { when: { path }, effect: { status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' } },
  ],
  'that forgets each blob': (path) => [{ when: { method: 'HEAD', path }, effect: { status: 404 } }],
  'that answers nonsense': (path) => [
    { when: { method: 'GET', path }, effect: { status: 200, body: '<html>' } },
  ],
};

for (const [what, faults] of Object.entries(CACHES))
  test(`a cache repository ${what}: the image comes out all the same`, async () => {
    await using shop = await workshop();
    shop.index.add({ name: 'demo' }, [MODULE]);
    const cache = ['--cache-repo', `${shop.registry.address}/cache`];
    await shop.built([...cache, ...EPOCH, '-t', `${shop.app}:0`]);
    const expected = await shop.image(`${shop.app}:0`);
    shop.registry.faults.push(...faults(/^\/v2\/cache\//));
    for (let round = 0; round < 2; round++) {
      await shop.built([...cache, ...EPOCH]);
      assert.equal((await shop.image()).digest, expected.digest);
    }
    assert.deepEqual(await leftIn(shop), []);
  });

test('what was kept and is altered is made anew, not believed', async () => {
  await using shop = await builtOnce();
  const expected = await shop.image();
  const own = new Set([expected.manifest.config, ...expected.manifest.layers].map(({ digest }) => digest));
  const manifests = shop.registry.requests
    .filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/lw-'))
    .map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
  assert.ok(manifests.length >= 3, 'layers, locks and facts are kept');
  for (const digest of await shop.registry.blobs.digests()) {
    if (own.has(digest)) continue;
    const bytes = Buffer.from((await shop.registry.blobs.read(digest)) as Uint8Array);
    // What was packed by zstd: facts and locks.
    if (bytes.readUInt32LE(0) === 0xfd2fb528) await shop.registry.blobs.replace(digest, gzipSync('other'));
  }
  await shop.built(EPOCH);
  assert.equal((await shop.image()).digest, expected.digest);
});

test('connections that break now and then are made again', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  shop.registry.faults.push(
    { when: { method: 'GET', path: /\/blobs\//, nth: 1, times: 1 }, effect: { truncateAfter: 100 } },
    { when: { method: 'PUT', path: /\/blobs\/uploads\//, nth: 2, times: 1 }, effect: { resetAfter: 10 } },
    { when: { method: 'PUT', path: /\/manifests\//, nth: 1, times: 1 }, effect: { status: 503 } },
    { when: { method: 'HEAD', nth: 2, times: 1 }, effect: { reset: true } },
  );
  await shop.built();
  assert.ok((await shop.image()).holds(`${SITE}/demo.py`, MODULE.content));
});

test('a registry that is full or forbids: the error is its own, and there is no image', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  shop.registry.faults.push({ when: { method: 'POST', path: /^\/v2\/app\// }, effect: DENIED });
  const { exitCode, stderr } = await shop.build();
  assert.deepEqual([exitCode, codeOf({ stderr })], [2, 'REGISTRY_DENIED'], stderr);
  assert.deepEqual(await leftIn(shop), []);
});
