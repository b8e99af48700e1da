import type { Host } from '../host/host.ts';
import { type CiEvent, type CiFacts, type CiName, COMMIT, PROVIDERS, pageOf } from './providers.ts';

/** What is known of the source that is being built, and of why it is built. */
export interface SourceContext {
  /** The CI service; `none` on a machine that is none. */
  readonly provider: CiName | 'none';
  /** 40 hex digits. */
  readonly sha: string | undefined;
  readonly branch: string | undefined;
  readonly tag: string | undefined;
  readonly event: CiEvent;
  /** The number of the pull or merge request that is built. */
  readonly pullRequest: string | undefined;
  /** By the CI's event alone, never by what is in the checkout. */
  readonly trust: 'trusted' | 'untrusted';
  /** Page of the repository, without credentials. */
  readonly repositoryUrl: string | undefined;
  /** When the commit was made, in seconds since 1970; undefined without a git checkout of that commit. */
  readonly commitSeconds: number | undefined;
}

/**
 * Commit, branch, event and trust: the CI's own variables first (AWS CodeBuild, GitHub Actions, GitLab CI), then git.
 *
 * @param directory where git is asked, normally the build context
 */
export async function sourceContext(host: Host, directory: string): Promise<SourceContext> {
  const ci = ciContext(host.env);
  const ask = (...args: string[]) => git(host, directory, args);
  const [head, branch, remote, seconds] = await Promise.all([
    ci.sha ?? ask('rev-parse', '--verify', '--quiet', 'HEAD'),
    // Empty on a detached HEAD, where there is no branch to speak of.
    ci.branch ?? ask('symbolic-ref', '--short', '--quiet', 'HEAD'),
    ci.repositoryUrl === undefined ? ask('config', '--get', 'remote.origin.url') : undefined,
    ask('show', '--no-patch', '--format=%ct', ...(ci.sha === undefined ? [] : [ci.sha])),
  ]);
  return {
    ...ci,
    sha: head !== undefined && COMMIT.test(head) ? head : undefined,
    branch,
    repositoryUrl: ci.repositoryUrl ?? pageOf(remote),
    commitSeconds: seconds !== undefined && /^\d+$/.test(seconds) ? Number(seconds) : undefined,
  };
}

/** What the environment alone says. Pure. */
export function ciContext(env: NodeJS.ProcessEnv): Omit<SourceContext, 'commitSeconds'> {
  const names = Object.keys(PROVIDERS) as CiName[];
  const provider = names.find((name) => PROVIDERS[name].isHere(env));
  const facts: CiFacts =
    provider === undefined ? { event: 'manual', trust: 'trusted' } : PROVIDERS[provider].read(env);
  return {
    provider: provider ?? 'none',
    sha: facts.sha,
    branch: facts.branch,
    tag: facts.tag,
    event: facts.event,
    pullRequest: facts.pullRequest,
    trust: facts.trust,
    repositoryUrl: facts.repositoryUrl,
  };
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
