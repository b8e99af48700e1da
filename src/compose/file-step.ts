import { contentFacts, hashBytes } from '../context/content.ts';
import type { Context } from '../context/context.ts';
import type { CopyContent } from '../context/copy-tree.ts';
import { joinPath, parentOf } from '../context/go-path.ts';
import type { CopyEntry } from '../context/plan-copy.ts';
import { makeDirectories, resolvePath, type Tree, treeOver, Unsure } from '../context/tree.ts';
import {
  type CommandPath,
  type FileCommand,
  fileCommands,
  type ModeChange,
} from '../dockerfile/file-commands.ts';
import type { RunInstruction } from '../dockerfile/instruction.ts';
import type { StageState } from '../image/config-start.ts';
import type { PathEntry } from '../image/path-entry.ts';
import { lookupOwner, type Owner } from '../image/users.ts';
import { contentOf, variableOf } from '../python/detect/detect-files.ts';
import { harmlessShell } from '../python/recognise/recognise-around.ts';
import { copyLayer, entriesLayer, filesAfter, withoutLayer } from './copy-step.ts';
import { instructionText } from './history.ts';
import { isRootUser } from './install/step-user.ts';
import { type ImageState, NotComposable } from './state.ts';
import type { ComposeRequest } from './walk.ts';

/**
 * What a `RUN` does that only makes directories and changes modes and owners, as root: it is composed, since what it writes is known
 * without running it.
 *
 * @returns undefined for any other one
 */
export function housekeeping(
  run: RunInstruction,
  { image, scope }: StageState,
): readonly FileCommand[] | undefined {
  const { User, Shell = ['/bin/sh', '-c'], WorkingDir } = image.config;
  const env = Object.fromEntries(scope.environment);
  if (run.script === undefined || run.program !== undefined || run.mounts.length > 0) return undefined;
  if (!isRootUser(User) || harmlessShell(Shell) !== undefined) return undefined;
  if (env.LD_PRELOAD !== undefined || env.BASH_ENV !== undefined) return undefined;
  return fileCommands(run.script, { env, workdir: WorkingDir || '/' });
}

/** True if a `RUN` may turn out to be such a one, as far as its text tells. */
export function mayBeHousekeeping({ script }: RunInstruction): boolean {
  return script !== undefined && fileCommands(script, { env: {}, workdir: '/' }) !== undefined;
}

/**
 * Adds the layer of such a `RUN`.
 *
 * @param before what the instruction sees
 * @param after the state with its effect on history
 * @throws NotComposable where the image's files are not surely known to allow it
 */
export async function fileStep(
  request: ComposeRequest,
  contextOf: () => Promise<Context>,
  before: ImageState,
  after: ImageState,
  run: RunInstruction,
): Promise<ImageState> {
  const commands = housekeeping(run, before.stage);
  if (commands === undefined) throw new NotComposable(run.line, 'it does more than to change files');
  const tree = treeOver<CopyContent>(before.files.index);
  try {
    for (const command of commands) {
      requireProgram(before, command.kind);
      applyCommand(tree, before, command);
    }
  } catch (error) {
    if (error instanceof Unsure) throw new NotComposable(run.line, error.message);
    throw error;
  }
  const written = tree.written();
  if (written.length === 0) return withoutLayer(after);
  const title = instructionText(after.stage.image.history?.at(-1));
  const contents = written.flatMap(({ source }) => source ?? []);
  const context = await contextOf();
  const plan = { context, entries: await withHashes(context, written), reason: undefined };
  const layer =
    contents.length === 0
      ? entriesLayer(
          'directory',
          title,
          run.line,
          written.map(({ entry }) => entry),
          request,
        )
      : copyLayer(request, plan, title, run.line);
  return { ...after, layers: [...after.layers, layer], files: await filesAfter(before.files, plan) };
}

async function withHashes(
  context: Context,
  written: ReturnType<Tree<CopyContent>['written']>,
): Promise<readonly CopyEntry[]> {
  const files = written.flatMap(({ source }) => (source?.kind === 'context' ? source.entry : []));
  const facts = await contentFacts(context, files);
  return written.map(({ entry, source }) => ({
    entry,
    content: source,
    sha256:
      source?.kind === 'context' ? facts.get(source.entry.path)?.sha256 : source && hashBytes(source.bytes),
  }));
}

const PROGRAM = /^(?:usr\/)?s?bin\/(?:mkdir|chmod|chown|busybox|coreutils)$/;

/** The program that runs is the system's own, and there is a shell to run it. */
function requireProgram({ files: { index }, stage }: ImageState, name: string): void {
  const { Env = [], Shell = ['/bin/sh'] } = stage.image.config;
  const directories = (variableOf(Env, 'PATH') ?? '').split(':');
  const found = directories
    .map((directory) => index.resolve(`${directory}/${name}`))
    .find(({ entry }) => entry !== undefined);
  const isKnown = found?.entry?.type === 'file' && PROGRAM.test(found.path);
  if (!isKnown || directories.some((directory) => !directory.startsWith('/')))
    throw new Unsure(`what ${name} is is not known`);
  const [shell = ''] = Shell;
  if (index.resolve(shell).entry?.type !== 'file') throw new Unsure(`the image has no ${shell}`);
}

/** What is mounted over the image while something runs: nothing of it is written into a layer. */
const MOUNTED = /^(?:(?:proc|sys|dev)(?:\/.*)?|etc\/(?:hosts|resolv\.conf))$/;

function refuseMounted(path: string): void {
  if (MOUNTED.test(path)) throw new Unsure(`/${path} is not the image's own while a step runs`);
}

function applyCommand(tree: Tree<CopyContent>, state: ImageState, command: FileCommand): void {
  if (command.kind === 'mkdir') {
    for (const { path } of command.paths) makeOne(tree, path, command.parents);
    return;
  }
  const change = command.kind === 'chmod' ? withMode(command.change) : withOwner(state, command);
  // A change makes no new names.
  const namesIn = namesOf(tree, state);
  for (const named of command.paths)
    for (const operand of operandsOf(tree, namesIn, named)) {
      const all = command.recursive ? [operand, ...below(tree, namesIn, operand)] : [operand];
      for (const path of all) changeOne(tree, state, path, change);
    }
}

function makeOne(tree: Tree<CopyContent>, path: string, parents: boolean): void {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let here = '';
  for (const [at, name] of names.entries()) {
    const written = joinPath(here, name);
    const next = resolvePath(tree.get, written);
    refuseMounted(next);
    const found = tree.get(next);
    const isLast = at === names.length - 1;
    if (found !== undefined && found.type !== 'directory') throw new Unsure(`/${next} is no directory`);
    if (found !== undefined && isLast && !parents) throw new Unsure(`/${next} is there already`);
    if (found === undefined) {
      if (next !== written) throw new Unsure(`the link /${written} leads nowhere`);
      if (!isLast && !parents) throw new Unsure(`/${next} is not there`);
      // Group and set-group-ID would be inherited.
      if (((tree.get(here) as PathEntry).mode & 0o2000) !== 0) throw new Unsure(`/${here} has set-group-ID`);
      makeDirectories(tree, next, 0o755, undefined);
    }
    here = next;
  }
}

/** The paths that an operand names, links above it followed. */
function operandsOf(
  tree: Tree<CopyContent>,
  namesIn: NamesIn,
  { path, pattern }: CommandPath,
): readonly string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const last = names.pop();
  if (last === undefined) throw new Unsure('it is about the root directory');
  const directory = resolvePath(tree.get, names.join('/'));
  if (!pattern) return [joinPath(directory, last)];
  const literal = last.replaceAll(/[\\^$.+?()[\]{}|]/g, '\\$&');
  const fits = new RegExp(`^${literal.replaceAll('*', '.*')}$`, 's');
  const found = namesIn(directory).filter(
    (name) => fits.test(name) && (!name.startsWith('.') || last.startsWith('.')),
  );
  if (found.length === 0 || last.startsWith('.')) throw new Unsure(`what ${path} stands for is not known`);
  return found.map((name) => joinPath(directory, name));
}

/** The names in a directory. */
type NamesIn = (directory: string) => readonly string[];

/** Names of the image and of what has been written so far, which is gone through once: a context has thousands of directories. */
function namesOf(tree: Tree<CopyContent>, { files }: ImageState): NamesIn {
  const made = Map.groupBy(
    tree.written().flatMap(({ entry: { path } }) => (path === '' ? [] : path)),
    parentOf,
  );
  return (directory) => {
    const written = (made.get(directory) ?? []).map((path) => path.slice(path.lastIndexOf('/') + 1));
    return [...new Set([...files.index.children(directory), ...written])];
  };
}

function below(tree: Tree<CopyContent>, namesIn: NamesIn, path: string): readonly string[] {
  if (tree.get(path)?.type !== 'directory') return [];
  return namesIn(path).flatMap((name) => {
    const child = joinPath(path, name);
    return [child, ...below(tree, namesIn, child)];
  });
}

type Change = (entry: PathEntry) => PathEntry;

function changeOne(tree: Tree<CopyContent>, { copied }: ImageState, path: string, change: Change): void {
  refuseMounted(path);
  const entry = tree.get(path);
  if (entry === undefined) throw new Unsure(`/${path} is not there`);
  if (entry.type !== 'file' && entry.type !== 'directory') throw new Unsure(`/${path} is a link or a device`);
  // An owner's change takes away some of these, a mode's not from all.
  if ((entry.mode & 0o7000) !== 0) throw new Unsure(`/${path} has set-user-ID, set-group-ID or a sticky bit`);
  const changed = change(entry);
  if (changed.mode === entry.mode && changed.uid === entry.uid && changed.gid === entry.gid) return;
  const content = entry.type === 'directory' ? undefined : copied.get(path);
  if (content === undefined && entry.type === 'file')
    throw new Unsure(`/${path} is no file of the build context`);
  const origin = content?.kind === 'context' ? content : undefined;
  if (origin !== undefined && (origin.linked !== undefined || origin.entry.size !== entry.size))
    throw new Unsure(`/${path} has other names or was written over`);
  tree.put(changed, content);
}

function withMode(change: ModeChange): Change {
  return (entry) => ({ ...entry, mode: 'set' in change ? change.set : entry.mode | change.add });
}

function withOwner({ files }: ImageState, { user, group }: Extract<FileCommand, { kind: 'chown' }>): Change {
  const passwd = contentOf(files, '/etc/passwd') ?? '';
  const groups = contentOf(files, '/etc/group') ?? '';
  const found = (spec: string): Owner => {
    const owner = lookupOwner(passwd, groups, spec);
    if (owner === undefined)
      throw new Unsure(`who ${user ?? ''}${group ? `:${group}` : ''} is cannot be told`);
    return owner;
  };
  const uid = user === undefined ? undefined : found(user).uid;
  const gid = group === undefined ? undefined : found(`0:${group}`).gid;
  return (entry) => ({ ...entry, uid: uid ?? entry.uid, gid: gid ?? entry.gid });
}
