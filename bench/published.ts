import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';

const root = join(import.meta.dirname, '..');

/** What the bundle is made of. */
const SOURCES = [
  'src',
  'scripts',
  'bin',
  'package.json',
  'tsconfig.json',
  'tsconfig.publish.json',
  'LICENSE',
];

/**
 * The command as users have it: the bundle and its launcher, without sources. Made in a directory of its own, so that the
 * checkout's `dist` stays as it is.
 *
 * @param directory must not exist yet
 * @returns path of the launcher
 */
export async function publishedCommand(host: Host, directory: string): Promise<string> {
  const workshop = join(directory, 'workshop');
  await mkdir(workshop, { recursive: true });
  for (const name of SOURCES) await cp(join(root, name), join(workshop, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(workshop, 'node_modules'));
  const made = await host.run([process.execPath, join(workshop, 'scripts', 'bundle.ts')], {
    env: host.env,
    signal: host.signal,
  });
  if (made.exitCode !== 0)
    throw new LayerwrightError('the bundle that is to be measured cannot be made', {
      code: 'BENCH_BUNDLE_FAILED',
      exit: EXIT.failed,
      detail: `${made.stdout}${made.stderr}`.slice(-3000),
      hint: 'See what `npm run bundle` says.',
    });
  const installed = join(directory, 'layerwright');
  for (const name of ['bin', 'dist', 'package.json'])
    await cp(join(workshop, name), join(installed, name), { recursive: true });
  return join(installed, 'bin', 'layerwright.js');
}
