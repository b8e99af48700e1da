import { createHash } from 'node:crypto';

/** A distribution that is to be divided into layers. */
export interface GroupMember {
  /** Normalised after PEP 503. */
  readonly name: string;
  /** Bytes of its files as they are installed: what decides whether it has a layer of its own. */
  readonly bytes: number;
  /** Every path that it writes, bytecode aside, without a leading slash. */
  readonly paths: readonly string[];
}

/** Distributions that are one layer. */
export interface Group {
  /** The distribution's name, `bucket-07`, or several of these joined by `+` where their files collide. */
  readonly id: string;
  /** Normalised names, sorted. */
  readonly names: readonly string[];
  /** True if some of them write the same path, so that the order of their installation matters. */
  readonly overlaps: boolean;
}

/** How many layers a set of dependencies may become. */
export interface GroupBudget {
  /** Distributions with a layer of their own, at most. */
  readonly large: number;
  /** Layers for all others, at most. */
  readonly buckets: number;
}

/** With a base, solved segments and the application this stays well below the 127 layers of overlayfs and registries. */
export const GROUP_BUDGET: GroupBudget = { large: 40, buckets: 40 };

/** Below this a layer of its own costs more requests than it saves bytes. */
const SMALLEST_LARGE = 512 * 1024;

/**
 * Divides distributions into groups: the large ones are groups of their own, the others go to a bucket by a hash of their
 * name, and those that write the same path come together. The order of the members does not matter.
 *
 * What is large is a size, and only where too many are that large a rank: adding, removing or bumping a distribution moves
 * no other one, unless the large ones are more than the budget (then it moves one at most) or files collide.
 */
export function groupDistributions(
  members: readonly GroupMember[],
  budget: GroupBudget = GROUP_BUDGET,
): readonly Group[] {
  const large = largeOf(members, budget.large);
  const byHome = new Map<string, string[]>();
  for (const { name } of members) {
    const home = large.has(name) ? name : bucketOf(name, budget.buckets);
    byHome.set(home, [...(byHome.get(home) ?? []), name]);
  }
  const homeOf = new Map([...byHome].flatMap(([home, names]) => names.map((name) => [name, home] as const)));
  const colliding = collisions(members);
  const joined = joinSets(
    [...byHome.keys()],
    colliding.map((names) => names.map((name) => homeOf.get(name) as string)),
  );
  const overlapping = new Set(colliding.flat());
  return joined
    .map((homes) => {
      const names = homes.flatMap((home) => byHome.get(home) ?? []).sort();
      const overlaps = names.some((name) => overlapping.has(name));
      return { id: [...homes].sort().join('+'), names, overlaps };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function largeOf(members: readonly GroupMember[], most: number): ReadonlySet<string> {
  const large = members.filter(({ bytes }) => bytes >= SMALLEST_LARGE);
  large.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  return new Set(large.slice(0, most).map(({ name }) => name));
}

/** `bucket-NN` by a hash of the name alone. */
function bucketOf(name: string, buckets: number): string {
  const number = createHash('sha256').update(name).digest().readUInt32BE(0) % buckets;
  return `bucket-${String(number).padStart(2, '0')}`;
}

/** Names of distributions that write the same path, or one a file where another has a directory; each set once. */
export function collisions(members: readonly GroupMember[]): readonly (readonly string[])[] {
  const owners = new Map<string, string[]>();
  for (const { name, paths } of members)
    for (const path of new Set(paths)) {
      const found = owners.get(path);
      if (found === undefined) owners.set(path, [name]);
      else found.push(name);
    }
  const sets = [...owners.values()].filter((names) => names.length > 1);
  for (const [path, names] of owners)
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const above = owners.get(path.slice(0, at));
      if (above !== undefined) sets.push([...above, ...names]);
    }
  const distinct = sets.map((names) => [...new Set(names)].sort());
  return [...new Map(distinct.map((names) => [names.join('\n'), names])).values()].sort((a, b) =>
    a.join() < b.join() ? -1 : 1,
  );
}

/** Joins the items that stand together in one of the sets, directly or by others. */
function joinSets(
  items: readonly string[],
  sets: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  const parent = new Map(items.map((item) => [item, item]));
  const rootOf = (item: string): string => {
    let root = item;
    while (parent.get(root) !== root) root = parent.get(root) as string;
    return root;
  };
  for (const [first, ...others] of sets)
    for (const other of others) parent.set(rootOf(other), rootOf(first as string));
  return [...Map.groupBy(items, rootOf).values()];
}
