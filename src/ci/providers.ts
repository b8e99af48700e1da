/** Why a build runs, in words that all CI services share. */
export type CiEvent = 'push' | 'tag' | 'pull-request' | 'schedule' | 'manual' | 'other';

/** What a CI service says of the build by its environment; undefined is what it does not say. */
export interface CiFacts {
  /** 40 hex digits. */
  readonly sha?: string | undefined;
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  readonly event: CiEvent;
  /** The number of the pull or merge request that is built. */
  readonly pullRequest?: string | undefined;
  /** Page of the repository, without credentials. */
  readonly repositoryUrl?: string | undefined;
  /**
   * Whether whoever wrote the source may write to the repository. Only events that need that right are trusted: an event
   * that we do not know is not.
   */
  readonly trust: 'trusted' | 'untrusted';
}

/** One CI service. */
interface CiProvider {
  readonly isHere: (env: NodeJS.ProcessEnv) => boolean;
  readonly read: (env: NodeJS.ProcessEnv) => CiFacts;
}

/** CI services by name. Sources: AWS CodeBuild User Guide, "Environment variables in build environments"; GitHub Docs, "Variables reference"; GitLab Docs, "Predefined CI/CD variables reference". */
export const PROVIDERS = {
  codebuild: {
    isHere: (env) => Boolean(env.CODEBUILD_BUILD_ID ?? env.CODEBUILD_RESOLVED_SOURCE_VERSION),
    read: codebuild,
  },
  github: { isHere: (env) => env.GITHUB_ACTIONS === 'true' || Boolean(env.GITHUB_SHA), read: github },
  gitlab: { isHere: (env) => env.GITLAB_CI === 'true' || Boolean(env.CI_COMMIT_SHA), read: gitlab },
} as const satisfies Record<string, CiProvider>;

export type CiName = keyof typeof PROVIDERS;

function codebuild(env: NodeJS.ProcessEnv): CiFacts {
  // `branch/NAME`, `tag/NAME` or `pr/NUMBER`; without a webhook only the source version can be a pull request.
  const [, kind = '', name = ''] =
    /^(branch|tag|pr)\/(.+)$/.exec(env.CODEBUILD_WEBHOOK_TRIGGER ?? env.CODEBUILD_SOURCE_VERSION ?? '') ?? [];
  const headRef = env.CODEBUILD_WEBHOOK_HEAD_REF;
  const isPullRequest = kind === 'pr';
  return {
    // For a source in S3 this is an object version.
    sha: commitOrNone(env.CODEBUILD_RESOLVED_SOURCE_VERSION),
    branch: headRef?.replace(/^refs\/(?:heads|tags)\//, '') || (kind === 'branch' ? name : undefined),
    tag: kind === 'tag' ? name : undefined,
    event: isPullRequest ? 'pull-request' : kind === 'tag' ? 'tag' : kind === 'branch' ? 'push' : 'manual',
    pullRequest: isPullRequest ? name : undefined,
    repositoryUrl: pageOf(env.CODEBUILD_SOURCE_REPO_URL),
    trust: isPullRequest ? 'untrusted' : 'trusted',
  };
}

/** Events that only somebody with write access can cause; the others may run what a stranger wrote. */
const EVENTS_OF_WRITERS: Readonly<Record<string, CiEvent>> = {
  push: 'push',
  merge_group: 'push',
  create: 'push',
  release: 'tag',
  schedule: 'schedule',
  workflow_dispatch: 'manual',
  repository_dispatch: 'manual',
  deployment: 'manual',
};

function github(env: NodeJS.ProcessEnv): CiFacts {
  const name = env.GITHUB_EVENT_NAME ?? 'push';
  const event = EVENTS_OF_WRITERS[name];
  const isTag = env.GITHUB_REF_TYPE === 'tag';
  const isPullRequest = name.startsWith('pull_request');
  return {
    sha: commitOrNone(env.GITHUB_SHA),
    branch: env.GITHUB_HEAD_REF || env.GITHUB_REF_NAME || undefined,
    tag: isTag ? env.GITHUB_REF_NAME : undefined,
    event: isPullRequest ? 'pull-request' : isTag && event === 'push' ? 'tag' : (event ?? 'other'),
    pullRequest: isPullRequest ? /^refs\/pull\/(\d+)\//.exec(env.GITHUB_REF ?? '')?.[1] : undefined,
    repositoryUrl:
      env.GITHUB_SERVER_URL && env.GITHUB_REPOSITORY
        ? `${env.GITHUB_SERVER_URL}/${env.GITHUB_REPOSITORY}`
        : undefined,
    trust: event === undefined ? 'untrusted' : 'trusted',
  };
}

const SOURCES_OF_WRITERS: Readonly<Record<string, CiEvent>> = {
  push: 'push',
  schedule: 'schedule',
  web: 'manual',
  webide: 'manual',
  api: 'manual',
  trigger: 'manual',
  pipeline: 'manual',
  parent_pipeline: 'other',
  chat: 'manual',
};

function gitlab(env: NodeJS.ProcessEnv): CiFacts {
  const source = env.CI_PIPELINE_SOURCE ?? 'push';
  const event = SOURCES_OF_WRITERS[source];
  const pullRequest = env.CI_MERGE_REQUEST_IID ?? env.CI_EXTERNAL_PULL_REQUEST_IID;
  return {
    sha: commitOrNone(env.CI_COMMIT_SHA),
    branch: env.CI_MERGE_REQUEST_SOURCE_BRANCH_NAME || env.CI_COMMIT_REF_NAME || undefined,
    tag: env.CI_COMMIT_TAG || undefined,
    event: pullRequest ? 'pull-request' : env.CI_COMMIT_TAG ? 'tag' : (event ?? 'other'),
    pullRequest,
    repositoryUrl: pageOf(env.CI_PROJECT_URL),
    // A child pipeline of a merge request has the merge request's variables.
    trust: pullRequest || event === undefined ? 'untrusted' : 'trusted',
  };
}

function commitOrNone(text: string | undefined): string | undefined {
  return text !== undefined && COMMIT.test(text) ? text : undefined;
}

/** A commit's id in full. */
export const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The page of a repository that is named as git does: `https://host/path`, without login and `.git`.
 *
 * @returns undefined for what has no page, e.g. a path
 */
export function pageOf(remote: string | undefined): string | undefined {
  if (remote === undefined) return undefined;
  const [, host, path] =
    /^(?:https?|ssh|git):\/\/(?:[^/@]*@)?([^/:]+(?::\d+)?)\/(.+?)(?:\.git)?\/?$/.exec(remote) ??
    /^[^/@:]+@([^/:]+):(.+?)(?:\.git)?\/?$/.exec(remote) ??
    [];
  return host && path ? `https://${host}/${path}` : undefined;
}
