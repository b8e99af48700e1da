import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Origin } from '../lockfiles/selected.ts';
import type { FrozenInput } from './frozen.ts';
import { withoutCredentials } from './index-url.ts';

/**
 * The text of `direct_url.json` (PEP 610) as a tool writes it for what comes from no index: each has an order and a spacing of its
 * own.
 */
export function directUrlOf({ tool, lock }: FrozenInput, origin: Origin): string | undefined {
  if (origin.kind === 'files' || origin.kind === 'hashes') return undefined;
  if (tool === 'uv') return uvText(origin);
  if (tool !== 'poetry') return pipText(origin);
  // The project itself is written by another part of poetry.
  const isRoot = origin.kind === 'directory' && origin.path === posix.dirname(lock.path);
  return isRoot ? pipText(origin) : poetryText(origin);
}

type Direct = Exclude<Origin, { kind: 'files' | 'hashes' }>;

function bare(url: string): string {
  return withoutCredentials(new URL(url)).href;
}

function uvText(origin: Direct): string {
  switch (origin.kind) {
    case 'directory':
      return JSON.stringify({ url: fileUrl(origin.path), dir_info: { editable: origin.editable } });
    case 'git': {
      const { url, commit, requested, subdirectory } = origin;
      return JSON.stringify({
        url: bare(url),
        vcs_info: { vcs: 'git', commit_id: commit, requested_revision: requested },
        subdirectory,
      });
    }
    case 'url':
      return JSON.stringify({ url: bare(origin.url), archive_info: {}, subdirectory: origin.subdirectory });
  }
}

function poetryText(origin: Direct): string {
  switch (origin.kind) {
    case 'directory':
      return python({ url: fileUrl(origin.path), dir_info: origin.editable ? { editable: true } : {} });
    case 'git': {
      const { url, commit, requested, subdirectory } = origin;
      const vcs_info = { vcs: 'git', requested_revision: requested ?? null, commit_id: commit };
      return python({ url, vcs_info, ...(subdirectory ? { subdirectory } : {}) });
    }
    case 'url': {
      const { url, sha256 } = origin;
      return python({ url, archive_info: sha256 ? { hashes: { sha256 } } : {} });
    }
  }
}

/** The keys sorted. */
function pipText(origin: Direct): string {
  switch (origin.kind) {
    case 'directory':
      return python({ dir_info: origin.editable ? { editable: true } : {}, url: fileUrl(origin.path) });
    case 'git': {
      const { url, commit, subdirectory } = origin;
      // It is told the commit in place of what was asked for.
      const vcs_info = { commit_id: commit, requested_revision: commit, vcs: 'git' };
      return python({ ...(subdirectory ? { subdirectory } : {}), url: bare(url), vcs_info });
    }
    case 'url': {
      const { url, sha256, subdirectory } = origin;
      const archive_info = sha256 ? { hash: `sha256=${sha256}`, hashes: { sha256 } } : {};
      return python({ archive_info, ...(subdirectory ? { subdirectory } : {}), url: bare(url) });
    }
  }
}

function fileUrl(path: string): string {
  return pathToFileURL(path, { windows: false }).href;
}

/** As Python's json.dumps spaces it. */
function python(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}: ${python(one)}`)
    .join(', ')}}`;
}
