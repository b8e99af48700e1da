import type { BakeTarget } from '../../bake/definition.ts';
import { parseReference } from '../../image/reference.ts';
import type { BakeRequest } from './request.ts';
import type { TargetCaches } from './targets.ts';

/**
 * Where each target keeps its caches. Layers are found again by all targets of a registry in one repository: that of
 * `--cache-repo`, else that of the registry's first target by name. The layer cache is a tag, so each target has one of its own; it is
 * beside the layers, which BuildKit would send once more to another repository, and beside the image where all is solved.
 *
 * Pure: the same for the same targets, whatever their order.
 *
 * @param pushed those of the targets that are pushed under tags: a build that pushes nothing keeps nothing, unless it is told where
 */
export function cachesOf(
  request: Pick<BakeRequest, 'cacheRepository' | 'way'>,
  targets: readonly BakeTarget[],
  pushed: readonly BakeTarget[],
): ReadonlyMap<string, TargetCaches> {
  const { cacheRepository } = request;
  const repositories = new Map(pushed.map(({ name, tags }) => [name, repositoryIn(tags[0])]));
  const named = [...repositories].sort(([one], [other]) => (one < other ? -1 : 1));
  const cachesFor = ({ name }: BakeTarget): TargetCaches => {
    if (cacheRepository === 'none') return { repository: 'none' };
    if (cacheRepository !== undefined)
      return { repository: cacheRepository, layers: layerCache(cacheRepository, `cache-${name}`) };
    const own = repositories.get(name);
    if (own === undefined) return {};
    const near = named.filter(([, one]) => one !== undefined && domainOf(one) === domainOf(own));
    const repository = near[0]?.[1] ?? own;
    const beside = request.way === 'solved' ? near.filter(([, one]) => one === own) : near;
    const tag = beside.length > 1 ? `cache-${name}` : 'cache';
    return { repository, layers: layerCache(request.way === 'solved' ? own : repository, tag) };
  };
  return new Map(targets.map((target) => [target.name, cachesFor(target)]));
}

function layerCache(repository: string, tag: string): string {
  return `type=registry,ref=${repository}:${tag}`;
}

/** `HOST/PATH` of a tag, which may have placeholders; undefined for what the build will refuse. */
function repositoryIn(tag: string | undefined): string | undefined {
  const name = tag?.replace(/:[^/:]*$/, '');
  if (name === undefined) return undefined;
  try {
    const { domain, path } = parseReference(name);
    return `${domain}/${path}`;
  } catch {
    return undefined;
  }
}

function domainOf(repository: string): string {
  return parseReference(repository).domain;
}
