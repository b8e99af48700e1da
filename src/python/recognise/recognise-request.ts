import { posix } from 'node:path';
import { parseDirect, withoutLogin } from '../requirements/requirement-direct.ts';
import { parseEditable } from '../requirements/requirement-file.ts';
import { parseRequirement } from '../requirements/requirement-line.ts';
import type { PipOptions } from './pip-options.ts';
import type { LocalFile, LocalProject, NotRecognised, PipRequest } from './recognise.ts';

type Requested = Pick<PipRequest, 'requirements' | 'localProjects' | 'localFiles' | 'groups'>;

/** What stands on a command line beside its options, and the options that name things to install. */
export interface RequestedWords {
  readonly positional: readonly string[];
  /** Those of them that the shell takes as patterns of file names. */
  readonly patterns: ReadonlySet<string>;
  readonly editables: readonly string[];
  /** `[PATH:]NAME`. */
  readonly groups: readonly string[];
}

/** Tells requirements, projects, files and groups apart, as pip and uv do: before anything is read. */
export function requestedOf(words: RequestedWords, cwd: string): Requested | NotRecognised {
  const other = [...words.patterns].find((text) => !words.positional.includes(text));
  if (other !== undefined) return patternReason(other);
  const requirements: string[] = [];
  const localProjects: LocalProject[] = [];
  const localFiles: LocalFile[] = [];
  for (const text of words.positional) {
    if (words.patterns.has(text)) {
      const file = patternFile(text, cwd);
      if ('reason' in file) return file;
      localFiles.push(file);
      continue;
    }
    const direct = parseDirect(text, cwd);
    if (direct === undefined) {
      const refused = refusedRequirement(text);
      if (refused) return refused;
      requirements.push(text);
      continue;
    }
    if ('reason' in direct) return { reason: `pip install: ${direct.reason}`, hint: ADDRESS_HINT };
    const { source, extras, name, markerText } = direct;
    const isLocal = source.kind === 'file' || source.kind === 'directory';
    if (!isLocal) requirements.push(text);
    else if (markerText !== '' || (name !== undefined && source.kind === 'directory'))
      return { reason: `pip install: "${text}" names a path with more than extras` };
    else if (source.kind === 'file') localFiles.push({ path: source.path, pattern: false, extras });
    else localProjects.push({ path: source.path, extras, editable: false });
  }
  for (const text of words.editables) {
    const parsed = parseEditable(text, cwd);
    if ('reason' in parsed)
      return { reason: `pip install: ${parsed.reason}`, hint: 'Without -e it would be composed.' };
    if (parsed.source.kind === 'directory')
      localProjects.push({ path: parsed.source.path, extras: parsed.extras, editable: true });
  }
  const groups = groupsOf(words.groups, cwd);
  return 'reason' in groups ? groups : { requirements, localProjects, localFiles, groups };
}

const ADDRESS_HINT = 'A version from a package index would be composed.';

/** Why a word is not taken that the shell replaces by names of files. */
export function patternReason(text: string): NotRecognised {
  return {
    reason: `the command holds a pattern of file names ("${withoutLogin(text)}")`,
    hint: 'Name the files, or quote what is no pattern.',
  };
}

/** Files that the shell puts in: only what cannot be the name of something else. */
function patternFile(text: string, cwd: string): LocalFile | NotRecognised {
  if (/[\s\\{}~]|:\/\//.test(text) || !/\/|\.whl$|\.tar\.gz$/.test(text)) return patternReason(text);
  return { path: posix.resolve(cwd, text), pattern: true, extras: [] };
}

function refusedRequirement(text: string): NotRecognised | undefined {
  const parsed = parseRequirement(text);
  if ('reason' in parsed) return { reason: `pip install: ${parsed.reason}`, hint: ADDRESS_HINT };
  if ('invalid' in parsed) return { reason: `pip install: ${parsed.invalid}` };
  return undefined;
}

function groupsOf(texts: readonly string[], cwd: string): PipRequest['groups'] | NotRecognised {
  const groups: { path: string; name: string }[] = [];
  for (const text of texts) {
    const [, path = 'pyproject.toml', name] = /^(?:(.+):)?([A-Za-z0-9][\w.-]*)$/.exec(text) ?? [];
    if (name === undefined || posix.basename(path) !== 'pyproject.toml')
      return { reason: `"${text}" is no dependency group of a pyproject.toml` };
    groups.push({ path: posix.resolve(cwd, path), name });
  }
  return groups;
}

/** True if nothing at all is asked for. */
export function asksNothing(
  request: Pick<
    PipRequest,
    'requirements' | 'requirementFiles' | 'localProjects' | 'localFiles' | 'groups' | 'dependenciesOf'
  >,
): boolean {
  const { requirements, requirementFiles, localProjects, localFiles, groups, dependenciesOf } = request;
  return [requirements, requirementFiles, localProjects, localFiles, groups, dependenciesOf].every(
    ({ length }) => length === 0,
  );
}

/** Of the options those that say where files come from. */
export function indexesOf({
  indexUrl,
  extraIndexUrls,
  trustedHosts,
}: PipOptions): Pick<PipOptions, 'indexUrl' | 'extraIndexUrls' | 'trustedHosts'> {
  return { indexUrl, extraIndexUrls, trustedHosts };
}

/** True if the file is a lock after PEP 751 by its name. */
export function isPylock(path: string): boolean {
  return /(?:^|\/)pylock(?:\.[^./]+)?\.toml$/.test(path);
}

/** pip passes over an index in plain HTTP unless its host is trusted; an index of the image's files is not reached. */
export function refusedIndex(options: PipOptions): NotRecognised | undefined {
  for (const index of [options.indexUrl ?? [], options.extraIndexUrls].flat()) {
    const url = URL.canParse(index) ? new URL(index) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      return { reason: 'an index that is no web address' };
    const { hostname, host } = url;
    const trusted = [hostname, host].some((name) => options.trustedHosts.includes(name));
    // uv takes it all the same.
    if (options.indexStrategy !== undefined) continue;
    if (url.protocol === 'http:' && !trusted && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
      return {
        reason: `the index at ${host} is plain HTTP and its host is not trusted, so pip passes over it`,
        hint: `Give --trusted-host ${hostname}, or use https.`,
      };
  }
  return undefined;
}
