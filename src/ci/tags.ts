import { usageError } from '../errors.ts';
import type { SourceContext } from './context.ts';

/**
 * Expands `{sha}`, `{branch}` and `{date}` in a tag.
 *
 * `{branch}`: characters other than `[A-Za-z0-9_.-]` become `-`, cut to 128. `{date}`: UTC, YYYYMMDD.
 *
 * @throws LayerwrightError `TAG_VALUE_UNKNOWN` or `TAG_PLACEHOLDER_UNKNOWN` (2)
 */
export function expandTag(tag: string, source: Pick<SourceContext, 'sha' | 'branch'>, now: Date): string {
  const values: Record<string, string | undefined> = {
    sha: source.sha,
    branch: source.branch?.replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 128),
    date: now.toISOString().slice(0, 10).replaceAll('-', ''),
  };
  return tag.replace(/\{([^{}]*)\}/g, (placeholder, name: string) => {
    if (!Object.hasOwn(values, name))
      throw usageError(
        'TAG_PLACEHOLDER_UNKNOWN',
        `"${tag}": ${placeholder} is not known`,
        'Known: {sha}, {branch}, {date}.',
      );
    const value = values[name];
    if (value === undefined)
      throw usageError(
        'TAG_VALUE_UNKNOWN',
        `"${tag}": ${placeholder} has no value here`,
        UNKNOWN_HINTS[name],
      );
    return value;
  });
}

const UNKNOWN_HINTS: Record<string, string> = {
  sha: 'Build inside a git checkout with a commit, or set CODEBUILD_RESOLVED_SOURCE_VERSION, GITHUB_SHA or CI_COMMIT_SHA to the 40-digit commit.',
  branch:
    'The checkout is on no branch (detached HEAD) and no CI variable names one: set CODEBUILD_WEBHOOK_HEAD_REF, GITHUB_REF_NAME or CI_COMMIT_REF_NAME.',
};
