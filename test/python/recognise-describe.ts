import type { DependencyAction, RecognisedStep, RunStep } from '../../src/python/recognise/recognise.ts';
import { recognise } from '../../src/python/recognise/recognise.ts';

/** A step as most images have it. */
export const BASE: RunStep = {
  command: '',
  shell: ['/bin/sh', '-c'],
  mounts: [],
  env: { PATH: '/usr/local/bin:/usr/bin', PYTHON_VERSION: '3.11.2', LANG: 'C.UTF-8' },
  workdir: '/app',
  user: '',
  pipConfigurations: [],
  poetryConfigurations: [],
};

/** What is recognised in a few words, or `! ` and the reason. */
export function described(command: RunStep['command'], changes: Partial<RunStep> = {}): string {
  const found = recognise({ ...BASE, command, ...changes });
  return 'reason' in found ? `! ${found.reason}` : found.steps.map(describedAction).join(' ; ');
}

/** The step, or an error that has the reason in it. */
export function recognised(command: RunStep['command'], changes: Partial<RunStep> = {}): RecognisedStep {
  const found = recognise({ ...BASE, command, ...changes });
  if ('reason' in found) throw new Error(`${command}: ${found.reason}`);
  return found;
}

function describedAction(action: DependencyAction): string {
  switch (action.kind) {
    case 'venv':
      return `venv ${action.directory}${action.seed ? ' seeded' : ''}: ${action.command.join(' ')}`;
    case 'settings':
      return `settings: ${action.command.join(' ')}`;
    case 'locked-install':
      return [
        action.command,
        action.lock.path,
        action.environment.kind === 'python'
          ? `of ${action.environment.program}`
          : `into ${action.environment.path}`,
        action.freshness,
        ...differences(action.selection),
        ...(action.own === 'none' ? [] : [action.own]),
        ...(action.exact ? ['exact'] : []),
        ...(action.compile ? ['compiled'] : []),
        ...(action.python === undefined ? [] : [`python ${action.python}`]),
        ...(action.buildOptions.length === 0 ? [] : [`build ${action.buildOptions.join(' ')}`]),
      ].join(' ');
    default:
      return describedRequest(action);
  }
}

function differences(selection: object): readonly string[] {
  return Object.entries(selection).flatMap(([name, value]) => {
    if (value === undefined || value === false || (name === 'defaultGroups' && value === true)) return [];
    if (name === 'defaultGroups') return ['no default groups'];
    if (value === true) return [name];
    const list = Array.isArray(value) ? value.join(',') : String(value);
    return list === '' && name !== 'onlyGroups' ? [] : [`${name}=${list}`];
  });
}

function describedRequest(action: Extract<DependencyAction, { kind: 'pip-install' | 'pip-wheel' }>): string {
  const { options } = action;
  const install = action.kind === 'pip-install' ? action : undefined;
  const list = (name: string, items: readonly string[]) => (items.length === 0 ? [] : [`${name}=${items}`]);
  const flags = (
    ['noDeps', 'requireHashes', 'upgrade', 'pre', 'noIndex', 'breakSystemPackages'] as const
  ).filter((name) => options[name]);
  const indexes = [options.indexUrl ?? [], options.extraIndexUrls].flat();
  return [
    action.kind === 'pip-wheel' ? `wheels in ${action.wheelDirectory}` : install?.tool,
    `by ${action.program}`,
    ...(install === undefined || install.destination.kind === 'environment'
      ? []
      : [`${install.destination.kind} ${install.destination.directory}`]),
    ...list('r', action.requirementFiles),
    ...list('c', action.constraintFiles),
    ...list('named', action.requirements),
    ...list(
      'projects',
      action.localProjects.map(
        ({ path, extras, editable }) =>
          `${editable ? '-e ' : ''}${path}${extras.length > 0 ? `[${extras}]` : ''}`,
      ),
    ),
    ...list(
      'files',
      action.localFiles.map(({ path, extras }) => (extras.length > 0 ? `${path}[${extras}]` : path)),
    ),
    ...list(
      'groups',
      action.groups.map(({ path, name }) => `${path}:${name}`),
    ),
    ...list(
      'of',
      action.dependenciesOf.map(({ path, extras }) => `${path}[${extras}]`),
    ),
    ...list('find', options.findLinks),
    ...list('indexes', indexes),
    ...flags,
    ...(install?.exact ? ['exact'] : []),
    ...(install === undefined || install.reinstall === 'keep' ? [] : [install.reinstall]),
    ...(options.compile ? [] : ['uncompiled']),
    ...list('build', options.buildOptions),
    ...(action.workdir === '/app' ? [] : [`in ${action.workdir}`]),
  ].join(' ');
}
