import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSecrets } from '../../src/commands/compose/build-secrets.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';

test('secrets are read where buildx reads them: files, variables, either by the id alone', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'netrc'), 'in a file\n');
  const host = {
    ...testHost(),
    cwd: directory.path,
    env: { TOKEN: 'in a variable', netrc: 'not this one' },
  };
  const read = async (...specs: string[]) => Object.fromEntries(await readSecrets(host, specs));
  assert.deepEqual(await read('id=login,src=netrc'), { login: 'in a file\n' });
  assert.deepEqual(await read('type=file,id=login,source=netrc'), { login: 'in a file\n' });
  assert.deepEqual(await read('id=login,env=TOKEN', 'type=env,id=TOKEN'), {
    login: 'in a variable',
    TOKEN: 'in a variable',
  });
  assert.deepEqual(await read('id=TOKEN'), { TOKEN: 'in a variable' });
  assert.deepEqual(await read('id=absent', 'id=gone,src=nowhere', 'id=empty,env=NOT_SET'), {});
});

test('a secret that BuildKit refuses for its size is left out', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'large'), 'x'.repeat(500 * 1024 + 1));
  const host = { ...testHost(), cwd: directory.path };
  assert.equal((await readSecrets(host, ['id=large,src=large'])).size, 0);
});
