import { open, readdir, realpath } from 'node:fs/promises';
import { delimiter, isAbsolute, join, sep } from 'node:path';
import type { Host } from '../host/host.ts';
import { BYTECODE_MAGIC, compilingRelease } from '../python/detect/bytecode-magic.ts';
import { COMPILER_ENVIRONMENT } from './bytecode.ts';

const QUESTION =
  'import sys, importlib.util as u; print(sys.implementation.name, "%d.%d.%d" % sys.version_info[:3], ' +
  'int.from_bytes(u.MAGIC_NUMBER[:2], "little"), sys.abiflags or "-")';

/** A Python that compiles. */
export interface Compiler {
  /** Absolute. */
  readonly program: string;
  /** `3.11.9`: another patch version may compile a source to other bytecode. */
  readonly version: string;
}

/**
 * A Python on this machine that makes the same bytecode: one of the same patch version if there is one, else, up to 3.11, of which
 * all were seen to make equal code, the first of the minor version that is found on PATH, among pyenv's versions and in the CI's tool cache. Only what answers that it is a plain CPython
 * with that version's magic number counts. Scripts that start an interpreter are passed over: what they start may depend on the
 * directory. So are programs below the contexts of builds, which may be anybody's.
 *
 * @param version of the image's Python, `3.11.2`; `3.11` for any release of it
 * @param contexts directories of builds' contexts; default: the working directory
 */
export async function compilerFor(
  host: Host,
  version: string,
  ...contexts: readonly string[]
): Promise<Compiler | undefined> {
  const [major, minor] = version.split('.');
  const short = `${major}.${minor}`;
  const magic = BYTECODE_MAGIC[short];
  if (magic === undefined) return undefined;
  // Whoever asks for a minor version alone compares what comes.
  const isExact = version !== short && compilingRelease(version) !== undefined;
  let first: Compiler | undefined;
  for (const program of await candidates(host, short, contexts.length > 0 ? contexts : [host.cwd])) {
    const found = await askedVersion(host, program, magic);
    if (found === version) return { program, version };
    if (!isExact && found?.startsWith(`${short}.`)) first ??= { program, version: found };
  }
  return first;
}

/** Programs that may be a Python of that minor version, each once, with their links resolved. */
async function candidates(
  host: Host,
  short: string,
  contexts: readonly string[],
): Promise<readonly string[]> {
  const names = [`python${short}`, 'python3', 'python'];
  const directories = (host.env.PATH ?? '').split(delimiter).filter(isAbsolute);
  const onPath = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  const kept = await Promise.all(
    installations(host).map(async ({ root, below }) =>
      (await readdir(root).catch(() => []))
        .filter((name) => name.startsWith(`${short}.`))
        .sort()
        .flatMap((name) => below.map((rest) => join(root, name, rest, `python${short}`))),
    ),
  );
  const real = await Promise.all(contexts.map((one) => realpath(one).catch(() => one)));
  const isForbidden = (path: string) => [...contexts, ...real].some((one) => isBelow(path, one));
  const found = new Set<string>();
  for (const path of [...onPath, ...kept.flat()]) {
    const program = await realpath(path).catch(() => undefined);
    if (program === undefined || isForbidden(path) || isForbidden(program)) continue;
    if (!(await isScript(program))) found.add(program);
  }
  return [...found];
}

/** Where pyenv and CI machines keep several versions: `root/3.11.7/bin/python3.11`. */
function installations({
  env,
}: Host): readonly { readonly root: string; readonly below: readonly string[] }[] {
  const pyenv = env.PYENV_ROOT ?? (env.HOME && join(env.HOME, '.pyenv'));
  const caches = [env.AGENT_TOOLSDIRECTORY, env.RUNNER_TOOL_CACHE, '/opt/hostedtoolcache'];
  return [
    ...(pyenv ? [{ root: join(pyenv, 'versions'), below: ['bin'] }] : []),
    ...caches
      .filter((root) => root !== undefined)
      .map((root) => ({ root: join(root, 'Python'), below: ['x64/bin', 'arm64/bin'] })),
  ].filter(({ root }) => isAbsolute(root));
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
}

/** True for what begins with `#!`, and for what cannot be read. */
async function isScript(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'r');
    try {
      const start = Buffer.alloc(2);
      await handle.read(start, 0, 2, 0);
      return start.toString('latin1') === '#!';
    } finally {
      await handle.close();
    }
  } catch {
    return true;
  }
}

/** The version that a program says it has, if its bytecode is as it should be. */
async function askedVersion(host: Host, path: string, magic: number): Promise<string | undefined> {
  const answer = await host
    .run([path, '-I', '-S', '-c', QUESTION], {
      ...{ cwd: '/', env: COMPILER_ENVIRONMENT, signal: host.signal, timeoutMs: 10_000 },
    })
    .catch((error: unknown) => {
      if (host.signal.aborted) throw error;
      // It cannot be started or does not answer: not a Python for us.
      return undefined;
    });
  return answer?.exitCode === 0 ? plainVersion(answer.stdout, magic) : undefined;
}

function plainVersion(answer: string, magic: number): string | undefined {
  const [name, version, number, flags] = answer.trim().split(' ');
  return name === 'cpython' && Number(number) === magic && flags === '-' ? version : undefined;
}

/**
 * The release of a Python that may compile for an image.
 *
 * @param answer what it says of itself: implementation, release, magic number and flags of its ABI, as `cpython 3.13.5 3571 -`
 * @param version of the image's Python
 * @returns undefined if another one has to
 */
export function compilingVersion(answer: string, version: string): string | undefined {
  const short = version.split('.').slice(0, 2).join('.');
  const magic = BYTECODE_MAGIC[short];
  const found = magic === undefined ? undefined : plainVersion(answer, magic);
  if (found === version) return found;
  const isAlike = compilingRelease(version) === undefined && found?.startsWith(`${short}.`);
  return isAlike ? found : undefined;
}
