import { condaEnvironment } from './detect-conda.ts';
import { contentOf, type DetectedImage, variableOf } from './detect-files.ts';

/** Why something is not composed, for people: a half sentence. */
export interface Unclear {
  readonly reason: string;
  /** What could be changed about it, a sentence. */
  readonly hint?: string;
}

/** An interpreter that a program of an image runs in. */
export interface Interpreter {
  /** `sys.executable`: as it was called, links not followed. */
  readonly executable: string;
  /** 8 to 14: the minor version of CPython 3. */
  readonly minor: number;
  /** `sys.base_prefix`, absolute. */
  readonly prefix: string;
  /** The virtual environment's directory, `sys.prefix`. */
  readonly venv: string | undefined;
}

const MINOR = { first: 8, last: 14 };

/** What a container has if nobody says otherwise. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Variables that move Python's own directories or files. */
const MOVING = [
  'PYTHONHOME',
  'PYTHONPLATLIBDIR',
  'PYTHONPYCACHEPREFIX',
  'PYTHONOPTIMIZE',
  'DEB_PYTHON_INSTALL_LAYOUT',
];

/**
 * The interpreter behind a program that a Dockerfile calls.
 *
 * @param program a name that is looked for in PATH (`python3`, `pip`), an absolute path of one, or `uv`: what `uv pip install
 *   --system` installs into
 */
export function interpreterOf(image: DetectedImage, program: string): Interpreter | Unclear {
  const moving = MOVING.find((name) => variableOf(image.env, name));
  if (moving !== undefined) return { reason: `${moving} is set` };
  if (program === 'uv') return systemInterpreter(image);
  const found = findProgram(image, program);
  if (typeof found !== 'string') return found;
  const name = found.slice(found.lastIndexOf('/') + 1);
  if (/^python(?:3(?:\.\d+)?)?$/.test(name)) return interpreterAt(image, found);
  if (!/^pip(?:3(?:\.\d+)?)?$/.test(name)) return { reason: `${program} is neither Python nor pip` };
  const executable = launcherInterpreter(image, found);
  return typeof executable === 'string' ? interpreterAt(image, executable) : executable;
}

/** An absolute path, as a shell finds a program. */
function findProgram(image: DetectedImage, program: string): string | Unclear {
  if (program.startsWith('/')) {
    if (!isPlain(program)) return { reason: `${program} is no plain path` };
    return isProgram(image, program) ? program : { reason: `${program} is not in the image` };
  }
  if (program.includes('/')) return { reason: `${program} is a relative path` };
  for (const directory of searchPath(image)) {
    if (!isPlain(directory)) return { reason: `PATH has ${JSON.stringify(directory)} in it` };
    const path = `${directory}/${program}`;
    if (isProgram(image, path)) return path;
  }
  return { reason: `${program} is not in the image's PATH` };
}

function searchPath(image: DetectedImage): readonly string[] {
  return (variableOf(image.env, 'PATH') ?? DEFAULT_PATH).split(':');
}

/** Absolute, and written in the one way in which it comes back out of Python. */
export function isPlain(path: string): boolean {
  return /^(?:\/[^/]+)+$/.test(path) && !path.split('/').some((part) => part === '.' || part === '..');
}

function isProgram(image: DetectedImage, path: string): boolean {
  const { entry } = image.index.resolve(path);
  return entry?.type === 'file' && (entry.mode & 0o111) !== 0;
}

/** The lines of pip's own launcher scripts, as pip, ensurepip, uv, Debian and Alpine write them. Anything else may do anything. */
const LAUNCHER_LINE = new RegExp(
  `^(?:${[
    '',
    '#.*',
    'import re',
    'import sys',
    'from pip\\._internal(?:\\.cli\\.main)? import main',
    'from pip\\._internal\\.cli\\.main import cli',
    'if __name__ == ["\']__main__["\']:',
    'sys\\.argv\\[0\\] = re\\.sub\\(r["\']\\(-script\\\\\\.pyw\\|\\\\\\.exe\\)\\?\\$["\'], ["\']{2}, sys\\.argv\\[0\\]\\)',
    'sys\\.argv\\[0\\] = re\\.sub\\(r["\']\\(-script\\\\\\.pyw\\?\\|\\\\\\.exe\\)\\?\\$["\'], ["\']{2}, sys\\.argv\\[0\\]\\)',
    'if sys\\.argv\\[0\\]\\.endswith\\("(?:-script\\.pyw|\\.exe)"\\):',
    'elif sys\\.argv\\[0\\]\\.endswith\\("\\.exe"\\):',
    'sys\\.argv\\[0\\] = sys\\.argv\\[0\\]\\[:-(?:4|11)\\]',
    'sys\\.argv\\[0\\] = sys\\.argv\\[0\\]\\.removesuffix\\(["\']\\.exe["\']\\)',
    'sys\\.exit\\((?:main|cli)\\(\\)\\)',
  ].join('|')})$`,
);

/** The interpreter that a `pip` runs in: its shebang's. */
function launcherInterpreter(image: DetectedImage, path: string): string | Unclear {
  const text = contentOf(image, path);
  const [shebang = '', ...lines] = text?.split('\n') ?? [];
  if (!/^#! *\/\S+(?: \S+)?$/.test(shebang) || !lines.every((line) => LAUNCHER_LINE.test(line.trim())))
    return { reason: `${path} is not pip's own launcher` };
  const [command = '', argument] = shebang.slice(2).trim().split(' ');
  if (command === '/usr/bin/env' && argument !== undefined) return findProgram(image, argument);
  if (argument !== undefined) return { reason: `${path} runs Python with options` };
  return findProgram(image, command);
}

/** The first interpreter in PATH that is in no virtual environment, by the names that uv looks for (measured with uv 0.13). */
function systemInterpreter(image: DetectedImage): Interpreter | Unclear {
  const set = ['UV_PYTHON', 'UV_MANAGED_PYTHON', 'UV_PYTHON_PREFERENCE'].find((name) =>
    variableOf(image.env, name),
  );
  if (set !== undefined) return { reason: `${set} is set` };
  for (const directory of searchPath(image)) {
    if (!isPlain(directory)) return { reason: `PATH has ${JSON.stringify(directory)} in it` };
    for (const name of ['python', 'python3']) {
      const path = `${directory}/${name}`;
      const found = isProgram(image, path) ? interpreterAt(image, path) : undefined;
      if (found && ('reason' in found || found.venv === undefined)) return found;
    }
    const numbered = image.index
      .children(image.index.resolve(directory).path)
      .find((name) => /^python3\.\d+$/.test(name));
    if (numbered !== undefined && !isProgram(image, `${directory}/python3`))
      return { reason: `${directory} has ${numbered} but no python3` };
  }
  return { reason: "there is no Python in the image's PATH" };
}

/** What an interpreter makes of its own path when it starts. */
function interpreterAt(image: DetectedImage, executable: string): Interpreter | Unclear {
  const { path: real } = image.index.resolve(executable);
  const directory = parentOf(executable);
  const minor = Number(/\/python3\.(\d+)$/.exec(`/${real}`)?.[1] ?? Number.NaN);
  if (!(minor >= MINOR.first && minor <= MINOR.last))
    return { reason: `${executable} is /${real}, which is no CPython 3.${MINOR.first} to 3.${MINOR.last}` };
  if (image.index.resolve(`${directory}/pyvenv.cfg`).entry)
    return { reason: `${directory} has a pyvenv.cfg in it` };
  const venv = parentOf(directory);
  const isVenv = image.index.resolve(`${venv}/pyvenv.cfg`).entry !== undefined;
  const home = isVenv ? homeOf(image, venv) : `/${parentOf(real)}`;
  if (typeof home !== 'string') return home;
  if (image.index.resolve(home).path !== parentOf(real))
    return { reason: `${venv}/pyvenv.cfg says ${home}, but its Python is /${real}` };
  const prefix = `/${parentOf(parentOf(real))}`;
  const trouble = troubleWith(image, prefix, minor);
  return trouble ?? { executable, minor, prefix, venv: isVenv ? venv : undefined };
}

/** The directory of the Python that a virtual environment is of. */
function homeOf(image: DetectedImage, venv: string): string | Unclear {
  const where = `${venv}/pyvenv.cfg`;
  const text = contentOf(image, where);
  if (text === undefined) return { reason: `${where} cannot be read` };
  const values = new Map(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => line.split(/=([\s\S]*)/, 2).map((part) => part.trim()) as [string, string])
      .map(([key, value]) => [key.toLowerCase(), value]),
  );
  if (values.get('include-system-site-packages')?.toLowerCase() !== 'false')
    return { reason: `${venv} sees the system's packages too (include-system-site-packages)` };
  const implementation = values.get('implementation') ?? 'CPython';
  if (implementation !== 'CPython') return { reason: `${venv} is of ${implementation}` };
  const home = values.get('home') ?? '';
  return isPlain(home) ? home : { reason: `${where} names no home` };
}

function troubleWith(image: DetectedImage, prefix: string, minor: number): Unclear | undefined {
  const { index } = image;
  const conda = condaEnvironment(image, prefix);
  if (conda !== undefined) return conda;
  const library = `${prefix}/lib/python3.${minor}`;
  if (index.resolve(`${library}/os.py`).entry?.type !== 'file')
    return { reason: `${library} has no standard library in it` };
  return undefined;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
