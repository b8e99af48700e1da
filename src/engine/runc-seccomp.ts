import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import { findOnPath, kindOf } from '../host/files.ts';
import type { Host } from '../host/host.ts';

const PACKAGE = 'libseccomp-dev';

/**
 * What Go needs in its environment to compile with libseccomp. BuildKit and Docker give each container a seccomp
 * filter, and a runc without libseccomp refuses to start it: there is no way around the library.
 *
 * Installed with pkg-config, nothing is needed. Else its development package is fetched from the distribution
 * by apt (no root, nothing installed) and linked statically.
 *
 * @param into directory for the unpacked package; may be deleted after the compilation
 * @throws LayerwrightError `LIBSECCOMP_MISSING` (2; 75 if the distribution's packages cannot be reached)
 */
export async function seccompEnvironment(host: Host, into: string): Promise<NodeJS.ProcessEnv> {
  const pkgConfig = await findOnPath('pkg-config', host.env);
  if (pkgConfig !== undefined && (await succeeds(host, [pkgConfig, '--exists', 'libseccomp']))) return {};
  const [apt, dpkg] = await Promise.all(['apt-get', 'dpkg'].map((name) => findOnPath(name, host.env)));
  if (apt === undefined || dpkg === undefined)
    throw usageError(
      'LIBSECCOMP_MISSING',
      'libseccomp is not installed, without it runc cannot be compiled',
      HINT,
    );
  await mkdir(into, { recursive: true });
  const archive = await downloadPackage(host, apt, into);
  const unpacked = join(into, 'unpacked');
  if (!(await succeeds(host, [dpkg, '-x', archive, unpacked])))
    throw packageError(`dpkg cannot unpack ${archive}`);
  return await compilerEnvironment(host, into, unpacked);
}

const HINT =
  'Install an OCI runtime (apt-get install runc), or libseccomp-dev and pkg-config to compile one.';

function packageError(message: string, detail?: string): LayerwrightError {
  return new LayerwrightError(message, {
    code: 'LIBSECCOMP_MISSING',
    exit: EXIT.temporary,
    hint: HINT,
    ...(detail === undefined ? {} : { detail }),
  });
}

/** The package by the machine's own package lists; where there are none (fresh containers), by lists of our own. */
async function downloadPackage(host: Host, apt: string, into: string): Promise<string> {
  const lists = join(into, 'lists');
  const cache = join(into, 'cache');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  const own = [
    ...['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`],
    // As root, apt fetches as a user of its own, who cannot enter our cache directory.
    ...['-o', `APT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`],
  ];
  const options = { env: host.env, cwd: into, signal: host.signal };
  let result = await host.run([apt, 'download', PACKAGE], options);
  if (result.exitCode !== 0) {
    // Its exit code is not told apart: without root, its clean-up of the system's cache fails in the end.
    await host.run([apt, ...own, 'update'], options);
    result = await host.run([apt, ...own, 'download', PACKAGE], options);
  }
  const archive = (await readdir(into)).find((name) => name.endsWith('.deb'));
  if (result.exitCode === 0 && archive !== undefined) return join(into, archive);
  throw packageError(`apt cannot download ${PACKAGE}`, result.stderr.slice(-2000));
}

/**
 * Points Go to the unpacked package, which believes itself below /usr. The directories go by CGO_CFLAGS and
 * CGO_LDFLAGS, for Go's build cache counts those as an input, and what pkg-config says not.
 */
async function compilerEnvironment(host: Host, into: string, unpacked: string): Promise<NodeJS.ProcessEnv> {
  const libraries = await staticLibraryDirectory(join(unpacked, 'usr', 'lib'));
  if (libraries === undefined) throw packageError(`${PACKAGE} has no libseccomp.a`);
  // The linker prefers a shared library, whose other half is in a package that is not here.
  await rm(join(libraries, 'libseccomp.so'), { force: true });
  const script = join(into, 'pkg-config');
  await writeFile(script, '#!/bin/sh\n[ "$1" = --libs ] && echo -lseccomp\nexit 0\n');
  await chmod(script, 0o755);
  return {
    PKG_CONFIG: `"${script}"`,
    CGO_CFLAGS: `${host.env.CGO_CFLAGS ?? '-O2'} "-I${join(unpacked, 'usr', 'include')}"`,
    CGO_LDFLAGS: `${host.env.CGO_LDFLAGS ?? '-O2'} "-L${libraries}"`,
  };
}

async function staticLibraryDirectory(directory: string): Promise<string | undefined> {
  for (const name of await readdir(directory))
    if ((await kindOf(join(directory, name, 'libseccomp.a'))) === 'file') return join(directory, name);
  return undefined;
}

async function succeeds(host: Host, command: readonly string[]): Promise<boolean> {
  return (await host.run(command, { env: host.env, signal: host.signal })).exitCode === 0;
}
