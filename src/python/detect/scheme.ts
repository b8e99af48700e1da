import { posix } from 'node:path';
import type { InstallScheme, PythonFacts } from '../facts.ts';
import type { Destination } from '../recognise/recognise.ts';
import type { Unclear } from './detect-interpreter.ts';

/**
 * Where pip or uv puts a wheel's files for a destination: pip as its `get_scheme` computes it from sysconfig, uv by schemes of its own.
 *
 * `--target`: pip installs to a temporary directory and moves what is there: this is where the files come to lie. Its RECORD is
 * written before, as if scripts were at `../../bin` of the modules. Files of `*.data/data/lib` are left behind.
 *
 * @returns the scheme, its paths normalised; or why that destination is not known or refused by pip
 */
export function schemeFor(
  facts: PythonFacts,
  destination: Destination,
  tool: 'pip' | 'uv' = 'pip',
): InstallScheme | Unclear {
  if (destination.kind === 'environment') return facts.scheme;
  if (tool === 'uv' && destination.kind === 'user') return { reason: 'uv has no --user' };
  if (destination.kind === 'user' && facts.venv !== undefined)
    return { reason: 'pip refuses --user in a virtual environment' };
  const named = destination.directory ?? facts.userBase;
  if (named === undefined) return { reason: 'the directory of --user is not known (no home directory)' };
  const directory = posix.normalize(named).replace(/(?<=.)\/+$/, '');
  if (!directory.startsWith('/') || directory === '/')
    return { reason: `${named} is no directory to install to` };
  if (tool === 'uv' && destination.kind !== 'user') return uvSchemes(facts)[destination.kind](directory);
  // Before 22 pip had headers in the virtual environment, wherever the rest went.
  if (facts.venv !== undefined && !(Number.parseInt(facts.pip ?? '', 10) >= 22))
    return { reason: 'its pip is too old to know where --prefix and --target put headers' };
  return schemesOf(facts)[destination.kind](directory);
}

/** uv's: a prefix is laid out as a virtual environment, whatever the interpreter's own scheme. */
function uvSchemes(facts: PythonFacts): Readonly<Record<'target' | 'prefix', Base>> {
  const name = nameOf(facts);
  return {
    target: (base) => ({
      ...{ purelib: base, platlib: base, headers: `${base}/include`, scripts: `${base}/bin`, data: base },
    }),
    prefix: (base) => ({
      ...{ purelib: `${base}/lib/${name}/site-packages`, platlib: `${base}/lib/${name}/site-packages` },
      ...{ headers: `${base}/include/site/${name}`, scripts: `${base}/bin`, data: base },
    }),
  };
}

type Base = (directory: string) => InstallScheme;

/** sysconfig's schemes that pip chooses, by destination: posix_user, posix_home, and posix_prefix, venv or Debian's posix_local. */
function schemesOf(facts: PythonFacts): Readonly<Record<'user' | 'target' | 'prefix', Base>> {
  const name = nameOf(facts);
  // pip has headers of its own in virtual environments.
  const headers = (directory: string, plain: string) =>
    `${directory}/include/${facts.venv === undefined ? plain : `site/${name}`}`;
  const scheme = (directory: string, site: string, data: string, include: string): InstallScheme => ({
    ...{ purelib: site, platlib: site, headers: headers(directory, include) },
    ...{ scripts: `${data}/bin`, data },
  });
  return {
    user: (base) => scheme(base, `${base}/lib/${name}/site-packages`, base, name),
    target: (base) => scheme(base, base, base, 'python'),
    prefix: (base) =>
      installsLocally(facts)
        ? scheme(base, `${base}/local/lib/${name}/dist-packages`, `${base}/local`, name)
        : scheme(base, `${base}/lib/${name}/site-packages`, base, name),
  };
}

/** `python3.11` */
function nameOf({ version }: PythonFacts): string {
  return `python${/^\d+\.\d+/.exec(version)?.[0]}`;
}

/** Debian's own Python outside virtual environments puts `local` into every prefix. */
function installsLocally({ venv, scheme }: PythonFacts): boolean {
  return venv === undefined && scheme.purelib.endsWith('/dist-packages');
}
