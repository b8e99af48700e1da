import { evaluateMarker, type MarkerEnvironment } from './markers.ts';
import { parseRequirement, type Requirement } from './requirements/requirement-line.ts';
import { parseSpecifiers, type Specifier, satisfies } from './specifiers.ts';
import { parseVersion } from './versions.ts';

/** What a distribution needs, as METADATA or `WheelFacts` have it. */
export interface DistributionNeeds {
  readonly version: string;
  readonly requiresDist: readonly string[];
  readonly requiresPython: string | undefined;
}

/** What is asked of one name by all that are reached. */
export interface Demand {
  readonly extras: ReadonlySet<string>;
  readonly specifiers: readonly Specifier[];
}

/** Why a set of distributions is not, or not surely, what the requirements lead to. */
export interface ClosureProblem {
  readonly reason: string;
}

/** A set of distributions and what is asked of it. */
export interface ClosureQuestion {
  /** Those that apply: their own markers are not looked at again. */
  readonly requirements: readonly Requirement[];
  readonly constraints: readonly Requirement[];
  /** By normalised name. */
  readonly distributions: ReadonlyMap<string, DistributionNeeds>;
  readonly environment: MarkerEnvironment;
  /** True if dependencies are not followed (`--no-deps`). */
  readonly noDeps: boolean;
}

/**
 * Follows requirements through the metadata of a set of distributions.
 *
 * @returns what is asked of each name that is reached, in the set or not; a problem if a line is not understood, or depends
 * on what is not known before the build
 */
export function demandsOf(question: ClosureQuestion): ReadonlyMap<string, Demand> | ClosureProblem {
  const demands = new Map<string, { extras: Set<string>; specifiers: Specifier[] }>();
  /** Names with an extra whose needs are to be followed; `''` is the distribution itself. */
  const open: [string, string][] = [];
  const ask = (requirement: Requirement) => {
    const known = demands.get(requirement.name);
    const demand = known ?? { extras: new Set<string>(), specifiers: [] };
    if (known === undefined) {
      demands.set(requirement.name, demand);
      open.push([requirement.name, '']);
    }
    demand.specifiers.push(...requirement.specifiers);
    for (const extra of requirement.extras)
      if (!demand.extras.has(extra)) {
        demand.extras.add(extra);
        open.push([requirement.name, extra]);
      }
  };
  for (const requirement of question.requirements) ask(requirement);
  for (let next = open.pop(); next !== undefined && !question.noDeps; next = open.pop()) {
    const [name, extra] = next;
    const needs = question.distributions.get(name);
    const followed = needs ? needsFor(name, needs, extra, question.environment) : [];
    if ('reason' in followed) return followed;
    for (const requirement of followed) ask(requirement);
  }
  for (const constraint of question.constraints)
    demands.get(constraint.name)?.specifiers.push(...constraint.specifiers);
  return demands;
}

/** The requirements that a distribution has for one extra. */
function needsFor(
  name: string,
  { requiresDist }: DistributionNeeds,
  extra: string,
  environment: MarkerEnvironment,
): readonly Requirement[] | ClosureProblem {
  const applying: Requirement[] = [];
  for (const line of requiresDist) {
    const requirement = parseRequirement(line);
    if ('reason' in requirement || 'invalid' in requirement)
      return { reason: `a requirement of ${name} is not understood: ${line}` };
    const applies = requirement.marker ? evaluateMarker(requirement.marker, environment, extra) : true;
    if (applies === undefined)
      return { reason: `whether ${name} needs "${line}" is not known before the build` };
    if (applies) applying.push(requirement);
  }
  return applying;
}

/**
 * Whether a set of distributions is complete, without anything too much, and without a contradiction.
 *
 * @returns undefined if it is, else what is wrong or unclear
 */
export function closureProblem(question: ClosureQuestion): ClosureProblem | undefined {
  const demands = demandsOf(question);
  if ('reason' in demands) return demands;
  for (const [name, demand] of demands) {
    const found = question.distributions.get(name);
    if (found === undefined) return { reason: `${name} is needed and not in the set` };
    const version = parseVersion(found.version);
    if (version === undefined) return { reason: `${name} ${found.version} is no version` };
    if (!satisfies(version, demand.specifiers))
      return { reason: `${name} ${found.version} is not what is asked for` };
    const python = pythonProblem(name, found, question.environment);
    if (python) return python;
  }
  const extra = [...question.distributions.keys()].find((name) => !demands.has(name));
  return extra === undefined ? undefined : { reason: `${extra} is in the set and not needed` };
}

function pythonProblem(
  name: string,
  { requiresPython }: DistributionNeeds,
  environment: MarkerEnvironment,
): ClosureProblem | undefined {
  if (!requiresPython) return undefined;
  const fits = fitsPython(requiresPython, environment);
  if (fits) return undefined;
  return { reason: `${name} wants Python ${requiresPython}` };
}

/** Whether a Requires-Python allows the environment's Python; undefined if it is not understood. */
export function fitsPython(requiresPython: string, environment: MarkerEnvironment): boolean | undefined {
  const specifiers = parseSpecifiers(requiresPython);
  const version = parseVersion(environment.python_full_version ?? '');
  return specifiers && version ? satisfies(version, specifiers) : undefined;
}
