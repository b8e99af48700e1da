import type { Dockerfile } from '../../dockerfile/parse.ts';
import { platformText, readPlatform } from '../../dockerfile/platform.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import { type GatheredFacts, isRemote } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';
import { platformsOf } from './platforms.ts';

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
  const unclear = unclearPlatforms(request);
  if (unclear !== undefined) return unclear;
  if (wishes.load || wishes.outputs.length > 0 || !wishes.push)
    return 'only what is pushed (--push) is composed';
  if (plan.tags.length === 0) return 'the image has no tag';
  if (wishes.cacheRepository === 'none') return 'there is no cache repository (--cache-repo none)';
  if (request.stageDirectories.length > 0) return '--stage-dir stands for a stage';
  if (passed.buildContexts.length > 0) return '--build-context may replace what it is made from';
  if (passed.attestations.length > 0 || isAsked(passed.provenance) || isAsked(passed.sbom))
    return 'attestations are made by BuildKit';
  const kinds =
    plan.platforms.length > 1
      ? /^(?:(?:index|manifest)(?:,(?:index|manifest))*:)?[^=[\]:,]+=/
      : /^[^=[\]:,]+=/;
  if (passed.annotations.some((one) => !kinds.test(one)))
    return 'an --annotation is for something other than the manifest';
  if (passed.other.some((one) => one.startsWith('--no-cache-filter')))
    return '--no-cache-filter is for BuildKit';
  if (passed.buildArguments.some((one) => one.startsWith('BUILDKIT_SYNTAX=')))
    return 'BUILDKIT_SYNTAX names a frontend';
  return undefined;
}

/** Names that are the machine's to explain, and an index that would have the same image twice. */
function unclearPlatforms(request: BuildRequest): string | undefined {
  const unread = request.wishes.platforms.find((text) => readPlatform(text) === undefined);
  if (unread !== undefined) return `--platform ${unread} is for the builder to explain`;
  const names = platformsOf(request).map(platformText);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  return twice === undefined ? undefined : `--platform ${twice} is asked for twice`;
}

function isAsked(attestation: string | undefined): boolean {
  return attestation !== undefined && attestation !== 'false';
}
