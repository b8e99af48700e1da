import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { chmod, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readContext } from '../../src/context/read.ts';
import { projectOf } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';

const root = join(import.meta.dirname, '..', '..');

/** What asks which host it is on: programs, processes and directories of the host; nothing that decides what is in a layer. */
const ASKING = [
  'commands/doctor/engine.ts',
  'context/read.ts',
  'engine/buildkitd-mounts.ts',
  'engine/find-kept.ts',
  'engine/find.ts',
  'engine/install.ts',
  'host/daemon.ts',
  'host/exec.ts',
  'host/files.ts',
  'host/leftovers.ts',
  'host/pipe.ts',
];

test('nothing asks for the host but what has to do with the host itself, and the modes of a context', () => {
  const asking = globSync('**/*.ts', { cwd: join(root, 'src') }).filter((file) =>
    /process\.platform|\bos\.platform\(|\bEOL\b/.test(readFileSync(join(root, 'src', file), 'utf8')),
  );
  assert.deepEqual(asking.sort(), ASKING);
});

test('what makes layers joins paths of an image by slashes alone', () => {
  const rooms = ['python', 'plan', 'image', 'layers', 'compose', 'dockerfile', 'split', 'lockfiles'];
  const separators = rooms.flatMap((room) =>
    globSync(`${room}/**/*.ts`, { cwd: join(root, 'src') }).filter((file) =>
      /import \{[^}]*\bsep\b[^}]*\} from 'node:path'/.test(readFileSync(join(root, 'src', file), 'utf8')),
    ),
  );
  // Programs of the host are looked for in the host's own paths.
  assert.deepEqual(separators, ['layers/compiler.ts']);
});

/** Works as if on another host. */
async function on<T>(platform: NodeJS.Platform, work: () => Promise<T>): Promise<T> {
  const own = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
  Object.defineProperty(process, 'platform', { ...own, value: platform });
  try {
    return await work();
  } finally {
    Object.defineProperty(process, 'platform', own);
  }
}

test('on Windows a file has no permissions: all count as 0755, as in the context that Docker sends from there', async () => {
  await using project = await projectOf({ 'app.py': '', 'data/one.txt': '1' });
  await chmod(join(project.path, 'app.py'), 0o666);
  await chmod(join(project.path, 'data'), 0o777);
  await symlink('app.py', join(project.path, 'link'));
  const read = () => readContext(testHost(), project.path, { dockerfile: undefined });
  const modes = ({ entries }: Awaited<ReturnType<typeof read>>) =>
    Object.fromEntries(
      [...entries].filter(([, { type }]) => type !== 'symlink').map(([path, { mode }]) => [path, mode]),
    );
  assert.deepEqual(modes(await on('win32', read)), { 'app.py': 0o755, data: 0o755, 'data/one.txt': 0o755 });
  const linux = await read();
  assert.deepEqual([modes(linux)['app.py'], modes(linux).data], [0o666, 0o777]);
  assert.deepEqual(await on('darwin', read).then(modes), modes(linux));
  assert.deepEqual([...linux.entries.keys()].sort(), ['app.py', 'data', 'data/one.txt', 'link']);
});
