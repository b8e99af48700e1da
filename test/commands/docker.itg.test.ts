import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { plainSteps } from '../../src/host/steps.ts';
import { openTestbed, type Testbed } from '../../testbed/testbed.ts';
import { testHost } from '../support/host.ts';
import { inTestbed } from '../testbed/support.ts';
import { built, projectOf, testbedVariable } from './launch.ts';

// A machine as CodeBuild's: a Docker Engine with buildx, and no builder but the engine's own.
const registry = testbedVariable('LW_REGISTRY');
const image = `${registry}/run-${randomUUID().slice(0, 8)}/service:1`;
const host = testHost();
let testbed: Testbed;
let env: NodeJS.ProcessEnv;
let buildxConfig: Awaited<ReturnType<typeof temporaryDirectory>>;
const docker = (...args: string[]) =>
  inTestbed(testbed, ['docker', ...args], { env: { BUILDX_CONFIG: buildxConfig.path, BUILDX_BUILDER: '' } });

before(async () => {
  buildxConfig = await temporaryDirectory();
  testbed = await openTestbed(host, testbedVariable('LW_TESTBED_DIR'), plainSteps(host));
  await testbed.docker();
  env = { ...testbed.env, BUILDX_BUILDER: undefined, BUILDX_CONFIG: buildxConfig.path };
});
after(() => buildxConfig[Symbol.asyncDispose]());

function service(base: string) {
  return projectOf({
    Dockerfile: `FROM ${base}\nCOPY say.py /\nRUN echo built > /built\nCMD ["python", "/say.py"]\n`,
    'say.py': 'print(open("/built").read().strip(), 6 * 7)\n',
  });
}

test('--load: the engine lists the image and runs it', async () => {
  await using project = await service('python:3.11-slim');
  // The engine of the testbed has no network of its own for containers.
  const network = ['--network', 'host', '--allow', 'network.host'];
  const result = await built(['--load', '-t', 'hello:1', ...network, project.path], { env });
  assert.equal(result.builder?.driver, 'docker', 'the builder of the engine itself is enough');
  assert.match(await docker('images', '--format', '{{.Repository}}:{{.Tag}}'), /^hello:1$/m);
  assert.match(await docker('run', '--rm', '--network=host', 'hello:1'), /^built 42$/m);
});

for (const way of ['auto', 'solved'])
  test(`--push: a builder of its own beside the engine, and none if nothing is new; the engine pulls and runs (${way})`, () =>
    pushed(way));

async function pushed(way: string): Promise<void> {
  await using project = await service(`${registry}/library/python:3.11-slim`);
  const reference = image.replace(/:1$/, `-${way}:1`);
  // A composed image has the commit's time, and without a commit that of the build.
  const time = ['--source-date-epoch', '1700000000'];
  const build = () => built(['--push', '--way', way, ...time, '-t', reference, project.path], { env });
  const first = await build();
  assert.deepEqual([first.builder?.driver, first.steps.cached], ['docker-container', 0]);
  try {
    assert.match(await docker('pull', reference), /Downloaded newer image/);
    assert.match(
      await docker('images', '--format', '{{.Repository}}:{{.Tag}}'),
      new RegExp(`^${reference}$`, 'm'),
    );
    assert.match(await docker('run', '--rm', '--network=host', reference), /^built 42$/m);
    assert.match(
      await docker('inspect', '--format', '{{json .RepoDigests}}', reference),
      new RegExp(first.image?.digest ?? '-'),
    );
  } finally {
    await docker('buildx', 'rm', first.builder?.name ?? '');
  }
  const second = await build();
  assert.equal(second.image?.digest, first.image?.digest);
  assert.equal(second.steps.executed, 0);
  if (second.builder === null) {
    assert.deepEqual([way, second.segments[0]?.outcome], ['auto', 'reused']);
    return;
  }
  assert.deepEqual([way, second.cache.from[0]?.outcome], ['solved', 'hit']);
  await docker('buildx', 'rm', second.builder.name);
}
