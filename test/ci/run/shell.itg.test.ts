import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { test } from 'node:test';
import { type BuildShell, openShell } from '../../../src/ci/run/shell.ts';
import { type User, userNamed } from '../../../src/ci/run/user.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { testHost } from '../../support/host.ts';

/** A shell in an empty directory, with what it has written. */
async function shellIn(shell: 'bash' | 'sh', options: { separate?: boolean } = {}) {
  const directory = await temporaryDirectory('lw-shell-');
  await chmod(directory.path, 0o711);
  const controller = new AbortController();
  const build = crypto.randomUUID();
  let text = '';
  const opened: BuildShell = await openShell({
    shell,
    sourceDirectory: directory.path,
    env: { PATH: process.env.PATH ?? '', HOME: '/root', BUILD: build },
    workDirectory: directory.path,
    variable: `BUILD=${build}`,
    signal: controller.signal,
    onOutput: (piece) => {
      text += piece;
    },
    separate: options.separate ?? false,
  });
  return {
    directory: directory.path,
    shell: opened,
    abort: () => controller.abort(),
    /** Exit status and output of a command. */
    async run(command: string, user?: User) {
      text = '';
      const status = await opened.run(command, user);
      return [status, text.replaceAll(directory.path, 'DIR').trimEnd()];
    },
    async [Symbol.asyncDispose]() {
      await opened.end();
      await directory[Symbol.asyncDispose]();
    },
  };
}

for (const name of ['bash', 'sh'] as const) {
  // Build specification reference, phases, note: in 0.2 all commands run in the same instance of the shell.
  test(`${name}: the directory and variables last from command to command`, async () => {
    await using it = await shellIn(name);
    assert.deepEqual(await it.run('cd /usr; A="x  \'y\'\nz"; export B=2; unset BUILD'), [0, '']);
    assert.deepEqual(await it.run('echo "$PWD|$A|$B|${BUILD-none}"'), [0, "/usr|x  'y'\nz|2|none"]);
    // CodeBuild exports plain variables too.
    assert.deepEqual(await it.run(`sh -c 'echo "$B"; printf "%s" "$A"'`), [0, "2\nx  'y'\nz"]);
  });

  test(`${name}: variables and directory outlive a command that ends the shell`, async () => {
    await using it = await shellIn(name);
    assert.deepEqual(await it.run('A=1; cd /usr; exit 3'), [3, '']);
    assert.deepEqual(await it.run('echo "$A $PWD"; exit 0; echo never'), [0, '1 /usr']);
    assert.deepEqual(await it.run('exec echo replaced'), [0, 'replaced']);
    assert.equal((await it.run('A=2; kill -9 $$'))[0], 137);
    assert.deepEqual(await it.run('echo "$A $PWD"'), [0, '1 /usr']);
    assert.equal((await it.run('kill 0'))[0], 143);
    assert.deepEqual(await it.run('echo "$A $PWD"'), [0, '1 /usr']);
    assert.equal((await it.run('if then'))[0], 2);
    assert.deepEqual(await it.run('echo "$A"'), [0, '1']);
  });

  test(`${name}: options end with the command that sets them`, async () => {
    await using it = await shellIn(name);
    assert.deepEqual(await it.run('set -e\necho one\nfalse\necho two'), [1, 'one']);
    assert.deepEqual(await it.run('false; echo on'), [0, 'on']);
    assert.deepEqual(await it.run('set -eufC'), [0, '']);
    assert.deepEqual(await it.run('false; echo "$NONE" *ll-1'), [0, ' shell-1']);
    const [, traced] = await it.run('set -x; true');
    assert.match(String(traced), /^\++ true$/);
    assert.deepEqual(await it.run('true'), [0, '']);
  });

  test(`${name}: an EXIT trap runs at the end of its command`, async () => {
    await using it = await shellIn(name);
    assert.deepEqual(await it.run("trap 'echo bye' EXIT; A=1; echo hello"), [0, 'hello\nbye']);
    assert.deepEqual(await it.run('echo $A'), [0, '1']);
    assert.deepEqual(await it.run("trap 'echo bye' EXIT; exit 4"), [4, 'bye']);
    assert.deepEqual(await it.run('trap - EXIT; B=1'), [0, '']);
    assert.deepEqual(await it.run('echo $B'), [0, '1']);
  });

  test(`${name}: output keeps its order, whatever a command does to it`, async () => {
    await using it = await shellIn(name);
    assert.deepEqual(await it.run('echo 1; echo 2 >&2; echo 3'), [0, '1\n2\n3']);
    assert.deepEqual(await it.run('printf "no line end"'), [0, 'no line end']);
    assert.deepEqual(await it.run('exec >/dev/null 2>&1; echo hidden'), [0, '']);
    assert.deepEqual(await it.run('echo shown'), [0, 'shown']);
    assert.deepEqual(await it.run('exec 7>&- 8>&- 9>&-; echo shown'), [0, 'shown']);
    assert.deepEqual(
      await it.run('i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done | wc -l'),
      [0, '3000'],
    );
    const [status, text] = await it.run('yes 0123456789 | head -n 200000');
    assert.deepEqual([status, String(text).length], [0, 200000 * 11 - 1]);
  });

  test(`${name}: nobody can be asked anything`, async () => {
    await using it = await shellIn(name);
    assert.deepEqual(await it.run('read line; echo "$? [$line]"; cat'), [0, '1 []']);
  });

  test(`${name}: what is left in the background goes on, and is ended with the shell`, async () => {
    const it = await shellIn(name);
    const time = `3${process.pid}`;
    assert.deepEqual(await it.run(`sleep ${time}0 & P=$!`), [0, '']);
    assert.deepEqual(await it.run('kill -0 $P && echo runs'), [0, 'runs']);
    await it.run(`setsid sleep ${time}1 & timeout 302 sleep ${time}2 & sleep ${time}3 >/dev/null 2>&1 &`);
    // Each of them has become the program that it is going to be.
    await it.run(`until [ "$(ps -eo args | grep -c '^sleep ${time}.$')" = 4 ]; do sleep 0.01; done`);
    const left = await it.shell.end();
    assert.deepEqual(left.map((one) => one.name).sort(), ['sleep', 'sleep', 'sleep', 'sleep', 'timeout']);
    assert.deepEqual(await it.shell.end(), []);
    await it[Symbol.asyncDispose]();
  });

  test(`${name}: texts are expanded as in a here-document`, async () => {
    await using it = await shellIn(name);
    await it.run('A="a b"');
    assert.equal(await it.shell.expand('x-$A-$(echo "1  2")-"q"-\'s\'-${NONE:-n}'), 'x-a b-1  2-"q"-\'s\'-n');
    assert.deepEqual(await it.shell.variables(['A', 'NONE', 'HOME']), { A: 'a b', HOME: '/root' });
    it.shell.set('A', "it's");
    assert.deepEqual(await it.run('echo "$A"; sh -c \'echo "$A"\''), [0, "it's\nit's"]);
  });

  test(`${name}: an interrupt ends the command and everything else`, async () => {
    const it = await shellIn(name);
    const running = it.run('sleep 311 & setsid sleep 312 & echo started; sleep 313');
    await new Promise((wait) => setTimeout(wait, 300));
    it.abort();
    await assert.rejects(running, { code: 'INTERRUPTED', exit: 130 });
    assert.deepEqual(await it.shell.end(), []);
    await it[Symbol.asyncDispose]();
  });

  // Build specification reference, phases, note: in 0.1 each command runs in a separate instance of the shell.
  test(`${name}: with separate shells nothing lasts but what the build sets`, async () => {
    await using it = await shellIn(name, { separate: true });
    await it.run('A=1; cd /usr; export B=2');
    it.shell.set('OK', '0');
    assert.deepEqual(await it.run('echo "${A-none} ${B-none} $PWD $OK"'), [0, 'none none DIR 0']);
    assert.deepEqual(await it.run('echo "$OK"'), [0, '0']);
  });
}

test('bash: functions and arrays last too', async () => {
  await using it = await shellIn('bash');
  await it.run('f() { echo "f $1"; }; list=(1 "2 3"); shopt -s nullglob; exit 0');
  assert.deepEqual(await it.run('f "${list[1]}"'), [0, 'f 2 3']);
  assert.deepEqual(await it.run("bash -c 'f child'"), [0, 'f child']);
  assert.deepEqual(await it.run('env | grep -c __lw'), [1, '0']);
});

// Build specification reference, phases/PHASE/run-as.
test('another user goes on with the same variables in the same directory, at home elsewhere', async () => {
  assert.equal(process.getuid?.(), 0, 'run-as needs root');
  await using it = await shellIn('bash');
  const nobody = await userNamed(testHost(), 'nobody');
  await it.run('A=1; cd /usr');
  assert.deepEqual(await it.run('id -un; echo "$A $PWD $HOME $USER"; B=2', nobody), [
    0,
    `nobody\n1 /usr ${nobody.home} nobody`,
  ]);
  assert.deepEqual(await it.run('echo "$B $PWD $HOME ${USER-none}"'), [0, '2 /usr /root none']);
});

test('a user who is not there, and one that only root can become, are refused', async () => {
  const host = testHost();
  await assert.rejects(userNamed(host, 'nobody-of-that-name'), { code: 'USER_UNKNOWN', exit: 2 });
  await assert.rejects(userNamed(host, 'a b; id'), { code: 'USER_UNKNOWN', exit: 2 });
  assert.deepEqual((await userNamed(host, 'root')).words, []);
});
