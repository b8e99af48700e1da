import type { PathEntry } from '../../src/image/path-entry.ts';
import { emptyIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { type DetectedImage, isWanted } from '../../src/python/detect/detect-files.ts';

/** Paths with their content; `-> target` is a link, a path with a slash at its end a directory. */
export type Files = Readonly<Record<string, string | undefined>>;

/** An image of these files; what a scan would not keep has no content. A path whose value is undefined is left out. */
export function imageOf(files: Files, env: readonly string[] = []): DetectedImage {
  const present = Object.entries(files).filter((file): file is [string, string] => file[1] !== undefined);
  const contents = new Map<string, string>();
  const entries = present.map(([path, text]): PathEntry => {
    const facts = { path: path.replace(/\/$/, ''), uid: 0, gid: 0, size: 0, link: '', mode: 0o755 };
    if (path.endsWith('/')) return { ...facts, type: 'directory' };
    if (text.startsWith('-> ')) return { ...facts, type: 'symlink', link: text.slice(3) };
    if (isWanted(path)) contents.set(path, text);
    return { ...facts, type: 'file', size: text.length, mode: path.includes('bin/') ? 0o755 : 0o644 };
  });
  return { index: withLayer(emptyIndex(), entries), contents, architecture: 'amd64', env };
}

/** pip's launcher. */
export const launcher = (interpreter: string) =>
  [
    `#!${interpreter}`,
    '# -*- coding: utf-8 -*-',
    'import re',
    'import sys',
    'from pip._internal.cli.main import main',
    "if __name__ == '__main__':",
    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])",
    '    sys.exit(main())',
    '',
  ].join('\n');

const DPKG =
  'Package: libc6-dev\nStatus: deinstall ok config-files\nVersion: 9\n\nPackage: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u7\n\n';

/** `name-version` as an installed distribution in a directory. */
export function distribution(directory: string, name: string, version: string): Files {
  const base = `${directory}/${name}-${version}.dist-info`;
  return {
    [`${base}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n\nName: not this\n`,
    [`${base}/RECORD`]: '',
  };
}

export const SITE = 'usr/local/lib/python3.12/site-packages';

/** As `python:3.12-slim` has it. */
export const OFFICIAL: Files = {
  'usr/local/bin/python': '-> python3',
  'usr/local/bin/python3': '-> python3.12',
  'usr/local/bin/python3.12': 'ELF',
  'usr/local/bin/pip': launcher('/usr/local/bin/python3.12'),
  'usr/local/include/python3.12/patchlevel.h':
    '#define PY_MAJOR_VERSION 3\n#define PY_VERSION      \t"3.12.7"\n',
  'usr/local/lib/python3.12/os.py': '',
  [`${SITE}/README.txt`]: '',
  ...distribution(SITE, 'pip', '24.2'),
  'var/lib/dpkg/status': DPKG,
  'usr/bin/env': 'ELF',
};

const POSIX_LOCAL = `
    'posix_local': {
        'stdlib': '{installed_base}/lib/python{py_version_short}',
        'purelib': '{base}/local/lib/python{py_version_short}/dist-packages',
        'platlib': '{platbase}/local/lib/python{py_version_short}/dist-packages',
        'include':
            '{installed_base}/include/python{py_version_short}{abiflags}',
        'platinclude':
            '{installed_platbase}/include/python{py_version_short}{abiflags}',
        'scripts': '{base}/local/bin',
        'data': '{base}/local',
        },
        deb_build = os.environ.get('DEB_PYTHON_INSTALL_LAYOUT', 'posix_local')
`;

const DEBIAN_SITE = 'usr/lib/python3/dist-packages';

/** As Debian 12 with its own python3 and python3-pip has it. */
export const DEBIAN: Files = {
  bin: '-> usr/bin',
  'usr/bin/python3': '-> python3.11',
  'usr/bin/python3.11': 'ELF',
  'usr/bin/pip': launcher('/usr/bin/python3').replaceAll("'", '"'),
  'usr/lib/python3.11/os.py': '',
  'usr/lib/python3.11/sysconfig.py': POSIX_LOCAL,
  'usr/lib/python3.11/sitecustomize.py': '-> /etc/python3.11/sitecustomize.py',
  'etc/python3.11/sitecustomize.py':
    '# install the apport exception handler if available\ntry:\n    import apport_python_hook\nexcept ImportError:\n    pass\nelse:\n    apport_python_hook.install()\n',
  'usr/lib/python3.11/EXTERNALLY-MANAGED': '[externally-managed]\n',
  ...distribution(DEBIAN_SITE, 'pip', '23.0.1'),
  [`${DEBIAN_SITE}/wheel-0.38.4.egg-info/PKG-INFO`]: 'Name: Wheel_\nVersion: 0.38.4\n'.replace('_', ''),
  'var/lib/dpkg/status': `${DPKG}Package: python3.11-minimal\nStatus: install ok installed\nVersion: 3.11.2-6+deb12u3\n`,
};

/** A virtual environment of the official image. */
export const VENV: Files = {
  'opt/venv/bin/python': '-> /usr/local/bin/python',
  'opt/venv/bin/python3': '-> python',
  'opt/venv/bin/pip': launcher('/opt/venv/bin/python'),
  'opt/venv/pyvenv.cfg':
    'home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.12.7\nexecutable = /usr/local/bin/python3.12\n',
  ...distribution('opt/venv/lib/python3.12/site-packages', 'pip', '24.1'),
};
