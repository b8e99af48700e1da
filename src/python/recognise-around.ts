import type { NotRecognised, RecognisedStep, RunStep } from './recognise.ts';

/** One `--mount` of a RUN, its options by name: `type`, `target`, `source`, `from`, `id`. */
export interface RunMount {
  /** `bind` if it is not given. */
  readonly type: string;
  readonly target: string;
  /** Of a bind: the path in the context; `''` or `/` for all of it. */
  readonly source: string;
  /** Of a bind or cache: a stage or image; undefined for the context. */
  readonly from: string | undefined;
}

/**
 * Whether mounts leave no trace in what is installed: caches of pip, files of the context for reading, temporary files.
 *
 * @returns the files of the context that the step sees
 */
export function harmlessMounts(
  mounts: readonly RunMount[],
  env: Readonly<Record<string, string | undefined>>,
): Pick<RecognisedStep, 'binds'> | NotRecognised {
  const binds: { target: string; source: string }[] = [];
  for (const mount of mounts) {
    const refused = harmfulMount(mount, env);
    if (refused) return refused;
    if (mount.type === 'bind') binds.push({ target: mount.target, source: mount.source });
  }
  return { binds };
}

function harmfulMount(
  { type, target, from }: RunMount,
  env: Readonly<Record<string, string | undefined>>,
): NotRecognised | undefined {
  switch (type) {
    case 'cache':
    case 'tmpfs': {
      const known = /(?:^|\/)\.cache(?:\/(?:pip|uv))?\/?$/.test(target) || target === env.PIP_CACHE_DIR;
      if (known || (type === 'tmpfs' && /^\/tmp\/?$/.test(target))) return undefined;
      return {
        reason: `a ${type} mount at ${target}, which is not known as a cache of pip`,
        hint: 'The cache of pip is /root/.cache/pip, unless PIP_CACHE_DIR says otherwise.',
      };
    }
    case 'bind':
      return from === undefined
        ? undefined
        : {
            reason: `a bind mount from ${from}`,
            hint: 'A requirements file may be mounted from the context, or copied.',
          };
    case 'secret':
      return {
        reason: 'a secret mount, whose content is not known before the build',
        hint: 'Indexes that need a login can be given by PIP_INDEX_URL and PIP_EXTRA_INDEX_URL.',
      };
    default:
      return { reason: `a mount of type ${type}` };
  }
}

const SHELLS = /^(?:\/usr)?\/bin\/(?:sh|bash|dash|ash)$/;

/** Shells that read simple commands alike, with options that only change when they give up. */
export function harmlessShell(shell: readonly string[]): NotRecognised | undefined {
  const [program = '', ...options] = shell;
  const known = SHELLS.test(program) && /^(?:-[euxo]+ |pipefail )*-[euxo]*c $/.test(`${options.join(' ')} `);
  return known
    ? undefined
    : {
        reason: `the shell ${shell.join(' ')}`,
        hint: 'Set SHELL below the installation, or to sh or bash with -c.',
      };
}

/** Variables of Python that change nothing of what pip installs; of PYTHONPATH the caller is told. */
const HARMLESS_PYTHON = new Set([
  ...['PYTHONDONTWRITEBYTECODE', 'PYTHONUNBUFFERED', 'PYTHONHASHSEED', 'PYTHONFAULTHANDLER', 'PYTHONPATH'],
  ...[
    'PYTHONIOENCODING',
    'PYTHONUTF8',
    'PYTHONWARNINGS',
    'PYTHONNOUSERSITE',
    'PYTHONUSERBASE',
    'PYTHONSAFEPATH',
  ],
  ...['PYTHONASYNCIODEBUG', 'PYTHONTRACEMALLOC', 'PYTHONDEVMODE', 'PYTHONCOERCECLOCALE', 'PYTHONMALLOC'],
  ...['PYTHONBREAKPOINT', 'PYTHONINTMAXSTRDIGITS', 'PYTHONSTARTUP'],
]);

const DANGEROUS = /^(?:LD_PRELOAD|BASH_ENV|_PYTHON_.+)$/;

/** Whether the environment leaves Python, pip and the shell as they are; `PIP_*` is read elsewhere. */
export function harmlessEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): NotRecognised | undefined {
  for (const [name, value] of Object.entries(env)) {
    // An empty variable of Python's counts as none.
    if (value === undefined || value === '') continue;
    const python = /^PYTHON[A-Z0-9]+$/.test(name) && !HARMLESS_PYTHON.has(name);
    if (python || DANGEROUS.test(name))
      return {
        reason: `${name} is set, which may change what is installed`,
        hint: `Set ${name} below the installation.`,
      };
  }
  return undefined;
}

/** True if pip installs something somewhere in it, or an environment is made: then it is worth being recognised. */
export function mentionsInstall({ command }: Pick<RunStep, 'command'>): boolean {
  const text = typeof command === 'string' ? command : command.join(' ');
  return /\bpip[\d.]*\s(?:[^;&|]*\s)?install\b|\s-m venv\b/.test(text);
}
