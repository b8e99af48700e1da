import type { BakeDefinition, BakeTarget } from './definition.ts';

/** A target in its place in the order. */
export interface OrderedTarget {
  readonly target: BakeTarget;
  /** False if it is built only because another one has it as a context. */
  readonly isAskedFor: boolean;
  /** Targets that have it as a context. */
  readonly users: readonly BakeTarget[];
}

/** A target that is a context of another: its name, from `target:NAME`. */
export function linkedTarget(context: string): string | undefined {
  return context.startsWith('target:') ? context.slice('target:'.length) : undefined;
}

/** All targets, those first that others have as contexts, else by name: the same for the same definition. buildx has refused circles. */
export function buildOrder(definition: BakeDefinition): readonly OrderedTarget[] {
  const asked = askedFor(definition);
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    const target = definition.targets.get(name);
    if (target === undefined || ordered.has(name)) return;
    for (const link of linksOf(target)) if (link !== name) visit(link);
    ordered.add(name);
  };
  for (const name of [...definition.targets.keys()].sort()) visit(name);
  return [...ordered].map((name) => ({
    target: definition.targets.get(name) as BakeTarget,
    isAskedFor: asked.has(name),
    users: [...definition.targets.values()].filter((one) => linksOf(one).includes(name)),
  }));
}

function linksOf({ contexts }: BakeTarget): readonly string[] {
  return [...contexts.values()].flatMap((context) => linkedTarget(context) ?? []).sort();
}

/** Members of the group `default`, which buildx prints for whatever was asked; all targets if it prints none. */
function askedFor({ groups, targets }: BakeDefinition): ReadonlySet<string> {
  const first = groups.get('default');
  if (first === undefined) return new Set(targets.keys());
  const found = new Set<string>();
  const visited = new Set(['default']);
  const visit = (name: string): void => {
    const members = groups.get(name);
    if (members === undefined || visited.has(name)) {
      if (targets.has(name)) found.add(name);
      return;
    }
    visited.add(name);
    for (const member of members) visit(member);
  };
  for (const member of first) visit(member);
  return found;
}
