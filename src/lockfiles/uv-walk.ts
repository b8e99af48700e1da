import type { MarkerEnvironment } from '../python/markers.ts';
import type { Unclear } from './documents.ts';
import { type MarkerScope, markerApplies, plainScope } from './marker-scope.ts';
import { type ConflictItem, sameSource, type UvDependency, type UvLock, type UvPackage } from './uv-lock.ts';

/** Where the walk through a uv.lock begins. */
export interface UvRoots {
  readonly packages: readonly UvPackage[];
  /** False if only groups are wanted: the roots themselves and their needs are left out. */
  readonly production: boolean;
  /** Extras of the roots that are on. */
  readonly extra: (name: string) => boolean;
  /** Groups that are on. */
  readonly group: (name: string) => boolean;
  /** Needs of groups of a workspace whose root is no project, by what the manifest says. */
  readonly workspace: readonly UvDependency[];
}

/**
 * Walks a uv.lock as uv does: from the roots along the needs whose markers are fulfilled. uv's markers name items of conflicts that
 * are on as extras of their own (`extra-3-app-cpu`).
 *
 * @returns the packages that are reached, before any is left out from installation
 */
export function walkUvLock(
  lock: UvLock,
  roots: UvRoots,
  environment: MarkerEnvironment,
): ReadonlySet<UvPackage> | Unclear {
  const own = ownItems(roots);
  let activated = new Set(own);
  for (;;) {
    const walk = walkOnce(lock, roots, { ...plainScope(environment), extras: activated });
    if ('reason' in walk) return walk;
    const next = new Set([...own, ...walk.activated]);
    // Without conflicts no marker looks at what is on.
    if (lock.conflicts.length === 0) return walk.reached;
    if (next.size === activated.size && [...next].every((one) => activated.has(one)))
      return conflictProblem(lock, next) ?? walk.reached;
    if ([...activated].some((one) => !next.has(one)))
      return { reason: 'which of the conflicting extras of uv.lock are on is not certain' };
    activated = next;
  }
}

interface Walk {
  readonly reached: ReadonlySet<UvPackage>;
  /** Extras that needs switch on, by uv's names. */
  readonly activated: ReadonlySet<string>;
}

function walkOnce(lock: UvLock, roots: UvRoots, scope: MarkerScope): Walk | Unclear {
  const reached = new Set<UvPackage>(roots.production ? roots.packages : []);
  const activated = new Set<string>();
  const seen = new Map<UvPackage, Set<string>>();
  const open: (readonly UvDependency[])[] = [];
  const follow = (one: UvPackage, extra: string) => {
    const known = seen.get(one) ?? new Set();
    seen.set(one, known);
    if (known.has(extra)) return;
    known.add(extra);
    open.push(extra === '' ? one.dependencies : (one.optional[extra] ?? []));
  };
  for (const root of roots.packages) {
    if (roots.production)
      for (const extra of ['', ...Object.keys(root.optional).filter(roots.extra)]) follow(root, extra);
    for (const [group, needs] of Object.entries(root.groups)) if (roots.group(group)) open.push(needs);
  }
  open.push(roots.workspace);
  for (let needs = open.pop(); needs !== undefined; needs = open.pop())
    for (const need of needs) {
      const itsOwn = need.extras.map((extra) => itemName({ package: need.name, extra, group: undefined }));
      const applies = markerApplies(need.marker, { ...scope, extras: new Set([...scope.extras, ...itsOwn]) });
      if (applies === undefined)
        return { reason: `whether "${need.marker}" is fulfilled (for ${need.name}) is not known` };
      if (!applies) continue;
      const found = packageFor(lock, need, scope);
      if ('reason' in found) return found;
      reached.add(found);
      for (const item of itsOwn) activated.add(item);
      for (const extra of ['', ...need.extras]) follow(found, extra);
    }
  return { reached, activated };
}

/** The package that a need means: where several have the name, the lock says which. */
function packageFor(lock: UvLock, need: UvDependency, scope: MarkerScope): UvPackage | Unclear {
  const candidates = lock.packages.filter(
    (one) =>
      one.name === need.name &&
      (need.version === undefined || one.version === need.version) &&
      (need.source === undefined || sameSource(one.source, need.source)),
  );
  const fitting =
    candidates.length > 1
      ? candidates.filter(
          ({ resolutionMarkers }) =>
            resolutionMarkers.length === 0 ||
            resolutionMarkers.some((marker) => markerApplies(marker, scope) !== false),
        )
      : candidates;
  const [found, second] = fitting;
  if (found === undefined) return { reason: `uv.lock has no ${need.name} for this environment` };
  return second === undefined ? found : { reason: `uv.lock has several ${need.name} for this environment` };
}

/** What is on by the roots alone, by uv's names. */
function ownItems({ packages, production, extra, group }: UvRoots): readonly string[] {
  return packages.flatMap(({ name, optional, groups }) => [
    ...(production ? [itemName({ package: name, extra: undefined, group: undefined })] : []),
    ...(production
      ? Object.keys(optional)
          .filter(extra)
          .map((one) => itemName({ package: name, extra: one, group: undefined }))
      : []),
    ...Object.keys(groups)
      .filter(group)
      .map((one) => itemName({ package: name, extra: undefined, group: one })),
  ]);
}

/** uv's name of an item of a conflict: the package's length divides it from the rest. */
function itemName({ package: name, extra, group }: ConflictItem): string {
  if (extra !== undefined) return `extra-${name.length}-${name}-${extra}`;
  return group === undefined ? `project-${name.length}-${name}` : `group-${name.length}-${name}-${group}`;
}

function conflictProblem({ conflicts }: UvLock, activated: ReadonlySet<string>): Unclear | undefined {
  for (const set of conflicts) {
    const on = set.map(itemName).filter((one) => activated.has(one));
    if (on.length > 1) return { reason: `uv.lock declares ${on.join(' and ')} to be in conflict` };
  }
  return undefined;
}
