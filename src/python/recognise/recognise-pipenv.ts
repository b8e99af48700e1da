import { posix } from 'node:path';
import { isName, normaliseName } from '../names.ts';
import { DEFAULT_SELECTION, type LockSelection } from './lock-selection.ts';
import { DEFAULT_PIP_COMMAND } from './pip-arguments.ts';
import { pipConfiguration } from './pip-configuration.ts';
import type { DependencyAction, LockedInstall, NotRecognised } from './recognise.ts';
import { indexesOf } from './recognise-request.ts';
import { type Call, type ShellState, toolCall } from './recognise-state.ts';
import {
  allValues,
  type GivenOption,
  isGiven,
  type OptionTable,
  optionTable,
  parseToolOptions,
} from './tool-options.ts';

const IGNORED = { flags: '--verbose --quiet --clear --bare --no-site-packages -q' };
const REFUSED = {
  'it takes versions from elsewhere': {
    flags: '--skip-lock --pre',
    values:
      '--pypi-mirror --index --requirements --editable --resolver --extra-pip-args --config-settings -r -i -e',
  },
  'it makes an environment of another kind': { flags: '--site-packages', values: '--python' },
  'it removes what is installed': { flags: '--clean' },
  'it is more than an installation': { flags: '--help --version -h' },
};
const TABLE: OptionTable = optionTable(
  { flags: '--system --deploy --dev --ignore-pipfile --all', values: '--categories --extras' },
  IGNORED,
  REFUSED,
  { '-d': '--dev', '-v': '--verbose' },
);
const GLOBAL: OptionTable = optionTable({}, IGNORED, REFUSED, { '-v': '--verbose' });

/** Variables of pipenv that change nothing of what is installed. */
const HARMLESS =
  /^PIPENV_(?:NOSPIN|VERBOSITY|QUIET|YES|HIDE_EMOJIS|CACHE_DIR|TIMEOUT|INSTALL_TIMEOUT|MAX_DEPTH|MAX_RETRIES|NO_INHERIT|VENV_IN_PROJECT|CUSTOM_VENV_NAME|REQUESTS_TIMEOUT|SPINNER|NO_COLOR|MAX_SUBPROCESS)$/;

/** `pipenv install --deploy --system`, `pipenv sync --system`. */
export function pipenvCommand(call: Call, state: ShellState): readonly DependencyAction[] | NotRecognised {
  const { before, command, rest } = toolCall(call.args, GLOBAL);
  if (command === undefined && before.join(' ') === '--version') return [];
  if (command === undefined && before.join(' ') === '--clear') return [];
  if (command !== 'install' && command !== 'sync')
    return {
      reason: `it runs pipenv ${command ?? before.join(' ')}`
        .trimEnd()
        .concat(', which only BuildKit can do'),
      hint: 'Install by pipenv sync --system in a RUN of its own.',
    };
  return pipenvInstall(command, [...before, ...rest], call, state);
}

function pipenvInstall(
  command: 'install' | 'sync',
  words: readonly string[],
  { program, env }: Call,
  state: ShellState,
): readonly LockedInstall[] | NotRecognised {
  const name = `pipenv ${command}`;
  const parsed = parseToolOptions(name, words, TABLE);
  if ('reason' in parsed) return parsed;
  const { given, positional } = parsed;
  if (positional.length > 0) return { reason: `${name} with "${positional[0]}"` };
  const configured = configurationOf(env, state);
  if ('reason' in configured) return configured;
  const selection = selectionOf(given);
  if ('reason' in selection) return selection;
  const environment = environmentOf(given, env, state);
  if ('reason' in environment) return environment;
  const asIs = command === 'sync' || isGiven(given, '--ignore-pipfile');
  return [
    {
      ...{ kind: 'locked-install', tool: 'pipenv', command: name, program, environment },
      ...{ lock: { kind: 'pipenv', path: posix.join(state.cwd, 'Pipfile.lock') }, project: state.cwd },
      ...{ selection, own: 'none', exact: false, compile: true, ...configured, env },
      freshness: isGiven(given, '--deploy') ? 'locked' : asIs ? 'frozen' : 'unchecked',
      ...{ workdir: state.cwd, python: undefined, configured: false, buildOptions: [], skeleton: undefined },
    },
  ];
}

/** pipenv hands everything to pip, which reads its own configuration: only indexes may stand there. */
function configurationOf(
  env: ShellState['env'],
  { run }: ShellState,
): Pick<LockedInstall, 'indexes'> | NotRecognised {
  const odd = Object.keys(env).find(
    (name) => name.startsWith('PIPENV_') && env[name] !== '' && !HARMLESS.test(name),
  );
  if (odd !== undefined)
    return {
      reason: `${odd} is set, which may change what is installed`,
      hint: `Set ${odd} below the installation.`,
    };
  const settings = pipConfiguration(run.pipConfigurations, env);
  if ('reason' in settings) return settings;
  const plain = { ...settings, ...indexesOf(DEFAULT_PIP_COMMAND), breakSystemPackages: false };
  if (JSON.stringify(plain) !== JSON.stringify(DEFAULT_PIP_COMMAND))
    return { reason: 'pip is configured to do otherwise below pipenv' };
  return { indexes: indexesOf(settings) };
}

function selectionOf(given: readonly GivenOption[]): LockSelection | NotRecognised {
  if (isGiven(given, '--all')) return { reason: 'pipenv with --all' };
  const names = ['--categories', '--extras'].flatMap((option) =>
    allValues(given, option).flatMap((text) => text.split(/[\s,]+/).filter((one) => one !== '')),
  );
  if (allValues(given, '--extras').length > 0) return { reason: 'pipenv with --extras' };
  const wrong = names.find((text) => !isName(text) || normaliseName(text) !== text);
  if (wrong !== undefined) return { reason: `"${wrong}" is no category of a Pipfile` };
  const dev = isGiven(given, '--dev') ? ['dev'] : [];
  if (names.length === 0) return { ...DEFAULT_SELECTION, groups: dev, withoutMembers: false };
  if (dev.length > 0) return { reason: 'pipenv with --categories and --dev together' };
  // In the lock what is called packages and dev-packages in the Pipfile has other names.
  const category = (text: string) =>
    text === 'packages' ? 'default' : /^(?:dev-packages|develop)$/.test(text) ? 'dev' : text;
  return {
    ...DEFAULT_SELECTION,
    onlyGroups: [...new Set(names.map(category))].sort(),
    withoutMembers: false,
  };
}

/** The system's Python, or the active environment; else one is made in a directory that only pipenv knows. */
function environmentOf(
  given: readonly GivenOption[],
  env: ShellState['env'],
  { cwd, activated }: ShellState,
): LockedInstall['environment'] | NotRecognised {
  if (isGiven(given, '--system'))
    return { kind: 'python', program: activated === undefined ? 'python3' : `${activated}/bin/python3` };
  if (env.VIRTUAL_ENV) return { kind: 'directory', path: posix.resolve(cwd, env.VIRTUAL_ENV) };
  return {
    reason: 'pipenv makes an environment of its own',
    hint: 'Install into the image by pipenv sync --system, or set VIRTUAL_ENV.',
  };
}
