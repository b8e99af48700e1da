import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { measureRun } from '../../bench/measure.ts';
import { peersWith } from '../../bench/peers.ts';
import { countingProxy } from '../../bench/traffic.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { testbedTools } from '../../testbed/tools.ts';
import { LAUNCHER, projectOf, testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';

/** A layer of 2 MB that does not compress, and the files. */
const DOCKERFILE = `FROM debian:bookworm-slim
RUN head -c 2000000 /dev/urandom > /random
COPY . /app/
`;

async function baseDigest(registry: string): Promise<string | null> {
  const response = await fetch(`http://${registry}/v2/library/debian/manifests/bookworm-slim`, {
    method: 'HEAD',
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  });
  return response.headers.get('docker-content-digest');
}

test('a run goes through the scenarios on fresh hosts, counts what moves, and leaves nothing behind', async () => {
  const registry = testbedVariable('LW_REGISTRY');
  await using example = await projectOf({ 'Dockerfile.recipe': DOCKERFILE, 'app.py': 'print("1.0")\n' });
  await using directory = await temporaryDirectory('lw-b-');
  await using proxy = await countingProxy(registry);
  const host = testHost();
  const base = await baseDigest(registry);
  const work = join(directory.path, 'w');
  await mkdir(work);
  const samples = await measureRun(
    {
      surroundings: {
        host,
        env: { DOCKER_CONFIG: testbedVariable('DOCKER_CONFIG') },
        tools: await testbedTools(host, silentSteps),
        registry: proxy.address,
      },
      example: {
        directory: example.path,
        base: { repository: 'library/debian', tag: 'bookworm-slim' },
        changes: { 'base-patched': (project) => project.change('app.py', '1.0', '1.1') },
      },
      directory: work,
      peers: peersWith(LAUNCHER),
      traffic: proxy.traffic,
    },
    { peers: ['recipe', 'layerwright'], scenarios: ['base-patched'] },
    // A number of its own: the registry may have seen another run.
    Number.parseInt(randomUUID().slice(0, 8), 16),
  );

  // The cold build was made, for the other to stand on, and is not told.
  assert.deepEqual(
    samples.map(({ scenario, peer }) => `${scenario} ${peer}`),
    ['base-patched recipe', 'base-patched layerwright'],
  );
  for (const { peer, ...one } of samples) {
    const what = `${peer}: ${JSON.stringify(one)}`;
    assert.ok(one.seconds > 0 && one.imageBytes > 10_000_000, what);
    assert.ok(one.builderStarted, what);
    assert.equal(one.peakMemoryBytes === null, peer === 'recipe', what);
    // A layer more in the base, and what stands on it is made again; the base's first layer is there.
    assert.equal(one.newLayers, 3, what);
    assert.ok(one.pullBytes > 2_000_000 && one.pullBytes < 3_000_000, what);
    assert.ok(one.sentBytes > one.pullBytes && one.receivedBytes > 10_000_000, what);
  }
  assert.equal(await baseDigest(registry), base, 'the base is what it was');
  assert.deepEqual(
    (await readdir(work)).filter((name) => name === 'host'),
    [],
  );
});
