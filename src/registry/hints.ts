import { parseEcrHost } from './ecr-host.ts';

/** How to log in to a registry. */
export function loginHint(domain: string): string {
  const ecr = parseEcrHost(domain);
  if (ecr === undefined) return `Log in with: docker login ${domain === 'docker.io' ? '' : domain}`.trim();
  const service = ecr.kind === 'public' ? 'ecr-public' : 'ecr';
  return `Log in with: aws ${service} get-login-password --region ${ecr.region} | docker login --username AWS --password-stdin ${domain}`;
}

/** How to make a repository that is not there. */
export function repositoryHint(domain: string, repository: string): string {
  const ecr = parseEcrHost(domain);
  if (ecr?.kind === 'private')
    return `ECR makes no repository by itself: aws ecr create-repository --repository-name ${repository} --region ${ecr.region}`;
  return 'Create the repository first, and check the name for typing errors.';
}

/** What helps against Docker Hub's limit on pulls. */
export const HUB_LIMIT_HINT =
  'Docker Hub limits how much may be pulled, by address without a login and by account with one: docker login, or a mirror of Docker Hub.';
