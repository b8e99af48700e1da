/** Where variables are mounted that may carry logins. */
export const INDEX_SECRET = '/run/layerwright/index.json';

/** Stands for a new directory of the program in the words, variables and file names that it is told. */
export const WORK = '<layerwright-work>';

/** What the program is told, as `job.json` beside it. */
export interface ProgramOrder {
  /** `wheel`: the one wheel that is built on the way; `report`: a file that the command writes. */
  readonly mode: 'wheel' | 'report';
  /** Its name in that directory; it comes out as `report`. */
  readonly report?: string;
  /** {@link WORK} in a word stands for a new directory. */
  readonly command: readonly string[];
  /** Variables of the command, {@link WORK} as above, without logins. */
  readonly env: Readonly<Record<string, string>>;
  /** Texts of files that are written to that directory first, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** The project's directory: bytecode counts there only, elsewhere each program that runs writes its own. */
  readonly project: string;
  /** Absolute: where results go. */
  readonly out: string;
  /** Absolute paths whose changes do not stay: mounts, caches. */
  readonly passedOver: readonly string[];
  /** Addresses of the indexes without logins: what is cached by BuildKit depends on them. */
  readonly indexes: readonly string[];
}

/** What the program writes as `result.json`. */
export interface ProgramResult {
  /** Why there is no result though the command went well; half a sentence. */
  readonly problem?: string;
  /** True if pip made no wheel of it at all. */
  readonly legacy?: boolean;
  /** Of the wheel beside it. */
  readonly filename?: string;
  /** Texts of what the tool adds to the dist-info, but RECORD, INSTALLER and REQUESTED, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the build left in the image beside the installation. Contents of files are `left/N`, by their place in the list. */
  readonly left?: readonly {
    readonly path: string;
    readonly type: 'file' | 'directory' | 'symlink';
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly size: number;
    readonly link: string;
  }[];
}

/**
 * Runs in the image, by its own Python (3.8 or later), as the step's user. The tool installs into an empty prefix; the wheel that it
 * built for that is what pip leaves with `--no-clean`, and uv in its cache. What changed meanwhile in the whole file system is what
 * the build leaves behind: setuptools writes `build` and `*.egg-info` into the project.
 */
export const WHEEL_PROGRAM = `
import json, os, re, shutil, stat, subprocess, sys, tempfile, zipfile

JOB = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(JOB, 'job.json'), encoding='utf-8') as file:
    job = json.load(file)
OUT = job['out']
os.makedirs(OUT, exist_ok=True)
WORK = tempfile.mkdtemp(prefix='layerwright-')
LEFT_LIMIT = 32 * 1024 * 1024
OWN = ('INSTALLER', 'REQUESTED', 'RECORD')
passed_over = {'/proc', '/sys', '/dev', JOB, OUT, WORK, *job['passedOver']}


class Problem(Exception):
    pass


class Legacy(Problem):
    pass


def snapshot():
    found = {}
    waiting = ['/']
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            path = entry.path
            if path in passed_over:
                continue
            bytecode = entry.name == '__pycache__' or entry.name.endswith('.pyc')
            if bytecode and not path.startswith(job['project'] + '/'):
                continue
            facts = entry.stat(follow_symlinks=False)
            mode = facts.st_mode
            own = (mode, facts.st_uid, facts.st_gid)
            if stat.S_ISDIR(mode):
                if os.path.ismount(path):
                    continue
                found[path] = own
                waiting.append(path)
            elif stat.S_ISLNK(mode):
                found[path] = own + (os.readlink(path),)
            else:
                found[path] = own + (facts.st_size, facts.st_mtime_ns)
    return found


def left_behind(before, after):
    gone = sorted(path for path in before if path not in after)
    if gone:
        raise Problem('its build removes ' + gone[0])
    left = []
    total = 0
    for path in sorted(path for path in after if after[path] != before.get(path)):
        mode = after[path][0]
        entry = {'path': path.lstrip('/'), 'mode': stat.S_IMODE(mode), 'uid': after[path][1], 'gid': after[path][2]}
        if stat.S_ISDIR(mode):
            entry.update(type='directory', size=0, link='')
        elif stat.S_ISLNK(mode):
            entry.update(type='symlink', size=0, link=after[path][3])
        elif stat.S_ISREG(mode):
            entry.update(type='file', size=after[path][3], link='')
            total += entry['size']
            if total > LEFT_LIMIT:
                raise Problem('its build leaves more than 32 MiB in the image')
            os.makedirs(os.path.join(OUT, 'left'), exist_ok=True)
            copy = os.path.join(OUT, 'left', str(len(left)))
            shutil.copyfile(path, copy)
            if os.path.getsize(copy) != entry['size']:
                raise Problem('its build leaves something running')
        else:
            raise Problem('its build leaves something special at ' + path)
        left.append(entry)
    return left


def below(directory):
    for parent, directories, names in os.walk(directory):
        for name in directories + names:
            yield os.path.join(parent, name)


def normal(stem):
    return re.sub(r'[-_.]+', '-', stem).lower()


def wheel():
    installed = list(below(os.path.join(WORK, 'prefix')))
    infos = [path for path in installed if path.endswith('.dist-info')]
    if not infos and any(path.endswith(('.egg-info', '.egg-link', '.egg')) for path in installed):
        raise Legacy('it is installed by its setup.py, without a wheel')
    if len(infos) != 1:
        raise Problem('it is not installed as one wheel (%d *.dist-info)' % len(infos))
    stem = normal(os.path.basename(infos[0])[: -len('.dist-info')])
    wheels = {}
    for path in below(WORK):
        name = os.path.basename(path)
        if name.endswith('.whl') and os.path.isfile(path) and normal(name).startswith(stem + '-'):
            wheels[name] = path
    if len(wheels) != 1:
        raise Problem('the wheel is not found that was built of it (%d candidates)' % len(wheels))
    (filename, path), = wheels.items()
    with zipfile.ZipFile(path) as archive:
        inside = set(archive.namelist())
    files = {}
    for file in below(infos[0]):
        name = os.path.relpath(file, infos[0])
        if os.path.isdir(file) or name in OWN or os.path.basename(infos[0]) + '/' + name in inside:
            continue
        with open(file, encoding='utf-8') as opened:
            files[name] = opened.read()
    shutil.copyfile(path, os.path.join(OUT, filename))
    return {'filename': filename, 'files': files}


def report():
    shutil.copyfile(os.path.join(WORK, job['report']), os.path.join(OUT, 'report'))
    return {}


def run():
    def placed(text):
        return text.replace('${WORK}', WORK)

    environment = {**os.environ, **{name: placed(value) for name, value in job['env'].items()}}
    if os.path.exists('${INDEX_SECRET}'):
        with open('${INDEX_SECRET}', encoding='utf-8') as opened:
            environment.update(json.load(opened))
    os.mkdir(os.path.join(WORK, 'tmp'))
    for name, text in job['files'].items():
        with open(os.path.join(WORK, name), 'w', encoding='utf-8') as opened:
            opened.write(text)
    before = snapshot() if job['mode'] == 'wheel' else {}
    status = subprocess.call([placed(word) for word in job['command']], env=environment)
    if status != 0:
        sys.exit(status)
    if job['mode'] == 'report':
        return report()
    return {**wheel(), 'left': left_behind(before, snapshot())}


try:
    result = run()
except Problem as problem:
    result = {'problem': str(problem), 'legacy': isinstance(problem, Legacy)}
with open(os.path.join(OUT, 'result.json'), 'w', encoding='utf-8') as file:
    json.dump(result, file)
`;
