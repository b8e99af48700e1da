import { resolve } from 'node:path';
import { type SourceContext, sourceContext } from '../../ci/context.ts';
import type { CiName } from '../../ci/providers.ts';
import { expandTag } from '../../ci/tags.ts';
import { parseReference } from '../../image/reference.ts';
import { count } from '../../report/format.ts';
import { gatherBuildFacts, isRemote } from '../build-facts.ts';
import { type Finding, ok, type Patient, type Skipped, skipped, warning } from './check.ts';

/** Flags, variables and file. */
export async function checkConfiguration({ configuration, configurationError }: Patient): Promise<Finding> {
  if (configurationError !== undefined) throw configurationError;
  const [first, ...more] = configuration.warnings;
  if (first !== undefined)
    return warning(`${first}${more.length > 0 ? ` (and ${count(more.length, 'more warning')})` : ''}`);
  const given = configuration.settings.filter(({ origin }) => origin.from !== 'default').length;
  return ok(`${configuration.file ?? 'no layerwright.yml'}, ${count(given, 'setting')}`);
}

const SERVICES: Readonly<Record<CiName, string>> = {
  codebuild: 'AWS CodeBuild',
  github: 'GitHub Actions',
  gitlab: 'GitLab CI',
};

/** Which CI this is, and what it says of the build. */
export async function checkCi({ host, request }: Patient): Promise<Finding> {
  const source = await sourceOf({ host, request });
  const service = source.provider === 'none' ? 'no CI service' : SERVICES[source.provider];
  const what = source.pullRequest === undefined ? source.event : `${source.event} ${source.pullRequest}`;
  const found = [
    service,
    ...(source.provider === 'none' ? [] : [what]),
    source.branch === undefined ? 'no branch' : `branch ${source.branch}`,
    source.sha === undefined ? 'no commit' : `commit ${source.sha.slice(0, 12)}`,
    ...(source.provider === 'none' ? [] : [source.trust]),
  ].join(', ');
  return source.provider !== 'none' && source.sha === undefined
    ? warning(found, 'The source is no git checkout: {sha} has no value in tags. Give them without it.')
    : ok(found);
}

function sourceOf({ host, request }: Pick<Patient, 'host' | 'request'>): Promise<SourceContext> {
  return sourceContext(host, isRemote(request.context) ? host.cwd : resolve(host.cwd, request.context));
}

/** Found, parsed, with the stage that is to be built. */
export async function checkDockerfile({ host, request }: Patient): Promise<Finding | Skipped> {
  if (isRemote(request.context)) return skipped('the context is not on this machine');
  const { dockerfile, target } = await gatherBuildFacts(host, { ...request, tags: [] });
  if (dockerfile === undefined || target === undefined)
    return skipped(
      'BuildKit alone reads it: its frontend is not the standard one, or it comes by standard input',
    );
  return ok(
    `${dockerfile.path}, ${count(dockerfile.stages.length, 'stage')}, builds ${target.name ?? `stage ${target.index}`}`,
  );
}

/** Names of the image, with their placeholders filled in. */
export async function checkTags({ host, request }: Patient): Promise<Finding | Skipped> {
  if (request.tags.length === 0) return skipped('the image has no name (-t)');
  const source = await sourceOf({ host, request });
  const names = request.tags.map((tag) => expandTag(tag, source, host.clock.now()));
  for (const name of names) parseReference(name);
  return ok(names.join(', '));
}
