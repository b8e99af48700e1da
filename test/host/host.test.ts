import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { knownError, LayerwrightError } from '../../src/errors.ts';
import { isRunning, startDaemon, stopDaemon } from '../../src/host/daemon.ts';
import { run } from '../../src/host/exec.ts';
import {
  cacheDirectory,
  findOnPath,
  sha256OfFile,
  temporaryDirectory,
  withLock,
  writeFileAtomic,
} from '../../src/host/files.ts';
import { connectionError, retryAfterMs } from '../../src/host/http.ts';
import { keepOnce } from '../../src/host/kept.ts';

const code = (expected: string, exit: number) => (error: unknown) =>
  error instanceof LayerwrightError && error.code === expected && error.exit === exit;

test('a program runs: output, exit code, input, environment', async () => {
  const result = await run(['sh', '-c', 'read line; echo "$line $NAME"; echo err >&2; exit 3'], {
    input: 'hello\n',
    env: { NAME: 'x', PATH: process.env.PATH },
  });
  assert.deepEqual(result, { exitCode: 3, stdout: 'hello x\n', stderr: 'err\n' });
  const lines: string[] = [];
  const streamed = await run(['printf', 'a\\nb\\r\\nc'], { onStdout: (line) => lines.push(line) });
  assert.deepEqual([lines, streamed.stdout], [['a', 'b', 'c'], '']);
  assert.equal((await run(['sh', '-c', 'kill -9 $$'])).exitCode, 137);
  await run(['true'], { input: 'x'.repeat(1_000_000) });
});

test('a program that is not there, and one that takes too long', async () => {
  await assert.rejects(run(['/nonexistent/program']), code('PROGRAM_NOT_FOUND', 2));
  await assert.rejects(run(['sleep', '30'], { timeoutMs: 50 }), code('PROGRAM_TIMEOUT', 75));
});

test('an interrupt ends the program and everything it started, also what ignores SIGINT', async () => {
  const controller = new AbortController();
  let grandchild = 0;
  const running = run(
    ['sh', '-c', 'trap "" INT; sh -c "trap \\"\\" INT; echo \\$\\$; while :; do sleep 1; done"'],
    {
      signal: controller.signal,
      killAfterMs: 100,
      onStdout: (line) => {
        grandchild = Number(line);
        controller.abort();
      },
    },
  );
  await assert.rejects(running, code('INTERRUPTED', 130));
  assert.ok(grandchild > 0);
  const until = performance.now() + 5_000;
  while (await alive(grandchild)) {
    assert.ok(performance.now() < until, 'the grandchild still runs');
    await sleep(20);
  }
  await assert.rejects(run(['true'], { signal: controller.signal }), code('INTERRUPTED', 130));
});

async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
}

test('a daemon outlives its starter, and only exactly that process is ended', async () => {
  await using directory = await temporaryDirectory();
  const log = join(directory.path, 'log');
  const id = await startDaemon(['sh', '-c', 'echo up; exec sleep 60'], { logFile: log });
  while ((await readFile(log, 'utf8')) !== 'up\n') await sleep(5);
  assert.ok(isRunning(id));
  assert.ok(!isRunning({ ...id, startTime: '1' }), 'another process with the same number is a stranger');
  await stopDaemon({ ...id, startTime: '1' });
  assert.ok(isRunning(id));
  await stopDaemon(id);
  assert.ok(!isRunning(id));
  await assert.rejects(startDaemon(['/nonexistent/daemon'], { logFile: log }), /ENOENT/);
});

test('files are written whole or not at all', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'deep', 'file');
  await writeFileAtomic(path, 'one');
  await writeFileAtomic(path, 'two');
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.deepEqual(await readdir(join(directory.path, 'deep')), ['file']);
  assert.equal(await sha256OfFile(path), '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3');
});

test('a lock is held by one at a time, and a dead holder is replaced', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'lock');
  let inside = 0;
  let most = 0;
  await Promise.all(
    [1, 2, 3].map(() =>
      withLock(path, async () => {
        most = Math.max(most, ++inside);
        await sleep(10);
        inside--;
      }),
    ),
  );
  assert.equal(most, 1);
  const dead = await run(['sh', '-c', 'echo $$']);
  await writeFile(path, dead.stdout.trim());
  assert.equal(await withLock(path, async () => 'taken'), 'taken');
  await assert.rejects(
    withLock(path, async () => {
      throw new Error('inside');
    }),
    /inside/,
  );
  assert.deepEqual(await readdir(directory.path), []);
});

test('what is kept is made once, and never half', async () => {
  await using directory = await temporaryDirectory();
  const kept = join(directory.path, 'cache', 'thing-1.0');
  let made = 0;
  const make = async (into: string) => {
    made++;
    await writeFile(join(into, 'file'), 'x');
  };
  await assert.rejects(
    keepOnce(kept, async (into) => {
      await make(into);
      throw new Error('half way');
    }),
    /half way/,
  );
  assert.deepEqual(await readdir(join(directory.path, 'cache')), []);
  const outcomes = await Promise.all([keepOnce(kept, make), keepOnce(kept, make), keepOnce(kept, make)]);
  assert.deepEqual([outcomes.toSorted(), made], [['kept', 'kept', 'made'], 2]);
});

test('programs are found on PATH, directories and files without permission are not programs', async () => {
  await using directory = await temporaryDirectory();
  const first = join(directory.path, 'a');
  const second = join(directory.path, 'b');
  await mkdir(join(first, 'tool'), { recursive: true });
  await mkdir(second);
  await writeFile(join(second, 'tool'), '#!/bin/sh\n');
  const env = { PATH: `${first}::${second}` };
  assert.equal(await findOnPath('tool', env), undefined);
  await chmod(join(second, 'tool'), 0o755);
  assert.equal(await findOnPath('tool', env), join(second, 'tool'));
  assert.equal(await findOnPath('tool', {}), undefined);
});

test("the cache directory: ours, XDG's, the platform's", () => {
  assert.equal(cacheDirectory({ LAYERWRIGHT_CACHE_DIR: '/c', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/c');
  assert.equal(cacheDirectory({ XDG_CACHE_HOME: '/x', HOME: '/h' }), '/x/layerwright');
  assert.match(cacheDirectory({ HOME: '/h' }), /^\/h\/(?:\.cache|Library\/Caches)\/layerwright$/);
});

test('Retry-After in seconds and as a date', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  const after = (value: string) => retryAfterMs(new Headers({ 'retry-after': value }), now);
  assert.deepEqual(
    [after('2'), after('Thu, 01 Jan 2026 00:00:05 GMT'), after('soon'), after('-1')],
    [2000, 5000, 0, 0],
  );
  assert.equal(retryAfterMs(new Headers(), now), 0);
});

test('what the file system refuses is an error of ours that names the path', async () => {
  await using directory = await temporaryDirectory();
  const refusal = await readFile(join(directory.path, 'none')).catch(knownError);
  assert.ok(refusal instanceof LayerwrightError);
  assert.deepEqual([refusal.code, refusal.exit], ['FILE_UNUSABLE', 2]);
  assert.match(refusal.message, /\/none cannot be used: not there$/);
  const full = knownError(Object.assign(new Error('x'), { code: 'ENOSPC', path: '/x' }));
  assert.ok(full instanceof LayerwrightError);
  assert.deepEqual([full.code, full.exit, full.temporary], ['DISK_FULL', 75, true]);
  const other = new TypeError('a bug');
  assert.equal(knownError(other), other);
});

test('a port that fetch refuses is told as such, not as our bug', async () => {
  const failure = await fetch('http://127.0.0.1:1/').catch((error: unknown) => error);
  const error = connectionError(failure, 'registry 127.0.0.1:1', new AbortController().signal);
  assert.ok(error instanceof LayerwrightError);
  assert.deepEqual([error.code, error.exit], ['PORT_REFUSED', 2]);
});
