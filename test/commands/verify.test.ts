import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toVerifyRequest } from '../../src/commands/verify/request.ts';
import { verify } from '../../src/commands/verify.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { testHost } from '../support/host.ts';
import { type ImageParts, type MemoryRegistry, memoryRegistry } from '../verify/registry.ts';
import { altered, PATHS, SAMPLE, SOURCE } from '../verify/sample.ts';

const BASE = [{ path: 'usr/bin/sh', content: 'sh', mode: 0o755 }];
const PLAIN: ImageParts = {
  layers: [BASE, SAMPLE],
  config: { Cmd: ['demo'], Env: ['MODE=prod', 'DB_PASSWORD=hunter1'] },
  history: [
    { created_by: '/bin/sh -c #(nop) ADD file:1 in /' },
    { created_by: 'ENV MODE=prod', empty_layer: true },
    { created_by: 'RUN |1 TOKEN=topsecret /bin/sh -c pip   install demo' },
  ],
};

const host = testHost();

/** Compares an image of these parts with the plain one; `options` as the command line gives them. */
async function compared(registry: MemoryRegistry, parts: Partial<ImageParts>, options: object = {}) {
  const plain = registry.image('shop/plain:1', PLAIN);
  const image = registry.image('shop/web:1', { ...PLAIN, ...parts });
  const asked = { against: plain.reference, platform: ['linux/amd64'], ...options };
  const result = await verify(host, await toVerifyRequest(host, image.reference, undefined, asked));
  return { ...result, image, plain, text: result.text.replace(/in \d+\.\d s/g, 'in 1.0 s') };
}

test('images with the same files and settings are the same, though their layers are cut otherwise: exit 0', async () => {
  await using registry = await memoryRegistry();
  const { record, exit, text, image, plain } = await compared(registry, {
    layers: [BASE, SAMPLE.slice(0, 9), SAMPLE.slice(8)],
  });
  assert.equal(exit, 0);
  assert.deepEqual(
    { ...record, seconds: 0, image: { ...record.image, layers: record.image.layers.length } },
    {
      schemaVersion: 1,
      outcome: 'same',
      check: 'image',
      files: null,
      image: { reference: image.reference, digest: image.digest, platform: 'linux/amd64', layers: 3 },
      plain: { reference: plain.reference, digest: plain.digest, layers: 2 },
      constraints: { from: null, versions: 0, why: null },
      sharedLayers: 1,
      paths: 35,
      differences: [],
      settings: [],
      excused: {},
      history: { image: 3, plain: 3 },
      seconds: 0,
    },
  );
  assert.equal(text, `✓ ${image.reference} is the same as ${plain.reference}: 35 paths in 1.0 s\n`);
  const shared = image.layers[0];
  const asked = registry.requests.filter((one) => one.includes(`/blobs/${shared}`));
  assert.equal(asked.length, 1, 'the layer that both have is read once');
});

test('what differs is told with its layer, what hides behind it is not, and secrets are neither: exit 1', async () => {
  await using registry = await memoryRegistry();
  const { record, exit, text, image, plain } = await compared(registry, {
    layers: [
      BASE,
      altered(
        {
          [PATHS.source]: { content: `${SOURCE}#` },
          [PATHS.bytecode]: undefined,
          'srv/web': { uid: 0 },
          tmp: { mtime: 1 },
        },
        [
          { path: 'opt', type: 'directory' },
          { path: 'opt/more', type: 'directory' },
          { path: 'opt/more/one', content: '1' },
          { path: 'opt/more/two', content: '2' },
        ],
      ),
    ],
    config: { Cmd: ['other'], Env: ['MODE=prod', 'DB_PASSWORD=hunter2'] },
  });
  assert.equal(exit, 1);
  assert.equal(record.outcome, 'different');
  assert.equal(JSON.stringify(record).match(/topsecret|hunter/), null);
  assert.equal(
    text,
    `✗ ${image.reference} differs from ${plain.reference} in 8 paths and 2 settings: 39 paths in 1.0 s

  Cmd
    image  ["other"]
    plain  ["demo"]

  Env DB_PASSWORD
    image  ***
    plain  ***

  /opt
    added: directory, with 3 paths below
    from   layer 1, RUN |1 TOKEN=*** /bin/sh -c pip install demo

  /srv/web
    other owner
    image  0
    plain  1000
    from   layer 1, RUN |1 TOKEN=*** /bin/sh -c pip install demo

  /usr/local/lib/python3.11/site-packages/demo/__init__.py
    other content
    image  file of 18 B, sha256:6e78ed0047ac
    plain  file of 17 B, sha256:233a94ec7e38
    from   layer 1, RUN |1 TOKEN=*** /bin/sh -c pip install demo

  /usr/local/lib/python3.11/site-packages/demo/__pycache__
    missing: directory, with 1 path below

  --json has them all

Not counted as differences:
  1  times of files, links and directories
`,
  );
});

test('of many differences the first twenty are shown', async () => {
  await using registry = await memoryRegistry();
  const more = Array.from({ length: 25 }, (_one, index) => ({ path: `etc/${100 + index}`, content: '' }));
  const { record, text } = await compared(registry, { layers: [BASE, [...SAMPLE, ...more]] });
  assert.equal(record.differences.length, 25);
  assert.equal(text.match(/^ {2}\/etc\//gm)?.length, 20);
  assert.match(text, /\n {2}… and 5 more differences\n\n {2}--json has them all\n/);
});

test('a layer that runtimes read differently is a difference, unless the other image has one like it', async () => {
  await using registry = await memoryRegistry();
  const parts = { layers: [BASE, SAMPLE, [{ path: 'etc/.wh.nothing' }]] };
  const { exit, record, text, image } = await compared(registry, parts);
  assert.equal(exit, 1);
  const found = record.differences.map(({ path, kind, layer }) => [path, kind, layer]);
  assert.deepEqual(found, [
    ['/etc', 'layering', 2],
    ['/etc/nothing', 'layering', 2],
  ]);
  assert.match(
    text,
    /\n {2}\/etc\/nothing\n {4}is removed where nothing is: BuildKit does not build upon such an image\n {4}from {3}layer 2\n/,
  );
  assert.equal((await compared(registry, parts, { against: image.reference })).exit, 0);
});

test('traces of a RUN are excused only when asked for', async () => {
  await using registry = await memoryRegistry();
  const parts = { layers: [BASE, altered({ 'var/log/apt.log': { content: 'second' } })] };
  assert.equal((await compared(registry, parts)).exit, 1);
  const { exit, record } = await compared(registry, parts, { runNoise: true });
  assert.deepEqual([exit, record.excused], [0, { 'solve-noise': 1 }]);
});

test('of an index the image of the platform is compared; one that is not in it is refused', async () => {
  await using registry = await memoryRegistry();
  const { image } = await compared(registry, {});
  const arm = registry.image('shop/arm:1', { ...PLAIN, layers: [BASE] });
  const entry = (digest: string, architecture: string, variant?: string) => ({
    ...{ mediaType: MEDIA.manifest, digest, size: 1 },
    platform: {
      os: architecture === 'unknown' ? 'unknown' : 'linux',
      architecture,
      ...(variant && { variant }),
    },
  });
  for (const [key, bytes] of registry.manifests)
    if (key.startsWith('shop/arm:sha256')) registry.manifests.set(key.replace('arm', 'web'), bytes);
  const manifests = [
    entry(arm.digest, 'arm64', 'v8'),
    entry(image.digest, 'amd64'),
    entry(image.digest, 'unknown'),
  ];
  registry.put('shop/web', 'both', { schemaVersion: 2, mediaType: MEDIA.index, manifests });
  const reference = `${registry.address}/shop/web:both`;
  const request = (platform: string) =>
    toVerifyRequest(host, reference, undefined, { against: image.reference, platform: [platform] });
  assert.equal((await verify(host, await request('linux/amd64'))).record.image.digest, image.digest);
  assert.equal(
    (await verify(host, await request('linux/arm64').then((one) => ({ ...one, against: reference })))).record
      .image.digest,
    arm.digest,
  );
  await assert.rejects(verify(host, await request('linux/s390x')), {
    code: 'PLATFORM_UNKNOWN',
    exit: 2,
    hint: 'It has: linux/arm64/v8, linux/amd64. Choose one with --platform.',
  });
});

test('an image that is not there, has another content than it says, or lacks a layer, is an error and no difference', async () => {
  await using registry = await memoryRegistry();
  await assert.rejects(compared(registry, {}, { against: `${registry.address}/shop/none:1` }), {
    code: 'IMAGE_MISSING',
    exit: 2,
  });
  const turned = { diffIds: (ids: readonly string[]) => ids.toReversed() };
  await assert.rejects(compared(registry, turned), { code: 'DIFF_ID_WRONG', exit: 1 });
  await assert.rejects(compared(registry, { diffIds: () => [] }), { code: 'IMAGE_UNREADABLE', exit: 1 });
  const { image } = await compared(registry, { layers: [BASE, [...SAMPLE, { path: 'x' }]] });
  const last = image.layers.at(-1) ?? '';
  const request = await toVerifyRequest(host, image.reference, undefined, {
    ...{ against: image.reference, platform: ['linux/amd64'] },
  });
  registry.blobs.set(last, Buffer.from(registry.blobs.get(last) ?? '').fill(1, 4, 8));
  await assert.rejects(verify(host, request), { code: 'BLOB_CORRUPT', exit: 1 });
  registry.blobs.delete(last);
  await assert.rejects(verify(host, request), { code: 'IMAGE_UNREADABLE', exit: 1 });
});

test('flags that make no sense together are refused', async () => {
  const request = (options: Record<string, unknown>) => toVerifyRequest(host, 'a/b:1', undefined, options);
  await assert.rejects(request({ against: 'a/b:2', platform: ['linux/amd64,linux/arm64'] }), {
    code: 'FLAG_INVALID',
  });
  await assert.rejects(request({ against: 'a/b:2', constraints: 'x' }), { code: 'FLAG_INVALID' });
});
