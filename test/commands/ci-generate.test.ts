import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { GENERATED } from '../../src/ci/generate/codebuild.ts';
import { layerwright, projectOf } from './launch.ts';

const DOCKERFILE = 'FROM scratch\nCOPY Dockerfile /\n';

test('a buildspec is written, and written anew, but what somebody else wrote is kept', async () => {
  await using project = await projectOf({ Dockerfile: DOCKERFILE });
  const generate = (...args: string[]) =>
    layerwright(['ci', 'generate', 'codebuild', ...args], { cwd: project.path });
  const read = () => readFile(join(project.path, 'buildspec.yml'), 'utf8');

  const first = await generate();
  assert.deepEqual([first.exitCode, first.stderr], [0, '']);
  assert.match(first.stdout, /^Wrote buildspec\.yml \(layerwright form\)\./);
  assert.match(await read(), /layerwright build --push/);
  const classic = await generate('--classic', '--json');
  assert.deepEqual(JSON.parse(classic.stdout), {
    schemaVersion: 1,
    file: join(project.path, 'buildspec.yml'),
    form: 'classic',
    stages: [],
  });
  assert.match(await read(), /docker buildx build/);

  await project.write({ 'buildspec.yml': 'version: 0.2\n' });
  const refused = await generate();
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /is there already, and not by us \[FILE_EXISTS\]\nhint: .*--force/);
  assert.equal(await read(), 'version: 0.2\n');
  assert.equal((await generate('--force')).exitCode, 0);
  assert.ok((await read()).startsWith(GENERATED));
});

test('no Dockerfile, and one that does not parse', async () => {
  await using project = await projectOf({ 'Wrong.Dockerfile': 'FORM scratch\n' });
  const generate = (...args: string[]) =>
    layerwright(['ci', 'generate', 'codebuild', ...args], { cwd: project.path });
  const missing = await generate();
  assert.deepEqual([missing.exitCode, /\[NO_DOCKERFILE\]/.test(missing.stderr)], [2, true]);
  const wrong = await generate('--file', 'Wrong.Dockerfile');
  assert.equal(wrong.exitCode, 1);
  assert.match(wrong.stderr, /Wrong\.Dockerfile:1: unknown instruction FORM \(did you mean FROM\?\)/);
});
