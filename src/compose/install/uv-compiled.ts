import type { PythonFacts } from '../../python/facts.ts';
import type { ImageState } from '../state.ts';
import type { InstallPlace } from './installation.ts';

/** What pip brings along: of that some is compiled wherever pip has run. */
const PIPS = /^(?:pip|setuptools|pkg_resources|_distutils_hack|wheel)(?:\/|$)/;

/**
 * Sees that all modules of an environment have bytecode: where uv compiles, it compiles what is there already as well.
 *
 * @throws NotComposable
 */
export function refuseUncompiled(
  { installs, hidden = [], given, files, copied }: ImageState,
  { scheme, cacheTag }: Pick<PythonFacts, 'scheme' | 'cacheTag'>,
  { refuse }: Pick<InstallPlace, 'refuse'>,
): void {
  const libraries = new Set([scheme.purelib, scheme.platlib].map((one) => files.index.resolve(one).path));
  const bare = [...installs, ...hidden].find(
    ({ bytecode, python }) => !bytecode && libraries.has(files.index.resolve(python.scheme.purelib).path),
  );
  const hint = 'Set UV_COMPILE_BYTECODE for all of the installations.';
  if (bare) throw refuse('uv compiles what an earlier step has installed too', hint);
  for (const library of libraries) {
    const inside = `${library}/`;
    const module = [...copied.keys()].find((path) => path.startsWith(inside) && path.endsWith('.py'));
    if (module !== undefined) throw refuse(`uv compiles /${module} too, which was copied`);
    for (const { path, type } of given.files.index.entries()) {
      if (type !== 'file' || !path.startsWith(inside) || !path.endsWith('.py')) continue;
      if (PIPS.test(path.slice(inside.length)) || files.index.get(path) === undefined) continue;
      const slash = path.lastIndexOf('/');
      const stem = path.slice(slash + 1, -'.py'.length);
      const compiled = `${path.slice(0, slash)}/__pycache__/${stem}.${cacheTag}.pyc`;
      if (files.index.get(compiled) === undefined)
        throw refuse(`uv compiles /${path} too, which is there without bytecode`, COMPILED_HINT);
    }
  }
}

const COMPILED_HINT = 'Make the environment in the RUN that installs, or without --compile-bytecode.';
