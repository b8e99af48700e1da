/**
 * The order in which pip installs a resolved set, which decides whose file stays where two distributions write one path:
 * deepest dependencies first, and of equal ones those that come later in the alphabet first. Names are normalised.
 *
 * pip (pip/_internal/resolution/resolvelib/resolver.py) takes the leaves of the graph off again and again and gives each
 * generation less weight; what is left (cycles, and what depends on them) weighs as much as its longest path from the root.
 *
 * @param requested what the step names itself
 * @param dependencies by name: what each one needs; names that are not in the set are passed over
 */
export function installOrder(
  names: readonly string[],
  requested: readonly string[],
  dependencies: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const inSet = new Set(names);
  const children = new Map(
    names.map((name) => [name, new Set((dependencies.get(name) ?? []).filter((one) => inSet.has(one)))]),
  );
  const weights = new Map<string, number>();
  for (;;) {
    const leaves = [...children].filter(([, needs]) => needs.size === 0).map(([name]) => name);
    if (leaves.length === 0) break;
    // pip counts the root as a node, and then takes it off again.
    const weight = children.size;
    for (const leaf of leaves) {
      weights.set(leaf, weight);
      children.delete(leaf);
    }
    for (const needs of children.values()) for (const leaf of leaves) needs.delete(leaf);
  }
  weighCycles(
    children,
    requested.filter((name) => inSet.has(name)),
    weights,
  );
  return [...names].sort((a, b) => {
    const byWeight = (weights.get(b) ?? 0) - (weights.get(a) ?? 0);
    return byWeight !== 0 ? byWeight : a < b ? 1 : -1;
  });
}

/** The longest path from the root to each node that is left, no node twice on a path. */
function weighCycles(
  children: ReadonlyMap<string, ReadonlySet<string>>,
  requested: readonly string[],
  weights: Map<string, number>,
): void {
  const path = new Set<string>();
  const visit = (name: string): void => {
    if (path.has(name) || !children.has(name)) return;
    path.add(name);
    for (const child of children.get(name) ?? []) visit(child);
    path.delete(name);
    // The root is on the path too.
    weights.set(name, Math.max(weights.get(name) ?? 0, path.size + 1));
  };
  for (const name of requested) visit(name);
}
