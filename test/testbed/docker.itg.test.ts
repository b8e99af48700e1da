import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { plainSteps } from '../../src/host/steps.ts';
import { readState } from '../../testbed/state.ts';
import { openTestbed, startTestbed } from '../../testbed/testbed.ts';
import { testHost } from '../support/host.ts';
import { buildText, inTestbed, leftovers } from './support.ts';

test('a real Docker Engine pulls and runs what buildx pushed, and ends with the testbed, even killed', async () => {
  const host = testHost();
  await using directory = await temporaryDirectory('lw-docker-');
  const parts = ['registry', 'images', 'builder'] as const;
  const testbed = await startTestbed(host, { dir: directory.path, parts }, plainSteps(host));
  try {
    const image = `${testbed.env.LW_REGISTRY}/hello:1`;
    const dockerfile =
      'FROM python:3.11-slim\nRUN echo "print(6 * 7)" > /hello.py\nCMD ["python", "/hello.py"]\n';
    await buildText(testbed, dockerfile, ['--push', '-t', image]);
    await testbed.docker();
    await testbed.docker();
    assert.match(testbed.env.DOCKER_HOST ?? '', /^unix:\/\//);
    // The environment is the same for a process that finds the testbed by its directory.
    const found = await openTestbed(host, directory.path, plainSteps(host));
    assert.equal(found.env.DOCKER_HOST, testbed.env.DOCKER_HOST);

    assert.match(await inTestbed(found, ['docker', 'run', '--rm', '--network=host', image]), /^42$/m);
    assert.match(await inTestbed(found, ['docker', 'images', '--format', '{{.Repository}}']), /\/hello$/m);
    await inTestbed(found, ['docker', 'buildx', 'inspect', '--bootstrap']);

    const sleeper = ['docker', 'run', '--detach', '--network=host', 'python:3.11-slim', 'sleep', '300'];
    await inTestbed(found, sleeper);
    const state = await readState(directory.path);
    const dockerd = state?.services.find(({ name }) => name === 'dockerd');
    assert.ok(dockerd);
    process.kill(dockerd.pid, 'SIGKILL');
  } finally {
    await testbed.stop();
  }
  assert.deepEqual(await leftovers(directory.path), []);
  assert.deepEqual(await readdir(directory.path), []);
});
