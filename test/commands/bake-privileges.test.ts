import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readDefinition } from '../../src/bake/definition.ts';
import { checkPrivileges } from '../../src/commands/bake/privileges.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';

interface Asked {
  readonly allow?: readonly string[];
  readonly overrides?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** What is wanting, as `--allow` takes it. */
async function wanting(
  cwd: string,
  raw: Readonly<Record<string, unknown>>,
  asked: Asked = {},
): Promise<readonly string[]> {
  const { targets } = readDefinition(JSON.stringify({ target: { one: raw } }));
  const { allow = [], overrides = [], env = {} } = asked;
  try {
    await checkPrivileges({ cwd, env }, { allow, overrides }, [...targets.values()]);
    return [];
  } catch (error) {
    assert.ok(error instanceof LayerwrightError);
    assert.deepEqual([error.code, error.exit], ['BAKE_NOT_ALLOWED', 2]);
    return [...(error.hint ?? '').matchAll(/--allow (\S+)/g)].map(([, one]) => one as string);
  }
}

test('what lies in the working directory needs no permission, whatever it is', async () => {
  await using directory = await temporaryDirectory();
  const raw = {
    ...{
      context: 'a',
      dockerfile: '../Dockerfile',
      contexts: { x: './b', y: 'docker-image://c', z: 'target:d' },
    },
    ...{
      secret: [
        { id: 't', src: './s' },
        { id: 'v', env: 'V' },
      ],
      ssh: [{ id: 'k', paths: ['key'] }],
    },
    ...{ 'cache-from': [{ type: 'local', src: 'c' }], 'cache-to': [{ type: 'registry', ref: '/r' }] },
    output: [
      { type: 'local', dest: 'out' },
      { type: 'tar', dest: '-' },
    ],
  };
  assert.deepEqual(await wanting(directory.path, raw), []);
  assert.deepEqual(await wanting(directory.path, { context: 'https://git.example/x.git' }), []);
});

test('everything elsewhere is named with what allows it', async () => {
  await using directory = await temporaryDirectory();
  const cwd = join(directory.path, 'work');
  const up = (name: string) => join(directory.path, name);
  await mkdir(cwd);
  const cases: readonly [raw: Readonly<Record<string, unknown>>, ...wanted: string[]][] = [
    [{ context: '..' }, `fs.read=${directory.path}`],
    [{ context: '.', dockerfile: '../Dockerfile' }, `fs.read=${up('Dockerfile')}`],
    [{ contexts: { x: '../lib' } }, `fs.read=${up('lib')}`],
    [{ contexts: { x: `oci-layout://${up('layout')}:tag@sha256:12` } }, `fs.read=${up('layout')}`],
    [{ secret: [{ id: 's', src: '../secret' }] }, `fs.read=${up('secret')}`],
    [{ secret: ['type=file,id=s,src=../secret'] }, `fs.read=${up('secret')}`],
    [{ secret: [{ id: '../secret' }] }, `fs.read=${up('secret')}`],
    [{ ssh: [{ id: 'k', paths: ['../key'] }] }, `fs.read=${up('key')}`],
    [{ ssh: [{ id: 'default' }] }, 'ssh'],
    [{ 'cache-from': [{ type: 'local', src: '../c' }] }, `fs.read=${up('c')}`],
    [{ 'cache-to': ['type=local,dest=../c'] }, `fs.write=${up('c')}`],
    [{ output: [{ type: 'local', dest: '../out' }] }, `fs.write=${up('out')}`],
    [{ output: [{ type: 'local', dest: 'out', mode: 'delete' }] }, 'buildx.local.delete'],
    [{ entitlements: ['network.host', 'device=x'] }, 'device=x', 'network.host'],
  ];
  for (const [raw, ...wanted] of cases) {
    assert.deepEqual(await wanting(cwd, raw), wanted);
    assert.deepEqual(await wanting(cwd, raw, { allow: wanted }), [], 'what the hint says is enough');
  }
  assert.deepEqual(
    await wanting(cwd, { context: '..', dockerfile: 'D' }),
    [`fs.read=${directory.path}`],
    'once',
  );
  assert.deepEqual(await wanting(cwd, { context: '..' }, { allow: ['fs=..'] }), []);
  assert.deepEqual(await wanting(cwd, { context: '..' }, { allow: ['fs.read=*'] }), []);
  assert.deepEqual(await wanting(cwd, { context: '..' }, { allow: ['fs.write=*'] }), [
    `fs.read=${directory.path}`,
  ]);
  assert.deepEqual(await wanting(cwd, { entitlements: ['device=x'] }, { allow: ['device'] }), []);
  const off = { env: { BUILDX_BAKE_ENTITLEMENTS_FS: '0' } };
  assert.deepEqual(await wanting(cwd, { context: '..', entitlements: ['network.host'] }, off), [
    'network.host',
  ]);
});

test('a link out of the working directory leads out of it, and a name that begins like it is another', async () => {
  await using directory = await temporaryDirectory();
  const cwd = join(directory.path, 'work');
  await mkdir(cwd);
  await mkdir(join(directory.path, 'work-2'));
  await symlink('../work-2', join(cwd, 'link'));
  assert.deepEqual(await wanting(cwd, { context: 'link' }), [`fs.read=${join(directory.path, 'work-2')}`]);
  await mkdir(join(cwd, '..inside'));
  assert.deepEqual(await wanting(cwd, { context: '..inside' }), []);
});

test('paths that the command line itself names are allowed, those of the file are not', async () => {
  await using directory = await temporaryDirectory();
  const cwd = join(directory.path, 'work');
  await mkdir(cwd);
  const cases: readonly [raw: Readonly<Record<string, unknown>>, override: string][] = [
    [{ secret: [{ id: 's', src: '../s' }] }, 'one.secret=type=file,id=s,src=../s'],
    [{ output: [{ type: 'local', dest: '../out' }] }, '*.output=../out'],
    [{ output: [{ type: 'oci', dest: '../out' }] }, '*.output=type=oci,dest=../out'],
    [{ 'cache-to': [{ type: 'local', dest: '../c' }] }, 'one.cache-to=type=local,dest=../c'],
    [{ ssh: [{ id: 'k', paths: ['../key'] }] }, 'one.ssh=k=../key'],
    [{ entitlements: ['network.host'] }, 'one.entitlements=network.host'],
  ];
  for (const [raw, override] of cases) {
    assert.notDeepEqual(await wanting(cwd, raw), []);
    assert.deepEqual(await wanting(cwd, raw, { overrides: [override] }), [], override);
  }
  const context = await wanting(cwd, { context: '..' }, { overrides: ['one.context=..'] });
  assert.deepEqual(context, [`fs.read=${directory.path}`], 'as with buildx');
});
