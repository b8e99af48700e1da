import { posix } from 'node:path';
import type { DependencyAction, MakeVenv, NotRecognised } from './recognise.ts';
import { type Call, type ShellState, toolCall, withChangedVariables } from './recognise-state.ts';
import { uvPipInstall } from './recognise-uv-pip.ts';
import { uvSync } from './recognise-uv-sync.ts';
import { refusedLinkMode, uvDirectory, uvPython } from './recognise-uv-told.ts';
import { isGiven, parseToolOptions } from './tool-options.ts';
import { uvArguments } from './uv-arguments.ts';
import { UV_GLOBAL, UV_VENV } from './uv-options.ts';

type Env = ShellState['env'];

/** `uv ...`: nothing for what leaves no trace but in uv's own cache. */
export function uvCommand(
  { program, args, env, patterns }: Call,
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const { before, command, second, rest } = toolCall(args, UV_GLOBAL);
  const global = parseToolOptions('uv', before, UV_GLOBAL);
  if ('reason' in global) return command === undefined ? harmlessVersion(before) : global;
  const words = [...before, ...rest];
  switch (command) {
    case 'sync':
      return uvSync(program, words, env, state);
    case 'venv':
      return uvVenv(program, words, env, state);
    case 'pip': {
      const after = rest.slice(1);
      if (second === 'install' || second === 'sync')
        return uvPipInstall(second, { program, args: [...before, ...after], env, patterns }, state);
      if (/^(?:list|freeze|show|tree)$/.test(second ?? '')) return [];
      return onlyByUv(`pip ${second ?? ''}`);
    }
    case 'cache':
      return /^(?:clean|prune|dir|size)$/.test(second ?? '') ? [] : onlyByUv(`cache ${second ?? ''}`);
    case 'version':
      return onlyByUv('version');
    default:
      return command === undefined ? harmlessVersion(before) : onlyByUv(command);
  }
}

function harmlessVersion(words: readonly string[]): readonly [] | NotRecognised {
  return words.length === 1 && /^(?:--version|-V)$/.test(words[0] as string) ? [] : onlyByUv(words.join(' '));
}

const HINTS: Readonly<Record<string, string>> = {
  export: 'In place of uv export and pip: uv sync --frozen --no-install-project.',
  run: 'Install with uv sync in a RUN of its own.',
  lock: 'Keep uv.lock in the repository, and install it by uv sync --frozen.',
  add: 'Declare it in pyproject.toml, and install by uv sync --frozen.',
  python: "Start from an image that has this Python: then uv takes the image's.",
};

function onlyByUv(command: string): NotRecognised {
  const what = command.trim();
  const hint =
    HINTS[what.split(' ')[0] as string] ??
    'Give the installation a RUN of its own, so that it is recognised.';
  return { reason: `it runs uv ${what}, which only BuildKit can do`, hint };
}

function uvVenv(
  program: string,
  words: readonly string[],
  env: Env,
  state: ShellState,
): readonly MakeVenv[] | NotRecognised {
  const parsed = uvArguments('uv venv', words, env, UV_VENV);
  if ('reason' in parsed) return parsed;
  const { given, positional } = parsed;
  const [named, ...more] = positional;
  if (more.length > 0) return { reason: 'uv venv makes not one directory' };
  if (named === undefined && env.UV_PROJECT_ENVIRONMENT)
    return {
      reason: 'uv venv names no directory while UV_PROJECT_ENVIRONMENT is set',
      hint: 'Name the directory: uv venv /opt/venv.',
    };
  const told = uvPython(given);
  if ('reason' in told) return told;
  const refused = refusedLinkMode(given);
  if (refused) return refused;
  const directory = uvDirectory(given, state);
  const moved = state.cwd !== state.run.workdir ? ['--directory', directory] : [];
  const bare = words.filter((word, at) => word !== '--directory' && words[at - 1] !== '--directory');
  const command = withChangedVariables(
    [program, 'venv', ...(moved.length > 0 ? bare : words), ...moved],
    env,
    state.run,
  );
  const target = named ?? '.venv';
  return [
    {
      ...{ kind: 'venv', tool: 'uv', program, command, workdir: directory, copies: false },
      directory: directory === state.run.workdir ? target : posix.resolve(directory, target),
      python: told.python,
      seed: isGiven(given, '--seed'),
      readsProject: told.python === undefined,
    },
  ];
}
