import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import { closureProblem, type DistributionNeeds } from '../python/closure.ts';
import { parseRequirement } from '../python/requirements/requirement-line.ts';
import type { FrozenInput, FrozenScope } from './frozen.ts';
import type { Located } from './frozen-files.ts';
import { indexCredentials } from './index-url.ts';
import type { NotLocked } from './lock-input.ts';
import { remoteMetadata } from './remote-metadata.ts';

const REQUESTS_AT_ONCE = 8;

/**
 * pip alone follows the needs of what a pylock.toml names: it would fetch what the lock lacks. So it must be proved that nothing
 * is lacking.
 */
export async function frozenClosureProblem(
  host: Host,
  { tool, lock, indexes }: FrozenInput,
  { environment }: FrozenScope,
  { distributions, own }: Located,
): Promise<NotLocked | undefined> {
  if (tool !== 'pip' || lock.kind !== 'pylock') return undefined;
  const built = own[0]?.name ?? distributions.find(({ wheel }) => wheel === undefined)?.name;
  if (built !== undefined) return { reason: `what ${built} needs is known only when it is built` };
  const credentials = indexCredentials(indexes);
  const read = await inParallel(distributions, REQUESTS_AT_ONCE, async ({ name, version, wheel }) => {
    const metadata = wheel && (await remoteMetadata(host, wheel, credentials));
    return metadata && ([name, { ...metadata, version }] as const);
  });
  const known = read.filter((one) => one !== undefined);
  if (known.length < distributions.length)
    return { reason: 'the index does not give the metadata of every wheel' };
  const requirements = distributions.flatMap(({ name }) => {
    const requirement = parseRequirement(name);
    return 'name' in requirement ? [requirement] : [];
  });
  const needs = new Map<string, DistributionNeeds>(known);
  return closureProblem({ requirements, constraints: [], distributions: needs, environment, noDeps: false });
}
