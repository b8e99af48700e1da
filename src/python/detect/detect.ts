import type { InstallScheme, PythonFacts } from '../facts.ts';
import { contentOf, type DetectedImage, variableOf } from './detect-files.ts';
import { installedIn, startupTrouble } from './detect-installed.ts';
import { type Interpreter, interpreterOf, type Unclear } from './detect-interpreter.ts';
import { type Distribution, distributionOf, libcOf, versionOf } from './detect-platform.ts';
import { type UserSite, userSiteOf } from './detect-user.ts';

/**
 * What pip or uv would install into, read from an image's files. Pure; whatever is not surely understood comes back as a reason.
 *
 * @param program what a Dockerfile calls: `python`, `pip3`, `/opt/venv/bin/pip`; `uv` stands for `uv pip install --system`
 * @returns the facts, or a half sentence for people that says what is in the way
 */
export function pythonFacts(
  image: DetectedImage,
  program: string,
): { readonly facts: PythonFacts } | Unclear {
  const interpreter = interpreterOf(image, program);
  if ('reason' in interpreter) return interpreter;
  const distribution = distributionOf(image);
  if (typeof distribution === 'object') return distribution;
  const version = versionOf(image, interpreter, distribution);
  if (typeof version !== 'string') return version;
  const libc = libcOf(image, distribution);
  if ('reason' in libc) return libc;
  const layout = layoutOf(image, interpreter, distribution);
  if ('reason' in layout) return layout;
  const user = userSiteOf(image, interpreter);
  if (user !== undefined && 'reason' in user) return user;
  const installed = installedBy(image, interpreter, layout, user);
  if ('reason' in installed) return installed;
  const { executable, minor, prefix, venv } = interpreter;
  const facts: PythonFacts = {
    ...{ executable, version, libc, installed, venv },
    cacheTag: `cpython-3${minor}`,
    scheme: layout.scheme,
    architecture: image.architecture,
    pip: installed.find(({ name }) => name === 'pip')?.version,
    // pip does not look for it in a virtual environment.
    externallyManaged:
      venv === undefined &&
      image.index.resolve(`${prefix}/lib/python3.${minor}/EXTERNALLY-MANAGED`).entry !== undefined,
    ...(user && { userBase: user.base }),
  };
  return { facts };
}

/** Where an environment's packages are. */
interface Layout {
  readonly scheme: InstallScheme;
  /** Site directories in the order of `sys.path`, absolute; not all need to be there. */
  readonly sites: readonly string[];
}

function layoutOf(
  image: DetectedImage,
  interpreter: Interpreter,
  distribution: Distribution,
): Layout | Unclear {
  const { prefix, minor, venv } = interpreter;
  const name = `python3.${minor}`;
  if (venv !== undefined) return layout(venv, name, 'site-packages', `${venv}/include/site/${name}`);
  if (prefix === '/usr/local' || (prefix === '/usr' && distribution === 'apk'))
    return image.index.resolve(`${prefix}/lib/${name}/site-packages`).entry?.type === 'directory'
      ? layout(prefix, name, 'site-packages', `${prefix}/include/${name}`)
      : { reason: `${prefix}/lib/${name} has no site-packages` };
  if (prefix !== '/usr' || distribution !== 'debian')
    return { reason: `${prefix} is neither an official Python nor the distribution's own` };
  if (!hasPosixLocal(image, name)) return { reason: `Debian's ${name} installs in a way that is not known` };
  const { scheme } = layout('/usr/local', name, 'dist-packages', `/usr/include/${name}`);
  return {
    scheme,
    sites: [scheme.purelib, '/usr/lib/python3/dist-packages', `/usr/lib/${name}/dist-packages`],
  };
}

function layout(prefix: string, name: string, packages: string, headers: string): Layout {
  const site = `${prefix}/lib/${name}/${packages}`;
  const scheme = { purelib: site, platlib: site, headers, scripts: `${prefix}/bin`, data: prefix };
  return { scheme, sites: [site] };
}

/** What Debian's Python says of `pip install`, blanks left out. Its versions before 3.10 did it in other ways. */
const POSIX_LOCAL = [
  "'purelib':'{base}/local/lib/python{py_version_short}/dist-packages',",
  "'platlib':'{platbase}/local/lib/python{py_version_short}/dist-packages',",
  "'include':'{installed_base}/include/python{py_version_short}{abiflags}',",
  "'platinclude':'{installed_platbase}/include/python{py_version_short}{abiflags}',",
  "'scripts':'{base}/local/bin',",
  "'data':'{base}/local',},",
].join('');

function hasPosixLocal(image: DetectedImage, name: string): boolean {
  const sources = ['sysconfig.py', 'sysconfig/__init__.py'].map((file) =>
    contentOf(image, `usr/lib/${name}/${file}`),
  );
  const text = sources.find((source) => source !== undefined)?.replaceAll(/\s/g, '') ?? '';
  return (
    text.includes(POSIX_LOCAL) && text.includes("os.environ.get('DEB_PYTHON_INSTALL_LAYOUT','posix_local')")
  );
}

function installedBy(
  image: DetectedImage,
  { prefix, minor, venv }: Interpreter,
  { scheme, sites: own }: Layout,
  user: UserSite | undefined,
): PythonFacts['installed'] | Unclear {
  const { index } = image;
  const library = `${prefix}/lib/python3.${minor}`;
  const outside = pythonPath(image);
  // Python looks there first.
  const sites = user?.seen ? [user.site, ...own] : own;
  // Debian's Python looks in these places of a virtual environment too.
  const odd = [`${venv}/lib/python3/dist-packages`, `${venv}/local/lib/python3.${minor}/dist-packages`];
  const oddly = venv === undefined ? undefined : odd.find((path) => index.resolve(path).entry);
  if (oddly !== undefined) return { reason: `${oddly} is in the virtual environment` };
  const others = [library, `${library}/lib-dynload`, ...outside];
  const trouble = startupTrouble(image, sites, others);
  if (trouble !== undefined) return { reason: trouble };
  const elsewhere = others
    .flatMap((path) => index.children(index.resolve(path).path).map((name) => `${path}/${name}`))
    .find((path) => /\.(?:dist-info|egg-info|egg|egg-link)$/.test(path) || /\/pip$/.test(path));
  if (elsewhere !== undefined) return { reason: `Python finds ${elsewhere} outside its site directories` };
  return installedIn(image, sites, scheme.purelib, user?.site);
}

/** Directories that PYTHONPATH adds; empty and relative ones are the working directory's affair. */
function pythonPath(image: DetectedImage): readonly string[] {
  return (variableOf(image.env, 'PYTHONPATH') ?? '').split(':').filter((path) => path.startsWith('/'));
}
