import { isName, normaliseName } from '../names.ts';
import { DEFAULT_SELECTION, type LockSelection } from './lock-selection.ts';
import type { NotRecognised } from './recognise.ts';
import { allValues, type GivenOption, isGiven, isOn } from './tool-options.ts';

/** What of the lock `uv sync` installs. */
export function uvSelection(given: readonly GivenOption[]): LockSelection | NotRecognised {
  const names = (option: string) => [...new Set(allValues(given, option).map(normaliseName))].sort();
  const wrong = given.find(
    ({ name, value }) => /^--(?:no-|only-)?(?:extra|group)$|package$/.test(name) && !isName(value ?? ''),
  );
  if (wrong !== undefined) return { reason: `"${wrong.value}" of ${wrong.name} is no name` };
  const only = [...names('--only-group'), ...(isGiven(given, '--only-dev') ? ['dev'] : [])];
  const dev = isOn(given, '--dev', '--no-dev');
  return {
    ...DEFAULT_SELECTION,
    extras: isGiven(given, '--all-extras') ? 'all' : names('--extra'),
    withoutExtras: names('--no-extra'),
    groups: isGiven(given, '--all-groups') ? 'all' : [...names('--group'), ...(dev ? ['dev'] : [])],
    withoutGroups: [...names('--no-group'), ...(isOn(given, '--no-dev', '--dev') ? ['dev'] : [])],
    onlyGroups: only.length === 0 ? undefined : only,
    defaultGroups: !isGiven(given, '--no-default-groups'),
    packages: isGiven(given, '--all-packages') ? 'all' : names('--package'),
    without: names('--no-install-package'),
    withoutMembers: isGiven(given, '--no-install-workspace') || isGiven(given, '--no-install-local'),
    withoutDirectories: isGiven(given, '--no-install-local'),
  };
}
