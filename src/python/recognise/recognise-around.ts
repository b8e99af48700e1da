import { posix } from 'node:path';
import type { BindMount, DependencyAction, NotRecognised, RunStep, SecretMount } from './recognise.ts';

/** One `--mount` of a RUN, its options by name: `type`, `target`, `source`, `from`, `id`. */
export interface RunMount {
  /** `bind` if it is not given. */
  readonly type: string;
  readonly target: string;
  /** Of a bind: the path in the context; `''` or `/` for all of it. Of a secret: its id by another name. */
  readonly source: string;
  /** Of a bind or cache: a stage or image; undefined for the context. */
  readonly from: string | undefined;
  /** Of a secret; undefined if the caller does not tell: then secrets are refused. */
  readonly id?: string;
  /** Of a secret: the variable that it is given by. */
  readonly env?: string | undefined;
  /** Of a secret: whether the step fails without it. */
  readonly required?: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Whether mounts leave no trace in what is installed: caches of the tools, files for reading, logins, temporary files.
 *
 * @returns the files and secrets that the step sees
 */
export function harmlessMounts(
  mounts: readonly RunMount[],
  env: Env,
): { readonly binds: readonly BindMount[]; readonly secrets: readonly SecretMount[] } | NotRecognised {
  const binds: BindMount[] = [];
  const secrets: SecretMount[] = [];
  for (const mount of mounts) {
    const refused = harmfulMount(mount, env);
    if (refused) return refused;
    const { type, target, source, from } = mount;
    if (type === 'bind') binds.push({ target, source, from });
    if (type === 'secret') secrets.push(secretOf(mount));
  }
  return { binds, secrets };
}

/** As BuildKit completes it: the id is the target's name, the target is below /run/secrets. */
function secretOf({ id, source, target, env, required = false }: RunMount): SecretMount {
  const name = id || source || posix.basename(target);
  const file = target !== '' ? target : env ? undefined : `/run/secrets/${name}`;
  return { id: name, target: file, env: env || undefined, required };
}

const CACHE =
  /(?:^|\/)\.cache(?:\/(?:pip|uv|pypoetry(?:\/(?:cache|artifacts))?|pipenv|virtualenv))?\/?$|^\/var\/(?:cache|lib)\/apt\/?$/;
const CACHES = ['PIP_CACHE_DIR', 'UV_CACHE_DIR', 'POETRY_CACHE_DIR', 'PIPENV_CACHE_DIR', 'XDG_CACHE_HOME'];

function harmfulMount({ type, target, id }: RunMount, env: Env): NotRecognised | undefined {
  switch (type) {
    case 'cache':
    case 'tmpfs': {
      const plain = (path: string) => path.replace(/(?<=.)\/+$/, '');
      const named = CACHES.flatMap((name) => env[name] || []).map(plain);
      const known = CACHE.test(target) || named.includes(plain(target));
      if (known || (type === 'tmpfs' && /^\/tmp\/?$/.test(target))) return undefined;
      return {
        reason: `a ${type} mount at ${target}, which is not known as a cache of pip`,
        hint: 'The cache of pip is /root/.cache/pip, unless PIP_CACHE_DIR says otherwise.',
      };
    }
    case 'bind':
      return undefined;
    case 'secret':
      return id === undefined
        ? {
            reason: 'a secret mount, whose content is not known before the build',
            hint: 'Indexes that need a login can be given by PIP_INDEX_URL and PIP_EXTRA_INDEX_URL.',
          }
        : undefined;
    default:
      return { reason: `a mount of type ${type}` };
  }
}

/** What is written into a mount is not in the image. */
export function writesIntoMount(
  steps: readonly DependencyAction[],
  mounts: readonly RunMount[],
  workdir: string,
): NotRecognised | undefined {
  const places = steps.flatMap(placeOf).map((path) => posix.resolve(workdir, path));
  const mounted = mounts
    .filter(({ type }) => type !== 'secret')
    .map(({ target }) => posix.resolve(workdir, target));
  const hidden = places.find((place) => mounted.some((at) => place === at || place.startsWith(`${at}/`)));
  if (hidden === undefined) return undefined;
  return {
    reason: `${hidden} lies in a mount, so nothing of it comes into the image`,
    hint: 'Mount single files (pyproject.toml, uv.lock), or install to another directory.',
  };
}

function placeOf(step: DependencyAction): string | readonly string[] {
  switch (step.kind) {
    case 'venv':
      return step.directory;
    case 'pip-wheel':
      return step.wheelDirectory;
    case 'pip-install': {
      const own = step.program.startsWith('/') ? step.program : [];
      return [own, 'directory' in step.destination ? (step.destination.directory ?? []) : []].flat();
    }
    case 'locked-install':
      return step.environment.kind === 'directory' ? step.environment.path : [];
    case 'settings':
      return [];
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

const DANGEROUS =
  /^(?:LD_PRELOAD|BASH_ENV|_PYTHON_.+|_PIP_.+|DEB_PYTHON_INSTALL_LAYOUT|PYC_INVALIDATION_MODE)$/;

/** Whether a variable leaves Python, pip and the shell as they are; those of the tools are read elsewhere. */
export function isHarmlessVariable(name: string, value: string): boolean {
  // An empty variable of Python's counts as none.
  if (value === '') return true;
  return !(/^PYTHON[A-Z0-9]+$/.test(name) && !HARMLESS_PYTHON.has(name)) && !DANGEROUS.test(name);
}

/** Whether the environment leaves Python, pip and the shell as they are; `PIP_*` is read elsewhere. */
export function harmlessEnvironment(env: Env): NotRecognised | undefined {
  const odd = Object.entries(env).find(
    ([name, value]) => value !== undefined && !isHarmlessVariable(name, value),
  )?.[0];
  if (odd === undefined) return undefined;
  return {
    reason: `${odd} is set, which may change what is installed`,
    hint: `Set ${odd} below the installation.`,
  };
}

const INSTALLS = [
  /\b(?:uv\s(?:[^;&|]*\s)?)?pip[\d.]*\s(?:[^;&|]*\s)?(?:install|sync|wheel)\b/,
  /\s-m venv\b|\bvirtualenv\s/,
  /\buv\s(?:[^;&|]*\s)?(?:sync|venv)\b/,
  /\bpoetry\s(?:[^;&|]*\s)?(?:install|sync)\b/,
  /\bpipenv\s(?:[^;&|]*\s)?(?:install|sync)\b/,
];

/** True if something is installed somewhere in it, or an environment is made: then it is worth being recognised. */
export function mentionsInstall({ command }: Pick<RunStep, 'command'>): boolean {
  const text = typeof command === 'string' ? command : command.join(' ');
  return INSTALLS.some((pattern) => pattern.test(text));
}
