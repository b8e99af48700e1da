import { posix } from 'node:path';
import type { SourceDistribution } from '../lock.ts';
import { type Marker, parseMarker } from '../markers.ts';
import { isName, normaliseName } from '../names.ts';

/** Where a requirement comes from that is none of an index. URLs are without credentials. */
export type DirectSource =
  | SourceDistribution
  /** A wheel at a URL; 64 hex digits where they are known. */
  | { readonly kind: 'wheel'; readonly url: string; readonly sha256: string | undefined }
  /** A wheel or source archive of the image, absolute; as a pattern of the shell it stands for those that fit. */
  | { readonly kind: 'file'; readonly path: string; readonly pattern: boolean };

/** A requirement that names where it comes from. */
export interface DirectRequirement {
  /** Normalised after PEP 503; undefined where only its metadata tells it. */
  readonly name: string | undefined;
  /** Normalised, sorted, each once. */
  readonly extras: readonly string[];
  readonly source: DirectSource;
  readonly marker: Marker | undefined;
  /** As written; empty for none. */
  readonly markerText: string;
  /** `sha256:` and hex digits, or another algorithm's: of a requirements file. */
  readonly hashes: readonly string[];
  /** `requirements.txt:12`, or `inline` on the command line. */
  readonly from: string;
}

/** Why a text is no such requirement: `undefined` if it is one of an index. */
type DirectProblem = { readonly reason: string };

/**
 * Parses a requirement that names an address or a path: `name @ https://...`, `name[extra] @ git+https://...@REV ; marker`,
 * `https://.../a.whl`, `git+https://...#egg=name`, `./dir[extra]`, `file:///wheels/a.whl`.
 *
 * @param text without the options that a requirements file may have behind it
 * @param workdir what relative paths are relative to: absolute
 * @returns undefined if it names nothing of that kind; a reason where it is not taken
 */
export function parseDirect(
  text: string,
  workdir: string,
): Omit<DirectRequirement, 'hashes' | 'from'> | DirectProblem | undefined {
  const source = text.trim();
  const named = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*@\s*(.+)$/s.exec(source);
  if (named) return namedDirect(source, named, workdir);
  if (isAddress(source)) return unnamedDirect(source, source, workdir);
  if (isPath(source)) return unnamedDirect(source, source, workdir);
  return undefined;
}

const ADDRESS = /^(?:(?:git|hg|svn|bzr)\+[a-z+]+|[a-z][a-z0-9+.-]*):\/\//i;

function isAddress(text: string): boolean {
  return ADDRESS.test(text) || /^file:/i.test(text);
}

const ARCHIVE = /\.(?:zip|tar|tar\.gz|tgz|tar\.bz2|tbz|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)$/i;

/** A path as pip tells it from a name: by a dot in front, a slash, or the ending of an archive. */
function isPath(text: string): boolean {
  const [path = ''] = text.split(';');
  const plain = path.trim().replace(/\[[^\]]*\]$/, '');
  return /^\.{1,2}$|\//.test(plain) || isArchive(plain);
}

function isArchive(path: string): boolean {
  return ARCHIVE.test(path) || /\.whl$/i.test(path);
}

type Parsed = Omit<DirectRequirement, 'hashes' | 'from'>;

function namedDirect(
  source: string,
  [, name = '', extras, address = '']: RegExpExecArray,
  workdir: string,
): Parsed | DirectProblem {
  const parsed = unnamedDirect(source, address, workdir);
  if ('reason' in parsed) return parsed;
  if (parsed.extras.length > 0) return { reason: `${source} has extras behind its address` };
  const list = extrasOf(extras);
  if (list === undefined) return { reason: `"[${extras}]" is no list of extras` };
  return { ...parsed, name: normaliseName(name), extras: list };
}

function extrasOf(text: string | undefined): readonly string[] | undefined {
  if ((text ?? '').trim() === '') return [];
  const names = (text as string).split(',').map((one) => one.trim());
  return names.every(isName) ? [...new Set(names.map(normaliseName))].sort() : undefined;
}

function unnamedDirect(source: string, written: string, workdir: string): Parsed | DirectProblem {
  // A semicolon belongs to the address unless a space is before it.
  const [, place = written, markerText = ''] = /^(.*?)(?:\s+;\s*|;\s+)(.*)$/s.exec(written) ?? [];
  const marker = markerText === '' ? undefined : parseMarker(markerText.trim());
  if (markerText !== '' && marker === undefined) return { reason: `"${markerText.trim()}" is no marker` };
  const address = place.trim();
  const found = isAddress(address) ? fromAddress(address) : fromPath(address, workdir);
  if ('reason' in found) return { reason: found.reason.replaceAll('{}', withoutLogin(source)) };
  return { ...found, marker, markerText: markerText.trim() };
}

type Found = Pick<DirectRequirement, 'name' | 'extras' | 'source'>;

function fromPath(text: string, workdir: string): Found | DirectProblem {
  const [, path = text, extras] = /^(.*?)(?:\[([^\]]*)\])?$/s.exec(text) ?? [];
  const list = extrasOf(extras);
  if (list === undefined || path === '' || /[\\\s]/.test(path))
    return { reason: '{} is no path that is known' };
  const absolute = posix.resolve(workdir, path);
  return { name: nameOfFile(absolute), extras: list, source: sourceOfPath(absolute, false) };
}

/** What is at a path, by its name: pip looks whether it is a directory. */
export function sourceOfPath(path: string, editable: boolean): DirectSource {
  return isArchive(path) ? { kind: 'file', path, pattern: false } : { kind: 'directory', path, editable };
}

function nameOfFile(path: string): string | undefined {
  const file = posix.basename(path);
  return /\.whl$/i.test(file) ? normaliseName(file.split('-')[0] as string) : undefined;
}

function fromAddress(text: string): Found | DirectProblem {
  const vcs = /^([a-z]+)\+/i.exec(text)?.[1]?.toLowerCase();
  const bare = vcs === undefined ? text : text.slice(vcs.length + 1);
  if (!URL.canParse(bare)) return { reason: '{} is no address that is known' };
  const url = new URL(bare);
  const login = url.username !== '' || url.password !== '';
  if (login) return { reason: '{} holds a login, or reaches its repository by a key' };
  const fragment = fragmentOf(url);
  if ('reason' in fragment) return fragment;
  const plain = bare.replace(/#.*$/s, '');
  if (url.protocol === 'file:') return fromFileAddress(url, vcs, fragment);
  if (vcs !== undefined) return fromRepository(vcs, plain, url, fragment);
  if (url.protocol !== 'https:') return { reason: '{} is no address of https' };
  const { sha256, subdirectory, egg } = fragment;
  const common = {
    name: nameOfFile(decodeURIComponent(url.pathname)) ?? egg?.name,
    extras: egg?.extras ?? [],
  };
  if (/\.whl$/i.test(url.pathname)) return { ...common, source: { kind: 'wheel', url: plain, sha256 } };
  return { ...common, source: { kind: 'archive', url: plain, sha256, subdirectory } };
}

function fromFileAddress(url: URL, vcs: string | undefined, fragment: Fragment): Found | DirectProblem {
  if (vcs !== undefined || url.host !== '' || fragment.subdirectory !== undefined)
    return { reason: '{} is no plain path' };
  const path = decodeURIComponent(url.pathname);
  return {
    name: nameOfFile(path) ?? fragment.egg?.name,
    extras: fragment.egg?.extras ?? [],
    source: sourceOfPath(path.replace(/(?<=.)\/+$/, ''), false),
  };
}

function fromRepository(vcs: string, plain: string, url: URL, fragment: Fragment): Found | DirectProblem {
  if (vcs !== 'git' || url.protocol !== 'https:')
    return { reason: '{} is no Git repository that is reached by https' };
  const at = url.pathname.lastIndexOf('@');
  const revision = at === -1 ? undefined : decodeURIComponent(url.pathname.slice(at + 1));
  const address = at === -1 ? plain : plain.slice(0, plain.lastIndexOf('@'));
  if (revision === '') return { reason: '{} has an empty revision' };
  const { subdirectory, egg } = fragment;
  return {
    name: egg?.name,
    extras: egg?.extras ?? [],
    source: { kind: 'git', url: address, revision, subdirectory },
  };
}

interface Fragment {
  readonly egg: { readonly name: string; readonly extras: readonly string[] } | undefined;
  readonly subdirectory: string | undefined;
  readonly sha256: string | undefined;
}

/** `#egg=name[extra]&subdirectory=x&sha256=...`; anything else is not known. */
function fragmentOf(url: URL): Fragment | DirectProblem {
  const found: { egg?: Fragment['egg']; subdirectory?: string; sha256?: string } = {};
  for (const part of url.hash.slice(1).split('&')) {
    if (part === '') continue;
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    const text = decodeURIComponent(value);
    if (key === 'egg') {
      const [, name, extras] = /^([A-Za-z0-9][\w.-]*)(?:\[([^\]]*)\])?$/.exec(text) ?? [];
      const list = extrasOf(extras);
      if (name === undefined || list === undefined) return { reason: '{} has an egg that is not understood' };
      found.egg = { name: normaliseName(name), extras: list };
    } else if (
      key === 'subdirectory' &&
      /^[\w.-]+(?:\/[\w.-]+)*$/.test(text) &&
      !/(?:^|\/)\.\.(?:\/|$)/.test(text)
    )
      found.subdirectory = text;
    else if (key === 'sha256' && /^[0-9a-f]{64}$/i.test(text)) found.sha256 = text.toLowerCase();
    else return { reason: `{} has "${key}" behind its address, which is not known` };
  }
  return { egg: found.egg, subdirectory: found.subdirectory, sha256: found.sha256 };
}

/** An address without user and password, for messages. */
export function withoutLogin(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/, '//');
}
