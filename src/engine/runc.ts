import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError } from '../errors.ts';
import { findOnPath } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { keepOnce } from '../host/kept.ts';
import type { Steps } from '../host/steps.ts';
import { findRuntime, type Tool } from './find.ts';
import { keptDirectory, versionOf } from './find-kept.ts';
import { buildGoPrograms } from './go-build.ts';
import { assertRuns, firstWay, goModule } from './provision.ts';
import { seccompEnvironment } from './runc-seccomp.ts';

const PACKAGE = 'github.com/opencontainers/runc';

/**
 * An OCI runtime for buildkitd: any that is there, else the pinned runc is compiled.
 *
 * @param besideDirectory the directory of buildkitd, whose releases bring a runtime along
 */
export async function ensureRuntime(host: Host, steps: Steps, besideDirectory?: string): Promise<Tool> {
  return (await findRuntime(host, besideDirectory)) ?? (await provisionRunc(host, steps));
}

/**
 * The pinned runc, compiled with Go and a C compiler, whatever else is on the machine: Docker Engine wants one
 * that is newer than the distributions' own.
 *
 * @throws LayerwrightError `ENGINE_UNAVAILABLE` (2 or 75)
 */
export async function provisionRunc(host: Host, steps: Steps): Promise<Tool> {
  const bin = await firstWay(host, steps, 'runc', [
    { name: 'Go build', get: () => compileRunc(host, steps) },
  ]);
  const path = join(bin, 'runc');
  return { name: 'runc', command: [path], path, version: versionOf('runc'), from: 'go' };
}

async function compileRunc(host: Host, steps: Steps): Promise<string> {
  const directory = keptDirectory(host, 'runc', 'go');
  await keepOnce(
    directory,
    async (into) => {
      await assertCompiler(host);
      await steps.step(`Compiling runc ${versionOf('runc')} with Go`, async () => {
        const library = join(into, 'libseccomp');
        const env = { ...host.env, ...(await seccompEnvironment(host, library)) };
        await buildGoPrograms(
          { ...host, env },
          { module: goModule('go-runc'), packages: [PACKAGE], cgo: true, tags: ['seccomp'] },
          into,
        );
        for (const leftover of [library, join(into, 'source')])
          await rm(leftover, { recursive: true, force: true });
        await assertRuns(host, join(into, 'bin'), ['runc']);
      });
    },
    () => steps.note('Waiting for another run that provisions runc'),
  );
  return join(directory, 'bin');
}

async function assertCompiler(host: Host): Promise<void> {
  // cgo takes $CC, else gcc, else (since no gcc is there) nothing: a bare `cc` is not looked for.
  const compiler = host.env.CC?.split(' ')[0] || 'gcc';
  if ((await findOnPath(compiler, host.env)) !== undefined || compiler.startsWith('/')) return;
  throw usageError(
    'C_COMPILER_MISSING',
    `there is no OCI runtime on PATH (runc, crun), and no C compiler (${compiler}) to compile one`,
    'Install a runtime: apt-get install runc.',
  );
}
