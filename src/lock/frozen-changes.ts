import { parseJson, parseToml, tableAt, textOf } from '../lockfiles/documents.ts';
import type { InstalledDistribution, PythonFacts } from '../python/facts.ts';
import type { LockedDistribution } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { sameVersion } from '../python/versions.ts';
import type { FrozenInput, OwnProject } from './frozen.ts';
import type { LockedChange, NotLocked } from './lock-input.ts';

/**
 * What installing a lock changes in the environment, sorted by name; the own projects' changes are with them.
 *
 * @returns a reason where it depends on what is not known of the environment
 */
export async function frozenChanges(
  input: FrozenInput,
  distributions: readonly LockedDistribution[],
  own: readonly OwnProject[],
): Promise<readonly LockedChange[] | NotLocked> {
  const { installed } = input.facts;
  const changes: LockedChange[] = [];
  for (const one of distributions) {
    const before = installed.find(({ name }) => name === one.name);
    const action = before === undefined ? 'install' : await actionFor(input, one, before);
    if (typeof action === 'object') return action;
    changes.push({ name: one.name, action, installed: before });
  }
  const wanted = new Set([...distributions, ...own].map(({ name }) => name));
  const surplus = input.exact ? await removed(input, wanted) : [];
  if ('reason' in surplus) return surplus;
  const stuck = surplus.find(({ removable }) => !removable);
  if (stuck)
    return { reason: `whether ${stuck.name}, which the lock does not have, is removed is not certain` };
  for (const one of surplus) changes.push({ name: one.name, action: 'remove', installed: one });
  return changes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function actionFor(
  input: FrozenInput,
  one: LockedDistribution,
  before: InstalledDistribution,
): Promise<'keep' | 'replace' | NotLocked> {
  if (!sameVersion(before.version, one.version)) return 'replace';
  const recorded = await input.read(`${before.metadata}/direct_url.json`);
  if (one.directUrl === undefined) {
    // pip and `uv pip` take what is there; the others look at where it came from.
    const looks = input.lock.kind === 'uv' || input.tool === 'poetry';
    return recorded === undefined || !looks ? 'keep' : 'replace';
  }
  if (recorded !== undefined && sameOrigin(recorded, one.directUrl) && input.tool !== 'pipenv') return 'keep';
  return { reason: `whether the ${one.name} that is installed comes from the same address is not certain` };
}

function sameOrigin(a: string, b: string): boolean {
  const [one, other] = [parseJson(a), parseJson(b)];
  const identity = (value: typeof one) =>
    JSON.stringify([value?.url, value?.subdirectory, textOf(tableAt(value, 'vcs_info').commit_id)]);
  return one !== undefined && other !== undefined && identity(one) === identity(other);
}

/** What a tool that makes an environment exact takes away. */
async function removed(
  input: FrozenInput,
  wanted: ReadonlySet<string>,
): Promise<readonly InstalledDistribution[] | NotLocked> {
  const surplus = input.facts.installed.filter(({ name }) => !wanted.has(name));
  if (input.tool === 'poetry') return withoutPoetrys(input, surplus);
  if (input.tool !== 'uv') return { reason: `what ${input.tool} removes is not certain` };
  const spared = await sparedByUv(input, surplus);
  return 'reason' in spared ? spared : surplus.filter((one) => !spared.includes(one));
}

/** What uv leaves of what it would remove from an environment: what environments begin with, unless it made this one without. */
export async function sparedByUv<T extends { readonly name: string }>(
  input: Pick<FrozenInput, 'facts' | 'read'>,
  surplus: readonly T[],
): Promise<readonly T[] | NotLocked> {
  const seeds = surplus.filter(({ name }) => isSeed(name, input.facts));
  if (seeds.length === 0) return [];
  const made = await madeByUv(input);
  if (made === undefined)
    return { reason: `whether uv removes ${seeds.map(({ name }) => name).join(', ')} is not certain` };
  return made ? [] : seeds;
}

function isSeed(name: string, { version }: PythonFacts): boolean {
  const minor = Number(version.split('.')[1]);
  return name === 'pip' || name === 'uv' || (minor < 12 && (name === 'setuptools' || name === 'wheel'));
}

async function madeByUv({ facts, read }: Pick<FrozenInput, 'facts' | 'read'>): Promise<boolean | undefined> {
  if (facts.venv === undefined) return false;
  const settings = await read(`${facts.venv}/pyvenv.cfg`);
  if (settings === undefined) return undefined;
  return /^uv\s*=/m.test(settings) && !/^seed\s*=\s*true/m.test(settings);
}

/** poetry leaves pip and the project; whether the other two that environments begin with depends on its version. */
function withoutPoetrys(
  { project }: FrozenInput,
  surplus: readonly InstalledDistribution[],
): readonly InstalledDistribution[] | NotLocked {
  const manifest = project && parseToml(project.text);
  const name = textOf(tableAt(manifest, 'project').name) ?? textOf(tableAt(manifest, 'tool', 'poetry').name);
  const unclear = surplus.find((one) => /^(?:setuptools|wheel)$/.test(one.name));
  if (unclear) return { reason: `whether poetry removes ${unclear.name} depends on its version` };
  return surplus.filter(
    (one) => one.name !== 'pip' && (name === undefined || one.name !== normaliseName(name)),
  );
}
