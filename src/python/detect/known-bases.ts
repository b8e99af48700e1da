import type { Reference } from '../../image/reference.ts';
import type { InstallScheme, PythonFacts } from '../facts.ts';

/** What an official Python image is taken to be while its layers have not been read. Good enough to show a plan, not to build. */
export interface AssumedPython {
  readonly assumed: true;
  /** `3.11.2`, or `3.11` where the tag leaves the rest open. */
  readonly version: string;
  readonly executable: string;
  readonly cacheTag: string;
  readonly scheme: InstallScheme;
  /** Undefined where the tag leaves Debian's release open and it has changed in that version's life. */
  readonly libc: PythonFacts['libc'] | undefined;
}

/** glibc of Debian's releases. */
const DEBIAN: Readonly<Record<string, string>> = {
  buster: '2.28',
  bullseye: '2.31',
  bookworm: '2.36',
  trixie: '2.41',
};

/** Debian's release behind tags without one, in the last images of each minor version (https://github.com/docker-library/python). */
const LATEST: Readonly<Record<number, string>> = { 8: 'bookworm' };
const CURRENT = 'trixie';

const VARIANT = /^(?:slim-)?(?:buster|bullseye|bookworm|trixie)$|^slim$|^alpine(?:3\.\d+)?$|^$/;

/**
 * What is known of an official image, or of one of uv's that are made of them, by its tag: Python in /usr/local, packages in
 * site-packages.
 *
 * @returns undefined for other images, and for tags that name no minor version, such as `3`, `latest` and `3.15-rc`
 */
export function assumedFacts({ path, tag }: Reference): AssumedPython | undefined {
  const tagged = officialTag(path, tag ?? '');
  const [, version = '', minor, patch, variant = ''] = /^(3\.(\d+)(\.\d+)?)(?:-(.*))?$/.exec(tagged) ?? [];
  const name = `python3.${minor}`;
  if (!VARIANT.test(variant) || !(Number(minor) >= 8 && Number(minor) <= 14)) return undefined;
  const site = `/usr/local/lib/${name}/site-packages`;
  return {
    ...{ assumed: true, version, executable: `/usr/local/bin/${name}`, cacheTag: `cpython-3${minor}` },
    scheme: {
      ...{ purelib: site, platlib: site, headers: `/usr/local/include/${name}` },
      ...{ scripts: '/usr/local/bin', data: '/usr/local' },
    },
    libc: libcBy(variant, Number(minor), patch !== undefined),
  };
}

/** The tag of the official image that this is or is made of: `3.11-slim`; empty if it is none. */
function officialTag(path: string, tag: string): string {
  // Mirrors and pull-through caches keep a registry's path behind one of their own.
  if (/(?:^|\/)library\/python$/.test(path)) return tag;
  // uv's images name its version before Python's, and Debian's release before `slim`: `0.9-python3.11-bookworm-slim`.
  if (!/(?:^|\/)astral-sh\/uv$/.test(path)) return '';
  const [, version, variant = ''] = /^(?:[\d.]+-)?python(3\.\d+)-(.+)$/.exec(tag) ?? [];
  const reordered = variant.replace(/^(\w+)-slim$/, 'slim-$1');
  return version === undefined ? '' : `${version}-${reordered}`;
}

function libcBy(variant: string, minor: number, exact: boolean): PythonFacts['libc'] | undefined {
  if (variant.startsWith('alpine')) return { kind: 'musl', version: '1.2' };
  const named = variant.replace(/^slim-?/, '');
  const release = named !== '' ? named : exact ? undefined : (LATEST[minor] ?? CURRENT);
  const version = release === undefined ? undefined : DEBIAN[release];
  return version === undefined ? undefined : { kind: 'glibc', version };
}
