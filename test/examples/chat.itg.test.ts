import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { plainSteps } from '../../src/host/steps.ts';
import { freePort } from '../../testbed/processes.ts';
import { openTestbed } from '../../testbed/testbed.ts';
import { built, projectOf, testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { inTestbed } from '../testbed/support.ts';

const chat = join(import.meta.dirname, '..', '..', 'examples', 'chat');
const image = `${testbedVariable('LW_REGISTRY')}/run-${randomUUID().slice(0, 8)}/chat:1`;

test('examples/chat is built, passes its own tests in its own image, and answers in a Docker Engine', async () => {
  const result = await built(['--push', '-t', image, chat]);
  assert.ok((result.image?.compressedBytes ?? 0) > 200_000_000, 'all its dependencies are in it');
  // BuildKit's checks of the Dockerfile find nothing.
  assert.deepEqual(result.warnings, []);
  await passesItsTests();
  await answersInDocker();
});

/** Runs the example's tests on top of the image, with what they need beside the dependencies. */
async function passesItsTests(): Promise<void> {
  await using project = await projectOf({
    Dockerfile: [
      `FROM ${image}`,
      'USER root',
      'COPY requirement.txt requirement-test.txt pyproject.toml /app/',
      'RUN pip install --quiet -r requirement-test.txt',
      'COPY tests /app/tests',
      'RUN python -m pytest -q -p no:cacheprovider',
    ].join('\n'),
  });
  // What the example's own .dockerignore keeps out of the image.
  for (const name of ['requirement.txt', 'requirement-test.txt', 'pyproject.toml', 'tests'])
    await cp(join(chat, name), join(project.path, name), { recursive: true });
  const result = await built([project.path]);
  assert.equal(result.outcome, 'built');
}

async function answersInDocker(): Promise<void> {
  const host = testHost();
  const testbed = await openTestbed(host, testbedVariable('LW_TESTBED_DIR'), plainSteps(host));
  await testbed.docker();
  const port = await freePort();
  const run = ['docker', 'run', '--detach', '--network=host', image];
  const container = (
    await inTestbed(testbed, [...run, '--env', 'staging', '--host', '127.0.0.1', '--port', String(port)])
  )
    .trim()
    .split('\n')
    .at(-1);
  try {
    const { status, env } = await healthOf(`http://127.0.0.1:${port}/healthz`);
    assert.deepEqual([status, env], ['ok', 'staging']);
    assert.match(await inTestbed(testbed, ['docker', 'images', '--format', '{{.Repository}}']), /\/chat$/m);
  } finally {
    await inTestbed(testbed, ['docker', 'rm', '--force', container ?? '']);
  }
}

async function healthOf(url: string): Promise<{ status: string; env: string }> {
  for (let attempt = 0; attempt < 600; attempt++) {
    try {
      const response = await fetch(url);
      if (response.ok) return (await response.json()) as { status: string; env: string };
    } catch (error) {
      // It refuses connections until it listens.
      if (!(error instanceof TypeError)) throw error;
    }
    await sleep(100);
  }
  assert.fail(`${url} has no answer within a minute`);
}
