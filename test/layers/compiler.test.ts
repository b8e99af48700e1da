import assert from 'node:assert/strict';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import { testHost } from '../support/host.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let python: string;
before(async () => {
  temporary = await temporaryDirectory();
  const found = await compilerFor(testHost(), '3.11.2', '/nowhere');
  assert.ok(found, 'these tests need a Python 3.11');
  python = found.program;
});
after(() => temporary[Symbol.asyncDispose]());

/** A host that finds nothing but what the test puts there. */
function hostWith(env: NodeJS.ProcessEnv) {
  const asked: string[] = [];
  const plain = testHost();
  const host = testHost({
    env: { HOME: '/nowhere', ...env },
    cwd: '/somewhere',
    run: (command, options) => {
      asked.push(command[0] as string);
      return plain.run(command, options);
    },
  });
  return { host, asked };
}

async function directoryWith(name: string, target: string | undefined = python): Promise<string> {
  const directory = join(temporary.path, `${Math.abs(hash(name))}`, 'bin');
  await mkdir(directory, { recursive: true });
  await symlink(target, join(directory, name.split('/').at(-1) as string));
  return directory;
}

function hash(text: string): number {
  return [...text].reduce((sum, one) => (sum * 31 + (one.codePointAt(0) as number)) | 0, 7);
}

test('a Python on PATH is found under any of its names, if its minor version is the one', async () => {
  for (const name of ['python3.11', 'python3', 'python']) {
    const { host } = hostWith({ PATH: await directoryWith(name) });
    assert.equal((await compilerFor(host, '3.11.2'))?.program, python);
    const other = await compilerFor(host, '3.11.99');
    assert.equal(other?.program, python, 'another patch version will do');
    assert.match(other?.version ?? '', /^3\.11\.\d+$/);
    assert.equal(await compilerFor(host, '3.12.1'), undefined);
  }
});

test('a version whose bytecode we do not know is not looked for', async () => {
  const { host, asked } = hostWith({ PATH: await directoryWith('x/python3.99') });
  assert.equal(await compilerFor(host, '3.99.0'), undefined);
  assert.deepEqual(asked, []);
});

test('pyenv and the tool cache of CI machines are searched too', async () => {
  const pyenv = join(temporary.path, 'pyenv');
  const tools = join(temporary.path, 'tools');
  const places = [join(pyenv, 'versions', '3.11.4', 'bin'), join(tools, 'Python', '3.11.9', 'x64', 'bin')];
  for (const place of places) {
    await mkdir(place, { recursive: true });
    await symlink(python, join(place, 'python3.11'));
  }
  for (const env of [{ PYENV_ROOT: pyenv }, { RUNNER_TOOL_CACHE: tools }, { AGENT_TOOLSDIRECTORY: tools }])
    assert.equal((await compilerFor(hostWith({ PATH: '', ...env }).host, '3.11.2'))?.program, python);
});

test('scripts, relative directories and what is below the context are never run', async () => {
  const directory = join(temporary.path, 'context');
  await mkdir(join(directory, 'venv', 'bin'), { recursive: true });
  await mkdir(join(temporary.path, 'shims'));
  await writeFile(join(temporary.path, 'shims', 'python3.11'), `#!/bin/sh\nexec ${python} "$@"\n`);
  await chmod(join(temporary.path, 'shims', 'python3.11'), 0o755);
  await symlink(python, join(directory, 'venv', 'bin', 'python3.11'));
  const outside = await directoryWith('linked/python3.11', join(directory, 'evil'));
  await writeFile(join(directory, 'evil'), 'no script');
  await chmod(join(directory, 'evil'), 0o755);
  const path = [join(temporary.path, 'shims'), join(directory, 'venv', 'bin'), 'bin', '', outside].join(':');
  const { host, asked } = hostWith({ PATH: path });
  assert.equal(await compilerFor(host, '3.11.2', directory), undefined);
  assert.deepEqual(asked, []);
  assert.equal(
    (await compilerFor(host, '3.11.2', '/nowhere'))?.program,
    python,
    'the same without that context',
  );
});

test('a program that is no plain CPython, or does not answer, is passed over', async () => {
  const answers = [
    'pypy 3.11.2 3495 -',
    'cpython 3.11.2 3494 -',
    'cpython 3.11.2 3495 d',
    'cpython 3.12.0 3531 -',
    '',
  ];
  const directory = await directoryWith('wrong/python3.11');
  for (const stdout of answers) {
    const host = testHost({
      env: { PATH: directory, HOME: '/nowhere' },
      run: async () => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: '' }),
    });
    assert.equal(await compilerFor(host, '3.11.2', '/nowhere'), undefined, stdout);
  }
  const { host } = hostWith({ PATH: dirname(await directoryWith('none/python3.11', '/bin/false')) });
  assert.equal(await compilerFor(host, '3.11.2'), undefined);
});

test('the question is asked with an environment of our own, outside of the working directory', async () => {
  const seen: unknown[] = [];
  const plain = testHost();
  const host = testHost({
    env: { PATH: dirname(python), SECRET: 'x' },
    run: (command, options) => {
      seen.push([command.slice(1, 3), options?.cwd, Object.keys(options?.env ?? {})]);
      return plain.run(command, options);
    },
  });
  await compilerFor(host, '3.11.2', '/nowhere');
  assert.ok(seen.length > 0);
  for (const one of seen)
    assert.deepEqual(one, [
      ['-I', '-S'],
      '/',
      ['PYTHONHASHSEED', 'PYTHONUTF8', 'PYTHONDONTWRITEBYTECODE', 'LC_ALL'],
    ]);
});
