import type { CacheLook } from '../cache/layer-cache.ts';
import type { SourceContext } from '../ci/context.ts';
import { sourceLabels } from '../ci/labels.ts';
import { isSecretName } from '../config/mask.ts';
import type { BuildxCall } from '../engine/buildx.ts';
import { usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import type { GatheredFacts } from './build-facts.ts';
import type { BuildRequest } from './build-request.ts';
import { type StageDirectory, stageContexts } from './stage-directories.ts';

/** Values of build arguments that are credentials by their name, and the logins in URLs. */
export function secretArguments(host: Host, { passed }: BuildRequest): readonly string[] {
  return passed.buildArguments.flatMap((argument) => {
    const [, name = '', value = host.env[name] ?? ''] = /^([^=]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    if (isSecretName(name)) return [value];
    const login = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\s]+)@/i.exec(value)?.[1];
    return login === undefined ? [] : [login];
  });
}

/** The call of buildx for a plan. Pure. */
export function buildxCall(
  request: BuildRequest,
  facts: GatheredFacts,
  plan: BuildPlan,
  looks: readonly CacheLook[],
  directories: readonly StageDirectory[],
): Omit<BuildxCall, 'metadataFile' | 'builder'> {
  // A cache that is not there yet is left out: BuildKit would ask for it again only to say so.
  const missing = new Set(looks.filter((look) => look.outcome === 'miss').map((look) => look.reference));
  return {
    file: facts.file,
    context: request.context,
    target: request.wishes.targetName,
    platforms: plan.platforms,
    tags: plan.tags,
    outputs: plan.outputs,
    cacheFrom: plan.cacheFrom
      .filter(({ reference }) => reference === undefined || !missing.has(reference))
      .map(({ spec }) => spec),
    cacheTo: plan.cacheTo,
    passed: passedOptions(request, facts.source, stageContexts(directories)),
  };
}

/** What the user gave, and what was asked for of the source. */
function passedOptions(
  request: BuildRequest,
  source: SourceContext,
  contexts: readonly string[],
): BuildRequest['passed'] {
  const { passed, sourceDateEpoch } = request;
  const seconds = sourceDateEpoch === 'commit' ? source.commitSeconds : sourceDateEpoch;
  if (sourceDateEpoch !== undefined && seconds === undefined)
    throw usageError(
      'COMMIT_TIME_UNKNOWN',
      '--source-date-epoch commit: the time of the commit is not known here',
      'Build inside a git checkout that has the commit, or give the seconds since 1970.',
    );
  return {
    ...passed,
    buildContexts: [...contexts, ...passed.buildContexts],
    // The user's own come later and win.
    labels: [...(request.sourceLabels ? sourceLabels(source) : []), ...passed.labels],
    buildArguments: [
      ...(seconds === undefined ? [] : [`SOURCE_DATE_EPOCH=${seconds}`]),
      ...passed.buildArguments,
    ],
  };
}
