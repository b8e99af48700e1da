import { parseToml, type Table, tableAt, tablesOf, textOf } from '../../lockfiles/documents.ts';
import {
  type Netrc,
  type NetrcLogin,
  variableLogin,
  withLogin,
  withNetrcLogin,
} from '../../python/recognise/netrc.ts';
import type { PipOptions } from '../../python/recognise/pip-options.ts';

type Indexes = Pick<PipOptions, 'indexUrl' | 'extraIndexUrls'>;

/** Options whose indexes have the logins of a netrc file. */
export function withLogins<T extends Indexes>(options: T, netrc: Netrc | undefined): T {
  return netrc === undefined ? options : mapped(options, (url) => withNetrcLogin(url, netrc));
}

/** A project that names indexes, and what tells their logins. */
export interface ProjectIndexes {
  readonly tool: 'uv' | 'poetry' | 'pip' | 'pipenv';
  /** The text of pyproject.toml, or of Pipfile; undefined if it is not known. */
  readonly project: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly netrc: Netrc | undefined;
}

/**
 * Options with the logins of a netrc file and of the tool's own variables (`UV_INDEX_<NAME>_PASSWORD`,
 * `POETRY_HTTP_BASIC_<NAME>_PASSWORD`); indexes of the project that have one are among them.
 */
export function withProjectLogins<T extends Indexes>(options: T, from: ProjectIndexes): T {
  const own = indexesOf(from);
  const logged = own.map(({ url, login }) => (login === undefined ? url : withLogin(url, login)));
  const { netrc } = from;
  const all = netrc === undefined ? logged : logged.map((url) => withNetrcLogin(url, netrc));
  const named = new Map(all.map((url, at) => [bare(own[at]?.url ?? ''), url]));
  const known = withLogins(
    mapped(options, (url) => (hasLogin(url) ? url : (named.get(bare(url)) ?? url))),
    netrc,
  );
  const there = [known.indexUrl ?? '', ...known.extraIndexUrls].map(bare);
  const added = all.filter((url) => hasLogin(url) && !there.includes(bare(url)));
  return { ...known, extraIndexUrls: [...known.extraIndexUrls, ...added] };
}

interface NamedIndex {
  readonly url: string;
  readonly login: NetrcLogin | undefined;
}

function indexesOf({ tool, project, env }: ProjectIndexes): readonly NamedIndex[] {
  const document = project === undefined ? undefined : parseToml(project);
  return SOURCES[tool](document).flatMap((one) => {
    const url = textOf(one.url);
    if (url === undefined || !/^https?:/.test(url) || !URL.canParse(url)) return [];
    const name = textOf(one.name);
    const prefix = PREFIXES[tool];
    const isNamed = prefix !== undefined && name !== undefined;
    return [{ url, login: isNamed ? variableLogin(prefix, name, env) : undefined }];
  });
}

/** Where a tool's project names its indexes. */
const SOURCES: Readonly<Record<ProjectIndexes['tool'], (document: Table | undefined) => readonly Table[]>> = {
  uv: (document) => tablesOf(tableAt(document, 'tool', 'uv').index),
  poetry: (document) => tablesOf(tableAt(document, 'tool', 'poetry').source),
  pipenv: (document) => tablesOf(document?.source),
  pip: () => [],
};

const PREFIXES: Readonly<Record<string, string>> = { uv: 'UV_INDEX_', poetry: 'POETRY_HTTP_BASIC_' };

function mapped<T extends Indexes>(options: T, change: (url: string) => string): T {
  const { indexUrl, extraIndexUrls } = options;
  return {
    ...options,
    indexUrl: indexUrl === undefined ? undefined : change(indexUrl),
    extraIndexUrls: extraIndexUrls.map(change),
  };
}

function hasLogin(url: string): boolean {
  return URL.canParse(url) && (new URL(url).username !== '' || new URL(url).password !== '');
}

/** Without a login, to compare by. */
function bare(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/+$/, '');
}
