import type { Host } from '../host/host.ts';

/** What is known of the source that is being built. */
export interface SourceContext {
  /** 40 hex digits. */
  readonly sha: string | undefined;
  readonly branch: string | undefined;
}

const SHA = /^[0-9a-f]{40}$/;

/**
 * The commit and branch: the CI's own variables first (AWS CodeBuild, GitHub Actions, GitLab CI), then git.
 *
 * @param directory where git is asked, normally the build context
 */
export async function sourceContext(host: Host, directory: string): Promise<SourceContext> {
  const fromCi = ciSource(host.env);
  if (fromCi.sha !== undefined && fromCi.branch !== undefined) return fromCi;
  const [sha, branch] = await Promise.all([
    fromCi.sha ?? git(host, directory, ['rev-parse', '--verify', '--quiet', 'HEAD']),
    // Empty on a detached HEAD, where there is no branch to speak of.
    fromCi.branch ?? git(host, directory, ['symbolic-ref', '--short', '--quiet', 'HEAD']),
  ]);
  return { sha: sha !== undefined && SHA.test(sha) ? sha : undefined, branch };
}

/** Commit and branch as the CI's environment names them. Pure. */
export function ciSource(env: NodeJS.ProcessEnv): SourceContext {
  // CODEBUILD_RESOLVED_SOURCE_VERSION is a commit only for git sources; for S3 it is an object version.
  const sha = [env.CODEBUILD_RESOLVED_SOURCE_VERSION, env.GITHUB_SHA, env.CI_COMMIT_SHA].find(
    (value) => value !== undefined && SHA.test(value),
  );
  const branch =
    env.CODEBUILD_WEBHOOK_HEAD_REF?.replace(/^refs\/(?:heads|tags)\//, '') ||
    env.GITHUB_HEAD_REF ||
    env.GITHUB_REF_NAME ||
    env.CI_COMMIT_REF_NAME ||
    undefined;
  return { sha, branch };
}

async function git(host: Host, directory: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const result = await host.run(['git', '-C', directory, ...args], { env: host.env, signal: host.signal });
    const text = result.stdout.trim();
    return result.exitCode === 0 && text !== '' ? text : undefined;
  } catch (error) {
    // No git on this machine is the same as no repository here: the value is not known.
    if ((error as { code?: string }).code === 'PROGRAM_NOT_FOUND') return undefined;
    throw error;
  }
}
