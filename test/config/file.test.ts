import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfigFile } from '../../src/config/file.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';

/** A directory with these files, removed after the test. */
async function directoryOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory.path, name)), { recursive: true });
    await writeFile(join(directory.path, name), text);
  }
  return directory.path;
}

const target = (name: string) => `build:\n  target: ${name}\n`;
const refused = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof LayerwrightError && error.code === code && error.exit === 2 && message.test(error.message);

test('looked for here first, then in the context, under both names; the named one alone counts', async (t) => {
  const cwd = await directoryOf(t, { 'app/layerwright.yaml': target('app'), 'ci/x.yml': target('named') });
  const found = async (named?: string) => {
    const file = await readConfigFile(cwd, named, ['.', 'app']);
    return [file?.path.slice(cwd.length + 1), file?.settings[0]?.value];
  };
  assert.deepEqual(await found(), ['app/layerwright.yaml', 'app']);
  await writeFile(join(cwd, 'layerwright.yml'), target('here'));
  assert.deepEqual(await found(), ['layerwright.yml', 'here']);
  assert.deepEqual(await found('ci/x.yml'), ['ci/x.yml', 'named']);
  assert.deepEqual(await found(join(cwd, 'ci/x.yml')), ['ci/x.yml', 'named']);
  assert.deepEqual(await found('none'), [undefined, undefined]);
  assert.equal(await readConfigFile(cwd, undefined, ['ci']), undefined);
});

test('a named file that is not there, and two files in one directory', async (t) => {
  const cwd = await directoryOf(t, { 'layerwright.yml': '', 'layerwright.yaml': '' });
  await assert.rejects(readConfigFile(cwd, 'no.yml', ['.']), refused('CONFIG_NOT_FOUND', /no\.yml$/));
  await assert.rejects(
    readConfigFile(cwd, undefined, ['.']),
    refused('CONFIG_INVALID', /has both layerwright\.yml and layerwright\.yaml$/),
  );
});

test('paths are relative to the file; messages name the file from here', async (t) => {
  const cwd = await directoryOf(t, {
    'app/layerwright.yml':
      'build: { file: docker/Dockerfile, target: a/b }\nnetwork: { ca: [/etc/x.pem, ca.pem] }\nci: { imageDefinitions: ../i.json }\n',
    'bad/layerwright.yml': 'x: 1\n',
    'stdin/layerwright.yml': 'build: { file: "-" }\n',
  });
  const values = async (context: string) =>
    (await readConfigFile(cwd, undefined, [context]))?.settings.map(({ value }) => value);
  const etc = `${'../'.repeat(cwd.split('/').length - 1)}etc/x.pem`;
  assert.deepEqual(await values('app'), ['app/docker/Dockerfile', 'a/b', [etc, 'app/ca.pem'], 'i.json']);
  assert.deepEqual(await values('stdin'), ['-']);
  await assert.rejects(
    values('bad'),
    refused('CONFIG_INVALID', /^bad\/layerwright\.yml:1:1: unknown key "x"/),
  );
});
