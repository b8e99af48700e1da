import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { registryClient } from '../../src/registry/client.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { testHost } from '../support/host.ts';
import { layerwright, projectOf, SERVICE, testbedVariable } from './launch.ts';

const REGISTRY = testbedVariable('LW_REGISTRY');

/** The labels of an image that was pushed; undefined if there is none. */
async function labelsOf(repository: string, tag: string): Promise<Record<string, string> | undefined> {
  const client = registryClient(testHost(), REGISTRY);
  try {
    const found = await client.manifest(repository, tag);
    const { config } = (found?.content ?? {}) as { config?: { digest: string } };
    const blob = config && (await client.blob(repository, config.digest));
    return blob && JSON.parse(Buffer.from(blob).toString('utf8')).config.Labels;
  } catch (error) {
    if (error instanceof LayerwrightError && error.code === 'REPOSITORY_UNKNOWN') return undefined;
    throw error;
  }
}

const FILE = (repository: string) => `build:
  file: docker/Dockerfile
  target: final
  tags: [${REGISTRY}/${repository}:file]
  push: true
  labels: { from: file, kept: yes }
  cacheRepo: none
ci:
  containerName: web
  imageDefinitions: out/imagedefinitions.json
`;

test('a build does what layerwright.yml in its context says, and flags outrank it', async () => {
  const { Dockerfile, ...others } = SERVICE;
  await using project = await projectOf({
    ...others,
    'docker/Dockerfile': Dockerfile as string,
    'layerwright.yml': FILE('config/plain'),
  });
  await using elsewhere = await projectOf({});
  const run = async (words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const result = await layerwright(['build', '--json', ...words, project.path], {
      cwd: elsewhere.path,
      env,
    });
    assert.equal(result.exitCode, 0, result.stderr);
    return { result: JSON.parse(result.stdout) as BuildResult, stderr: result.stderr };
  };
  const { result } = await run(['--label', 'from=flag']);
  assert.deepEqual(result.image?.references, [`${REGISTRY}/config/plain:file`]);
  assert.deepEqual(result.cache, { from: [], to: [] });
  assert.deepEqual(await labelsOf('config/plain', 'file'), { from: 'flag', kept: 'yes' });
  const written = await layerwright(['config', '--json', project.path], { cwd: elsewhere.path });
  assert.match(
    written.stdout,
    /"name": "ci\.imageDefinitions",\n +"value": ".*\/out\/imagedefinitions\.json"/,
  );

  const env = { LAYERWRIGHT_TAGS: `${REGISTRY}/config/plain:environment` };
  assert.deepEqual((await run([], env)).result.image?.references, [`${REGISTRY}/config/plain:environment`]);
  const flag = ['-t', `${REGISTRY}/config/plain:flag`];
  assert.deepEqual((await run(flag, env)).result.image?.references, [`${REGISTRY}/config/plain:flag`]);
});

test('a pull request does not push where its layerwright.yml says', async () => {
  const { Dockerfile, ...others } = SERVICE;
  await using project = await projectOf({
    ...others,
    'docker/Dockerfile': Dockerfile as string,
    'layerwright.yml': FILE('config/untrusted'),
  });
  const env = { GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'pull_request_target' };
  const { exitCode, stderr } = await layerwright(['build', project.path], { env });
  assert.equal(exitCode, 0, stderr);
  for (const key of ['build\\.tags', 'build\\.push', 'build\\.cacheRepo', 'ci\\.imageDefinitions'])
    assert.match(stderr, new RegExp(`^warning: \\S*layerwright\\.yml:\\d+: ${key} is ignored`, 'm'));
  assert.equal(await labelsOf('config/untrusted', 'file'), undefined);
});

test('--push=false outranks a file that pushes', async () => {
  await using project = await projectOf({
    ...SERVICE,
    'layerwright.yml': `build:\n  tags: [${REGISTRY}/config/unpushed:1]\n  push: true\n`,
  });
  const { exitCode, stderr } = await layerwright(['build', '--push=false', '.'], { cwd: project.path });
  assert.equal(exitCode, 0, stderr);
  assert.equal(await labelsOf('config/unpushed', '1'), undefined);
});
