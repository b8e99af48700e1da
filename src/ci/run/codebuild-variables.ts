import { basename } from 'node:path';
import type { Host } from '../../host/host.ts';

/** What is known of the source that is built. */
export interface Source {
  /** The commit; undefined outside a git checkout. */
  readonly commit: string | undefined;
  readonly branch: string | undefined;
  /** Where the checkout came from, without credentials. */
  readonly repositoryUrl: string | undefined;
}

/** What makes this build different from any other. */
export interface BuildIdentity {
  readonly id: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** Asks git about the source directory. A machine without git is the same as no checkout. */
export async function readSource(host: Host): Promise<Source> {
  const [commit, branch, url] = await Promise.all([
    git(host, ['rev-parse', '--verify', '--quiet', 'HEAD']),
    git(host, ['symbolic-ref', '--short', '--quiet', 'HEAD']),
    git(host, ['remote', 'get-url', 'origin']),
  ]);
  return { commit, branch, repositoryUrl: url?.replace(/^(\w+:\/\/)[^/@]*@/, '$1') };
}

async function git(host: Host, args: readonly string[]): Promise<string | undefined> {
  try {
    const result = await host.run(['git', '-C', host.cwd, ...args], { env: host.env, signal: host.signal });
    const text = result.stdout.trim();
    return result.exitCode === 0 && text !== '' ? text : undefined;
  } catch (error) {
    if ((error as { code?: string }).code === 'PROGRAM_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * The variables that CodeBuild sets (AWS CodeBuild User Guide, "Environment variables in build environments"). Those that say
 * what is built are taken over from the caller's environment, if it has them: a run may stand in for another build.
 *
 * @param uuid of this run, in place of the one that CodeBuild would give
 */
export function codebuildVariables(
  env: NodeJS.ProcessEnv,
  directory: string,
  source: Source,
  started: Date,
  uuid: string,
): BuildIdentity {
  const project = basename(directory).replace(/[^A-Za-z0-9_-]/g, '-') || 'project';
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined;
  const id = `${project}:${uuid}`;
  const own = {
    CI: 'true',
    CODEBUILD_BUILD_ARN: `arn:aws:codebuild:${region ?? 'local'}:000000000000:build/${id}`,
    CODEBUILD_BUILD_ID: id,
    CODEBUILD_BUILD_SUCCEEDING: '1',
    CODEBUILD_SRC_DIR: directory,
    CODEBUILD_START_TIME: String(started.getTime()),
    CODEBUILD_LOG_PATH: uuid,
    ...(region !== undefined && { AWS_REGION: region, AWS_DEFAULT_REGION: env.AWS_DEFAULT_REGION || region }),
  };
  const takenOver = {
    CODEBUILD_BUILD_IMAGE: 'local',
    CODEBUILD_BUILD_NUMBER: '1',
    CODEBUILD_INITIATOR: env.USER || env.LOGNAME || 'layerwright',
    CODEBUILD_RESOLVED_SOURCE_VERSION: source.commit,
    CODEBUILD_SOURCE_VERSION: source.branch ?? source.commit,
    CODEBUILD_SOURCE_REPO_URL: source.repositoryUrl,
  };
  const others = Object.entries(takenOver).flatMap(([name, value]) => {
    const chosen = env[name] || value;
    return chosen === undefined ? [] : [[name, chosen] as const];
  });
  return { id, variables: { ...Object.fromEntries(others), ...own } };
}
