import { normalPlatform, type Platform } from '../dockerfile/platform.ts';
import { type ImageFacts, withLayerFacts } from '../facts/image-facts.ts';
import type { PathEntry } from '../image/path-entry.ts';
import { emptyIndex } from '../image/path-index.ts';
import type { Reference } from '../image/reference.ts';
import { type AssumedPython, assumedFacts } from '../python/detect/known-bases.ts';
import type { GivenImage } from './state.ts';

const PATH = 'PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * An image of which nothing was read, as its name lets expect: an official Python image has a Python and pip where its tag says,
 * of any other one nothing is known. Good enough to show a plan, never to build.
 */
export function assumedImage(reference: Reference, platform: Platform): GivenImage {
  const python = assumedFacts(reference);
  const { os, architecture, variant } = normalPlatform(platform);
  return {
    image: `${reference.domain}/${reference.path}`,
    config: {
      ...{ os, architecture, ...(variant ? { variant } : {}) },
      config: { Env: [PATH] },
      rootfs: { type: 'layers', diff_ids: [] },
      history: [],
    },
    layers: [],
    files: python === undefined ? nothing(architecture, os) : filesOf(python, architecture, os),
    below: undefined,
    assumed: true,
  };
}

function nothing(architecture: string, os: string): ImageFacts {
  return { layers: [], architecture, os, index: emptyIndex(), contents: new Map() };
}

/** What the reading of Python's facts looks at, and nothing else. */
function filesOf(python: AssumedPython, architecture: string, os: string): ImageFacts {
  const { executable, scheme } = python;
  const version = /^\d+\.\d+\.\d+$/.test(python.version) ? python.version : `${python.version}.0`;
  const library = scheme.purelib.replace(/\/[^/]+$/, '');
  const libc = python.libc ?? { kind: 'glibc', version: '2.36' };
  const packages: readonly [string, string] =
    libc.kind === 'musl'
      ? ['/lib/apk/db/installed', `P:musl\nV:${libc.version}.0-r0\n\n`]
      : [
          '/var/lib/dpkg/status',
          `Package: libc6\nStatus: install ok installed\nVersion: ${libc.version}-1\n\n`,
        ];
  const texts = new Map([
    [executable, ''],
    [`${scheme.scripts}/pip`, pipLauncher(executable)],
    [`${scheme.headers}/patchlevel.h`, `#define PY_VERSION "${version}"\n`],
    [`${library}/os.py`, ''],
    ['/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\n'],
    ['/etc/group', 'root:x:0:\n'],
    ...['sh', 'mkdir', 'chmod', 'chown'].map((name) => [`/bin/${name}`, ''] as const),
    packages,
  ]);
  const links = ['python', 'python3', 'pip3'].map(
    (name): PathEntry => ({
      ...plain(`${scheme.scripts}/${name}`),
      type: 'symlink',
      link: name === 'pip3' ? 'pip' : executable,
    }),
  );
  const files = [...texts].map(
    ([path, text]): PathEntry => ({ ...plain(path), mode: 0o755, size: Buffer.byteLength(text) }),
  );
  const paths = [...texts.keys(), `${scheme.purelib}/`, '/root/', '/tmp/', '/srv/', '/opt/', '/home/'];
  const directories = [...new Set(paths.flatMap(directoriesAbove))]
    .sort()
    .map((path): PathEntry => ({ ...plain(path), type: 'directory', mode: 0o755 }));
  const contents = new Map([...texts].map(([path, text]) => [path.slice(1), Buffer.from(text)]));
  return withLayerFacts(nothing(architecture, os), {
    entries: [...directories, ...files, ...links],
    diffId: '',
    contents,
  });
}

/** As pip writes its own. */
function pipLauncher(executable: string): string {
  return `#!${executable}\nimport sys\nfrom pip._internal.cli.main import main\nif __name__ == '__main__':\n    sys.exit(main())\n`;
}

function plain(path: string): PathEntry {
  return { path: path.slice(1), type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, link: '' };
}

/** `/a`, `/a/b` of `/a/b/c`. */
function directoriesAbove(path: string): readonly string[] {
  const parts = path.slice(1).split('/').slice(0, -1);
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`);
}
