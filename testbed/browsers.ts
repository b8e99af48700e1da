import { chmod, copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';
import type { Bed } from './bed.ts';
import { ensureAptDownload } from './debian.ts';
import { keepPart } from './kept.ts';

/** Names in the archive that Playwright's host has for Linux. */
const SHELL = 'chrome-headless-shell';
const SHELL_FOLDER = 'chrome-headless-shell-linux64';

/** What every image has: never taken along. */
const OF_EVERY_IMAGE = /^lib(?:c6|c-bin|gcc-s1|stdc\+\+6|crypt1|selinux1|pcre2-8-0)$/;

/**
 * Makes the archives that `playwright install` downloads, once: a headless Chromium with the libraries that it needs,
 * and ffmpeg, both of Debian's packages.
 *
 * @returns the directory of the archives
 */
export async function provisionBrowsers(bed: Pick<Bed, 'host' | 'steps'>): Promise<string> {
  const part = { name: 'browsers', version: '1', title: 'Making the browser archives' };
  return await keepPart(bed.host, bed.steps, part, async (into) => {
    const apt = await ensureAptDownload(bed.host, bed.steps);
    await makeShell({ host: bed.host, apt, into, work: join(into, 'shell') });
    await makeFfmpeg({ host: bed.host, apt, into, work: join(into, 'ffmpeg') });
  });
}

interface Making {
  readonly host: Host;
  readonly apt: string;
  /** Where the archive goes. */
  readonly into: string;
  /** A directory to work in; removed afterwards. */
  readonly work: string;
}

async function makeShell(making: Making): Promise<void> {
  const { host, work, into } = making;
  const root = await extracted(making, [
    'chromium-headless-shell',
    'chromium-common',
    ...(await librariesOf(host)),
  ]);
  const folder = join(work, SHELL_FOLDER);
  await rename(join(root, 'usr', 'lib', 'chromium'), folder);
  const program = join(folder, `${SHELL}.bin`);
  await rename(join(folder, 'chromium-headless-shell'), program);
  await mkdir(join(folder, 'lib'));
  for (const library of await loadedFrom(host, root, program))
    await copyFile(library, join(folder, 'lib', basename(library)));
  // Playwright's own build has its libraries in it; Debian's is linked to them.
  const launcher = join(folder, SHELL);
  await writeFile(
    launcher,
    `#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nLD_LIBRARY_PATH="$here/lib" exec "$here/${SHELL}.bin" "$@"\n`,
  );
  await chmod(launcher, 0o755);
  await zipped(host, work, join(into, `${SHELL_FOLDER}.zip`), SHELL_FOLDER);
  await rm(work, { recursive: true });
}

async function makeFfmpeg(making: Making): Promise<void> {
  const { host, work, into } = making;
  const root = await extracted(making, ['ffmpeg']);
  await rename(join(root, 'usr', 'bin', 'ffmpeg'), join(work, 'ffmpeg-linux'));
  await zipped(host, work, join(into, 'ffmpeg-linux.zip'), 'ffmpeg-linux');
  await rm(work, { recursive: true });
}

/** Names of the packages with the browser's libraries, and with theirs. */
async function librariesOf(host: Host): Promise<readonly string[]> {
  const kinds = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const text = await output(host, [
    ...['apt-cache', 'depends', '--recurse', ...kinds.map((kind) => `--no-${kind}`)],
    'chromium-headless-shell',
  ]);
  const names = text.split('\n').filter((name) => /^lib[a-z0-9.+-]+$/.test(name));
  return [...new Set(names)].filter((name) => !OF_EVERY_IMAGE.test(name)).sort();
}

/** Downloads packages and unpacks them all into one tree. */
async function extracted({ host, apt, work }: Making, packages: readonly string[]): Promise<string> {
  const debs = join(work, 'debs');
  await mkdir(debs, { recursive: true });
  await output(host, [apt, 'download', ...packages], debs);
  const root = join(work, 'root');
  for (const deb of await readdir(debs)) await output(host, ['dpkg-deb', '--extract', join(debs, deb), root]);
  return root;
}

/** The shared objects in a tree that a program is linked to, directly or through others. */
async function loadedFrom(host: Host, root: string, program: string): Promise<readonly string[]> {
  const [triplet = ''] = (await readdir(join(root, 'usr', 'lib'))).filter((name) =>
    name.endsWith('-linux-gnu'),
  );
  const directories = [`usr/lib/${triplet}`, `lib/${triplet}`, `usr/lib/${triplet}/pulseaudio`].map(
    (directory) => join(root, directory),
  );
  const text = await output(host, ['env', `LD_LIBRARY_PATH=${directories.join(':')}`, 'ldd', program], root);
  return [...text.matchAll(/=> (\S+)/g)]
    .map(([, path]) => path as string)
    .filter((path) => path.startsWith(root));
}

async function zipped(host: Host, directory: string, archive: string, entry: string): Promise<void> {
  await output(host, ['python3', '-m', 'zipfile', '-c', archive, entry], directory);
}

async function output(host: Host, command: readonly string[], cwd?: string): Promise<string> {
  const result = await host.run(command, { env: host.env, signal: host.signal, ...(cwd && { cwd }) });
  if (result.exitCode === 0) return result.stdout;
  throw new LayerwrightError(`${command.slice(0, 3).join(' ')} failed`, {
    code: 'BROWSERS_FAILED',
    exit: EXIT.temporary,
    detail: result.stderr.slice(-2000),
    hint: 'The browser archives are made of Debian packages: check that this machine reaches its mirror.',
  });
}
