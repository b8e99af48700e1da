import { posix } from 'node:path';
import type { MakeVenv, NotRecognised } from './recognise.ts';
import { type Call, type ShellState, withChangedVariables } from './recognise-state.ts';
import { type OptionTable, optionTable, parseToolOptions } from './tool-options.ts';

const PYTHON_VENV: OptionTable = optionTable(
  { flags: '--copies' },
  { flags: '--clear --symlinks --upgrade-deps', values: '--prompt' },
  {
    "it lets the system's packages in": { flags: '--system-site-packages' },
    'it leaves pip out': { flags: '--without-pip' },
    'it is more than an environment': { flags: '--upgrade --without-scm-ignore-files --help' },
  },
  { '-h': '--help' },
);

const VIRTUALENV: OptionTable = optionTable(
  { flags: '--copies --always-copy', values: '--python' },
  {
    flags:
      '--clear --symlinks --quiet --verbose --no-download --never-download --no-periodic-update --no-setuptools --no-wheel',
    values: '--prompt',
  },
  {
    "it lets the system's packages in": { flags: '--system-site-packages' },
    'it is more than an environment': { flags: '--help --version --no-pip --no-seed --download' },
  },
  { '-q': '--quiet', '-v': '--verbose', '-p': '--python', '-h': '--help' },
);

/** `python -m venv` and `virtualenv`: one environment. */
export function venvCommand(
  tool: 'python' | 'virtualenv',
  { program, args, env }: Call,
  state: ShellState,
): readonly MakeVenv[] | NotRecognised {
  const isPython = tool === 'python';
  const name = isPython ? 'python -m venv' : 'virtualenv';
  const parsed = parseToolOptions(name, args, isPython ? PYTHON_VENV : VIRTUALENV);
  if ('reason' in parsed) return parsed;
  const { given, positional } = parsed;
  const [directory, ...more] = positional;
  if (directory === undefined || more.length > 0) return { reason: `${name} makes not one directory` };
  const { cwd, run } = state;
  const place = cwd === run.workdir ? directory : posix.resolve(cwd, directory);
  const words = args.map((word) => (word === directory ? place : word));
  return [
    {
      ...{
        kind: 'venv',
        tool,
        program,
        directory: place,
        workdir: run.workdir,
        seed: false,
        readsProject: false,
      },
      copies: given.some(({ name: option }) => /cop/.test(option)),
      python: given.find(({ name: option }) => option === '--python')?.value,
      command: withChangedVariables(
        isPython ? [program, '-m', 'venv', ...words] : [program, ...words],
        env,
        run,
      ),
    },
  ];
}
