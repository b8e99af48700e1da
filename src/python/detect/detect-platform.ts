import type { PythonFacts } from '../facts.ts';
import { contentOf, type DetectedImage, variableOf } from './detect-files.ts';
import type { Interpreter, Unclear } from './detect-interpreter.ts';

/** Whose packages an image is made of: dpkg's, or apk's, which Alpine has with musl and Wolfi with glibc. */
export type Distribution = 'debian' | 'apk' | undefined;

/** Debian, Alpine, Wolfi and what is made of them, by their databases of packages. */
export function distributionOf(image: DetectedImage): Distribution | Unclear {
  const debian = dpkgTexts(image).length > 0;
  const apk = apkText(image) !== undefined;
  if (debian && apk) return { reason: "the image has Debian's and Alpine's packages" };
  return debian ? 'debian' : apk ? 'apk' : undefined;
}

/** The C library that wheels must fit. */
export function libcOf(image: DetectedImage, distribution: Distribution): PythonFacts['libc'] | Unclear {
  const short = (version: string | undefined) => /^\d+\.\d+/.exec(version ?? '')?.[0];
  const glibc = distribution === 'apk' ? short(apkVersion(image, 'glibc')) : undefined;
  if (distribution === 'apk' && glibc === undefined) {
    const version = short(apkVersion(image, 'musl'));
    return version === undefined ? { reason: "musl's version is not known" } : { kind: 'musl', version };
  }
  // Programs for glibc run upon musl with gcompat's help; which of the two Python is made for is not seen here.
  if (glibc !== undefined && apkVersion(image, 'musl') !== undefined)
    return { reason: 'the image has both glibc and musl' };
  const version =
    glibc ?? (distribution === 'debian' ? short(dpkgVersion(image, 'libc6')) : libcFileVersion(image));
  return version === undefined
    ? { reason: "the C library's version is not known" }
    : { kind: 'glibc', version };
}

/** Older C libraries have their version in the name of their file. */
function libcFileVersion({ index }: DetectedImage): string | undefined {
  const directories = [
    'lib64',
    'lib',
    'usr/lib64',
    'usr/lib',
    'lib/x86_64-linux-gnu',
    'lib/aarch64-linux-gnu',
  ];
  for (const directory of directories)
    for (const name of index.children(index.resolve(directory).path)) {
      const version = /^libc-(\d+\.\d+)\.so$/.exec(name)?.[1];
      if (version !== undefined) return version;
    }
  return undefined;
}

/** The full version, `3.11.2`. */
export function versionOf(
  image: DetectedImage,
  { prefix, minor }: Interpreter,
  distribution: Distribution,
): string | Unclear {
  const text = packaged(image, prefix, minor, distribution) ?? headerVersion(image, prefix, minor);
  const fallback = prefix === '/usr/local' ? variableOf(image.env, 'PYTHON_VERSION') : undefined;
  const version = text ?? fallback;
  if (version === undefined) return { reason: `the version of ${prefix}'s Python 3.${minor} is not known` };
  if (!/^\d+\.\d+\.\d+$/.test(version) || !version.startsWith(`3.${minor}.`))
    return { reason: `${prefix}'s Python is of the version ${version}` };
  return version;
}

function headerVersion(image: DetectedImage, prefix: string, minor: number): string | undefined {
  const header = contentOf(image, `${prefix}/include/python3.${minor}/patchlevel.h`);
  return /^#define\s+PY_VERSION\s+"([^"]+)"/m.exec(header ?? '')?.[1];
}

/** The version of the distribution's own Python. */
function packaged(
  image: DetectedImage,
  prefix: string,
  minor: number,
  distribution: Distribution,
): string | undefined {
  if (prefix !== '/usr') return undefined;
  const named =
    distribution === 'debian' ? [`python3.${minor}-minimal`] : ['python3', `python-3.${minor}-base`];
  const versionOfPackage = distribution === 'debian' ? dpkgVersion : apkVersion;
  const version = named.map((name) => versionOfPackage(image, name)).find((found) => found !== undefined);
  // What follows is the package's own number; `3.14.0~rc1` stays whole and is refused.
  return version?.replace(/-[^-]*$/, '');
}

/** The version of an installed package of Debian; undefined if it is none. */
export function dpkgVersion(image: DetectedImage, name: string): string | undefined {
  for (const text of dpkgTexts(image)) {
    const at = `\n${text}`.indexOf(`\nPackage: ${name}\n`);
    if (at < 0) continue;
    const paragraph = text.slice(at).split('\n\n', 1)[0] as string;
    const status = /^Status: (.*)$/m.exec(paragraph)?.[1] ?? 'install ok installed';
    // An epoch in front is no part of the upstream version.
    if (status.endsWith(' installed')) return /^Version: (?:\d+:)?(.*)$/m.exec(paragraph)?.[1];
  }
  return undefined;
}

function dpkgTexts(image: DetectedImage): readonly string[] {
  const directory = 'var/lib/dpkg/status.d';
  const files = [
    'var/lib/dpkg/status',
    ...image.index.children(directory).map((name) => `${directory}/${name}`),
  ];
  return files
    .map((path) => contentOf(image, path))
    .filter((text) => text !== undefined && text !== '') as string[];
}

function apkText(image: DetectedImage): string | undefined {
  return contentOf(image, 'lib/apk/db/installed') ?? contentOf(image, 'usr/lib/apk/db/installed');
}

function apkVersion(image: DetectedImage, name: string): string | undefined {
  const paragraph = apkText(image)
    ?.split('\n\n')
    .find((text) => `\n${text}`.includes(`\nP:${name}\n`));
  return /^V:(.*)$/m.exec(paragraph ?? '')?.[1];
}
