import { normaliseName } from '../python/names.ts';
import { parseVersion } from '../python/versions.ts';
import { listOf, type Table, tableOf, textOf, textsOf, type Unclear } from './documents.ts';
import { type MarkerScope, markerApplies } from './marker-scope.ts';
import {
  constraintAllows,
  constraintAllowsPython,
  type PoetryConstraint,
  parsePoetryConstraint,
} from './poetry-constraint.ts';
import type { PoetryLock, PoetryPackage } from './poetry-lock.ts';
import type { PoetryProject } from './poetry-project.ts';

/** One need, as pyproject.toml and poetry.lock have it. */
interface Need {
  readonly name: string;
  readonly constraint: PoetryConstraint;
  readonly extras: readonly string[];
  readonly optional: boolean;
  /** Undefined: not known before the build. */
  readonly applies: boolean | undefined;
}

/**
 * Before version 2.1 poetry resolves again among the packages of its lock: the needs of the project lead to them. The lock is a
 * solution, so that there is a choice only where several packages have one name.
 */
export function walkPoetryLock(
  lock: PoetryLock,
  project: PoetryProject,
  scope: MarkerScope,
): readonly PoetryPackage[] | Unclear {
  if (project.standard)
    return {
      reason:
        'poetry.lock is older than version 2.1, and the needs stand in [project] or [dependency-groups]',
    };
  const open = rootNeeds(project, scope);
  if ('reason' in open) return open;
  const walk: Walk = {
    lock,
    scope,
    constraints: new Map(),
    chosen: new Map(),
    followed: new Set(),
    asked: new Map(),
  };
  let pending = [...open];
  while (pending.length > 0) {
    const later: Need[] = [];
    for (const need of pending) {
      const found = ask(walk, need);
      if (found !== undefined && 'reason' in found) return found;
      if (found === undefined) later.push(need);
      else later.push(...found.needs);
    }
    if (later.length === pending.length && later.every((one, index) => one === pending[index]))
      return { reason: `poetry.lock has several ${later[0]?.name}, and which is meant is not certain` };
    pending = later;
  }
  return contradiction(walk) ?? [...walk.chosen.values()];
}

interface Walk {
  readonly lock: PoetryLock;
  readonly scope: MarkerScope;
  readonly constraints: Map<string, PoetryConstraint[]>;
  readonly chosen: Map<string, PoetryPackage>;
  /** Names with an extra whose needs were followed. */
  readonly followed: Set<string>;
  readonly asked: Map<string, Set<string>>;
}

/** @returns what the need leads to; undefined if several packages are possible until more is known */
function ask(walk: Walk, need: Need): { readonly needs: readonly Need[] } | Unclear | undefined {
  const { constraints, chosen, lock } = walk;
  const known = constraints.get(need.name) ?? [];
  if (!known.includes(need.constraint)) constraints.set(need.name, [...known, need.constraint]);
  const all = lock.packages.filter(({ name }) => name === need.name);
  const fitting = all.filter((one) => allowed(one, constraints.get(need.name) ?? []));
  if (fitting.length === 0) return { reason: `poetry.lock has no ${need.name} that fits` };
  if (fitting.length > 1) return undefined;
  const [found] = fitting as [PoetryPackage];
  chosen.set(need.name, found);
  const needs: Need[] = [];
  for (const extra of ['', ...need.extras]) {
    const key = `${need.name}[${extra}]`;
    if (walk.followed.has(key)) continue;
    walk.followed.add(key);
    const more = packageNeeds(found, extra, walk.scope);
    if ('reason' in more) return more;
    needs.push(...more);
  }
  return { needs };
}

function allowed({ version, source }: PoetryPackage, constraints: readonly PoetryConstraint[]): boolean {
  // An address of its own is no matter of versions.
  if (source !== undefined && source.type !== 'legacy') return true;
  const parsed = parseVersion(version);
  return parsed !== undefined && constraints.every((one) => constraintAllows(one, parsed));
}

function contradiction({ chosen, constraints }: Walk): Unclear | undefined {
  const wrong = [...chosen.values()].find((one) => !allowed(one, constraints.get(one.name) ?? []));
  return wrong && { reason: `${wrong.name} ${wrong.version} of poetry.lock is not what is asked for` };
}

function rootNeeds({ groups, extras }: PoetryProject, scope: MarkerScope): readonly Need[] | Unclear {
  const active = new Set([...scope.extras].flatMap((extra) => extras[extra] ?? []));
  const needs: Need[] = [];
  for (const [group, { dependencies }] of groups) {
    if (!scope.groups.has(group)) continue;
    const found = needsOf(dependencies, scope, 'pyproject.toml');
    if ('reason' in found) return found;
    needs.push(...found.filter(({ optional, name }) => !optional || active.has(name)));
  }
  return needs;
}

/** The needs that a package has for one extra; `''` for those that it has always. */
function packageNeeds(one: PoetryPackage, extra: string, scope: MarkerScope): readonly Need[] | Unclear {
  const itsScope = { ...scope, extras: new Set(extra === '' ? [] : [extra]) };
  const found = needsOf(one.dependencies, itsScope, one.name);
  if ('reason' in found) return found;
  if (extra === '') return found.filter(({ optional }) => !optional);
  const brings = new Set(
    (one.extras[extra] ?? []).map((line) => normaliseName(/^[A-Za-z0-9._-]+/.exec(line)?.[0] ?? '')),
  );
  if (brings.has(one.name)) return { reason: `the extra ${extra} of ${one.name} names others of its own` };
  return found.filter(({ optional, name }) => optional && brings.has(name));
}

function needsOf(dependencies: Table, scope: MarkerScope, from: string): readonly Need[] | Unclear {
  const needs: Need[] = [];
  for (const [name, value] of Object.entries(dependencies)) {
    if (normaliseName(name) === 'python') continue;
    for (const one of Array.isArray(value) ? listOf(value) : [value]) {
      const need = needOf(name, one, scope);
      if (need === undefined) return { reason: `the need of ${from} for ${name} is not understood` };
      if (need.applies === undefined)
        return { reason: `whether ${from} needs ${name} is not known before the build` };
      if (need.applies) needs.push(need);
    }
  }
  return needs;
}

function needOf(name: string, value: unknown, scope: MarkerScope): Need | undefined {
  const table = tableOf(value);
  const version = table === undefined ? textOf(value) : (textOf(table.version) ?? '*');
  const constraint = version === undefined ? undefined : parsePoetryConstraint(version);
  if (constraint === undefined) return undefined;
  const python = textOf(table?.python);
  const allowedPython = python === undefined ? undefined : parsePoetryConstraint(python);
  const platform = textOf(table?.platform);
  if (python !== undefined && allowedPython === undefined) return undefined;
  if (platform !== undefined && !/^[a-z0-9_]+$/.test(platform)) return undefined;
  const conditions = [
    markerApplies(textOf(table?.markers), scope),
    allowedPython === undefined ||
      constraintAllowsPython(allowedPython, scope.environment.python_full_version ?? ''),
    platform === undefined || scope.environment.sys_platform === platform,
  ];
  return {
    name: normaliseName(name),
    constraint,
    extras: (textsOf(table?.extras) ?? []).map(normaliseName),
    optional: table?.optional === true,
    applies: conditions.includes(false) ? false : conditions.includes(undefined) ? undefined : true,
  };
}
