import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  chmod,
  lstat,
  lutimes,
  mkdir,
  readdir,
  readlink,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { seededNumbers } from '../support/random.ts';

/** A tree as lines that can be compared: type, mode, time in microseconds, name, content or where it leads. */
export async function listing(root: string): Promise<string[]> {
  const lines: string[] = [];
  const visit = async (path: string): Promise<void> => {
    const names = await readdir(bytes(`${root}${path}`), { encoding: 'buffer' });
    for (const name of names.map((one) => one.toString('latin1')).sort()) {
      const below = `${path}/${name}`;
      const place = bytes(`${root}${below}`);
      const status = await lstat(place, { bigint: true });
      const kind = status.isDirectory() ? 'd' : status.isSymbolicLink() ? 'l' : status.isFile() ? 'f' : '?';
      const what =
        kind === 'l'
          ? (await readlink(place, { encoding: 'buffer' })).toString('latin1')
          : kind === 'f'
            ? `${status.size} ${await sha256(place)}`
            : '';
      const time = status.mtimeNs / 1000n;
      lines.push(`${kind} ${(Number(status.mode) & 0o7777).toString(8)} ${time} ${below} ${what}`);
      if (kind === 'd') await visit(below);
    }
  };
  await visit('');
  return lines;
}

async function sha256(place: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(place)) hash.update(chunk as Uint8Array);
  return hash.digest('hex').slice(0, 12);
}

/** Where paths are given with one character a byte. */
function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** Everything that has ever gone wrong in an archive of files. */
export async function nastyTree(root: string): Promise<void> {
  const file = async (name: string | Buffer, content: string | Uint8Array, mode = 0o644, time = 1.7e9) => {
    const path =
      typeof name === 'string' ? Buffer.from(`${root}/${name}`) : Buffer.concat([bytes(`${root}/`), name]);
    await mkdir(dirname(path.toString('latin1')), { recursive: true }).catch(() => {});
    await writeFile(path, content);
    await chmod(path, mode);
    await utimes(path, time, time);
  };
  await mkdir(`${root}/empty/inner`, { recursive: true });
  await file('empty file', '');
  await file('bin/run.sh', '#!/bin/sh\n', 0o755);
  await file('bin/secret', 'x', 0o600);
  await file('bin/setgid', 'x', 0o2755);
  await file('read only/a', 'a', 0o444);
  await file('exactly a block', 'b'.repeat(512));
  await file('a block and one', 'b'.repeat(513));
  await file('larger than what is read at once', Buffer.alloc(700_001, 'large'));
  await file(Buffer.from([0xff, 0xfe, 0x41]), 'a name that is no text');
  await file('ümläut 日本語 🐍', 'text');
  await file('new\nline and "quotes" and \\ back', 'text');
  await file(' =leading and trailing ', 'text');
  await file('-rf', 'an option');
  await file('x'.repeat(99), '99');
  await file('x'.repeat(100), '100');
  await file('x'.repeat(101), '101');
  await file('y'.repeat(255), '255');
  await file(`${'deep/'.repeat(60)}end`, 'more than 256 characters');
  await file('times/before 1970', 'x', 0o644, -1_000.25);
  await file('times/after 2242', 'x', 0o644, 8_700_000_000);
  await file('times/microseconds', 'x', 0o644, 1_700_000_000.123457);
  await symlink('run.sh', `${root}/bin/link`);
  await symlink('nowhere', `${root}/bin/dangling`);
  await symlink('/usr/bin/env', `${root}/bin/absolute`);
  await symlink('../empty', `${root}/bin/to a directory`);
  await symlink('z'.repeat(300), `${root}/bin/long`);
  await lutimes(`${root}/bin/link`, 1.6e9, 1.6e9);
  await chmod(`${root}/empty`, 0o2750);
  await chmod(`${root}/read only`, 0o555);
  await utimes(`${root}/empty/inner`, 1.5e9, 1.5e9);
  await utimes(`${root}/empty`, 1.4e9, 1.4e9);
}

/** A tree of some dozen entries with names and sizes that look random. */
export async function randomTree(root: string, seed: number): Promise<void> {
  const next = seededNumbers(seed);
  const letters = ['a', 'b', 'ä', '日', ' ', '.', '-', '%', '~', 'Z'];
  const name = () =>
    `n${Array.from({ length: 1 + next(40) }, () => letters[next(letters.length)]).join('')}${next(1e6)}`;
  const directories = [root];
  for (let entry = 0; entry < 60; entry++) {
    const path = `${directories[next(directories.length)]}/${name()}`;
    const kind = next(10);
    const time = next(2 ** 31) + next(1e6) / 1e6;
    if (kind < 3) {
      await mkdir(path);
      directories.push(path);
    } else if (kind === 3) await symlink(name().repeat(1 + next(4)), path);
    else {
      await writeFile(path, Buffer.alloc(next(4) === 0 ? next(400_000) : next(1500), name()));
      await chmod(path, [0o644, 0o755, 0o600][next(3)] as number);
    }
    if (kind !== 3) await utimes(path, time, time);
  }
}
