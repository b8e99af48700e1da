import { closureProblem, demandsOf } from '../python/closure.ts';
import type { LockedDistribution, LockedWheel, WheelFacts } from '../python/lock.ts';
import { parseVersion, sameVersion } from '../python/versions.ts';
import { bestWheel } from '../python/wheel-tags.ts';
import { applicable, changesOf } from './applicable.ts';
import type { LockInput, NotLocked, ResolvedLock } from './lock-input.ts';

/** A wheel that is at hand. */
export interface WheelAtHand {
  readonly wheel: LockedWheel;
  readonly facts: WheelFacts;
  /** The text of `direct_url.json` if the command names the file itself. */
  readonly directUrl: string | undefined;
}

/**
 * What pip installs where nothing but wheels at hand may be taken (`--no-index --find-links`, `/wheels/*.whl`): there is nothing to
 * choose if there is one wheel of each name, and it is enough that all that is needed is there in a version that is wanted. Pure.
 *
 * @returns a reason where pip would have to choose, or would fail
 */
export function lockAtHand(input: LockInput, wheels: readonly WheelAtHand[]): ResolvedLock | NotLocked {
  const applying = applicable(input);
  if ('reason' in applying) return applying;
  const { environment, tags, hashes, named } = applying;
  if (hashes !== undefined) return { reason: 'hashes of wheels that an earlier step has made' };
  const fitting = wheels.filter(({ wheel }) => bestWheel([wheel], tags) !== undefined);
  const byName = new Map(fitting.map((one) => [one.facts.name, one]));
  const twice = fitting.find((one) => byName.get(one.facts.name) !== one);
  if (twice) return { reason: `there is more than one wheel of ${twice.facts.name}` };
  const { requirements, constraints, options } = applying.input;
  const needs = new Map(fitting.map(({ facts }) => [facts.name, facts]));
  const question = { requirements, constraints, environment, distributions: needs, noDeps: options.noDeps };
  const demands = demandsOf(question);
  if ('reason' in demands) return demands;
  const used = new Map([...needs].filter(([name]) => demands.has(name)));
  const problem = closureProblem({ ...question, distributions: used });
  if (problem !== undefined) return problem;
  const chosen = fitting.filter(({ facts }) => used.has(facts.name));
  const early = chosen.find(({ facts }) => isEarly(facts));
  if (early) return { reason: `${early.facts.name} ${early.facts.version} is a pre-release` };
  const there = chosen.find((one) => isInTheWay(one, input));
  if (there) return { reason: `${there.facts.name} is installed already, and pip would have to choose` };
  const distributions = chosen
    .map(({ facts: { name, version }, wheel, directUrl }): LockedDistribution => {
      const address = directUrl === undefined ? {} : { directUrl };
      return { name, version, wheel, requested: named.has(name), ...address };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const changes = changesOf(distributions, input.facts.installed);
  return { lock: { distributions }, changes, by: 'pins', warnings: [] };
}

/** pip takes these where there is nothing else, or it is told to. */
function isEarly({ version }: WheelFacts): boolean {
  const { pre, dev } = parseVersion(version) ?? {};
  return pre !== undefined || dev !== undefined;
}

/** pip keeps what is there if it will do, but installs a file that is named once more. */
function isInTheWay({ facts, directUrl }: WheelAtHand, { facts: { installed } }: LockInput): boolean {
  const before = installed.find(({ name }) => name === facts.name);
  return before !== undefined && (directUrl !== undefined || !sameVersion(before.version, facts.version));
}
