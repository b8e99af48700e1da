import type { Dockerfile } from '../../dockerfile/parse.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import { type GatheredFacts, isRemote } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';

/** Facts of a build whose Dockerfile was read. */
export type ReadFacts = GatheredFacts & { readonly dockerfile: Dockerfile };

/** Why a build as a whole is left to BuildKit, whatever its Dockerfile says; undefined if it is not. Half a sentence. */
export function unsuitedFor(
  request: BuildRequest,
  facts: GatheredFacts,
  plan: BuildPlan,
): string | undefined {
  const { wishes, passed } = request;
  if (facts.dockerfile === undefined)
    return isRemote(request.context) || facts.file === '-'
      ? 'BuildKit reads the Dockerfile itself'
      : 'its # syntax= line names a frontend that may read another language';
  if (plan.platforms.length > 1) return 'it is for several platforms';
  if (wishes.load || wishes.outputs.length > 0 || !wishes.push)
    return 'only what is pushed (--push) is composed';
  if (plan.tags.length === 0) return 'the image has no tag';
  if (wishes.cacheRepository === 'none') return 'there is no cache repository (--cache-repo none)';
  if (request.stageDirectories.length > 0) return '--stage-dir stands for a stage';
  if (passed.buildContexts.length > 0) return '--build-context may replace what it is made from';
  if (passed.attestations.length > 0 || isAsked(passed.provenance) || isAsked(passed.sbom))
    return 'attestations are made by BuildKit';
  if (passed.annotations.some((one) => !/^[^=[\]:,]+=/.test(one)))
    return 'an --annotation is for something other than the manifest';
  if (passed.other.some((one) => one.startsWith('--no-cache-filter')))
    return '--no-cache-filter is for BuildKit';
  if (passed.buildArguments.some((one) => one.startsWith('BUILDKIT_SYNTAX=')))
    return 'BUILDKIT_SYNTAX names a frontend';
  return undefined;
}

function isAsked(attestation: string | undefined): boolean {
  return attestation !== undefined && attestation !== 'false';
}
