import { readContextFile } from '../context/content.ts';
import type { Context } from '../context/context.ts';
import { copyKey, writeCopyLayer } from '../context/copy-layer.ts';
import type { CopyContent } from '../context/copy-tree.ts';
import { type CopyPlan, planCopy } from '../context/plan-copy.ts';
import { planWorkdir } from '../context/workdir.ts';
import { expandCopy } from '../dockerfile/expanded-copy.ts';
import type { CopyInstruction } from '../dockerfile/instruction.ts';
import { type ImageFacts, withLayerFacts } from '../facts/image-facts.ts';
import type { StageState } from '../image/config-start.ts';
import type { PathEntry } from '../image/path-entry.ts';
import { lookupOwner, lookupUser, type Owner } from '../image/users.ts';
import { writeLayer } from '../layers/write-layer.ts';
import { keyOf } from '../plan/key.ts';
import { contentOf, isWanted, variableOf } from '../python/detect/detect-files.ts';
import { instructionText } from './history.ts';
import { type ImageState, NotComposable, type WrittenLayer } from './state.ts';
import type { ComposeRequest } from './walk.ts';

/**
 * Adds the layer of a `COPY` or `ADD` of the context.
 *
 * @param before what the instruction sees
 * @param after the state with its effect on configuration and history
 */
export async function copyStep(
  request: ComposeRequest,
  context: Context,
  before: ImageState,
  after: ImageState,
  instruction: CopyInstruction,
): Promise<ImageState> {
  const plan = await plannedCopy(request.dockerfile.path, context, before, instruction);
  if (plan.reason !== undefined) throw new NotComposable(instruction.line, plan.reason);
  const title = instructionText(after.stage.image.history?.at(-1));
  const layer = copyLayer(request, plan, title, instruction.line);
  const copied = new Map(before.copied);
  for (const { entry, content } of plan.entries) {
    copied.delete(entry.path);
    if (content !== undefined && entry.type === 'file') copied.set(entry.path, content);
  }
  return { ...after, layers: [...after.layers, layer], files: await filesAfter(before.files, plan), copied };
}

/** The layer of a plan that writes files of the context. */
export function copyLayer(
  { compression, mtime }: Pick<ComposeRequest, 'compression' | 'mtime'>,
  plan: CopyPlan,
  title: string,
  line: number,
): WrittenLayer {
  return {
    ...{ kind: 'copy', title, line },
    key: keyOf('copy-layer', { entries: copyKey(plan), compression }),
    bytes: plan.entries.reduce((sum, { entry }) => sum + entry.size, 0),
    write: (directory) => writeCopyLayer(plan, { directory, compression, mtime }),
  };
}

/** What a `COPY` or `ADD` of the context writes onto an image. */
export async function plannedCopy(
  path: string,
  context: Context,
  { stage, files }: Pick<ImageState, 'stage' | 'files'>,
  instruction: CopyInstruction,
): Promise<CopyPlan> {
  const { copy, unknown } = expandCopy(stage.scope, instruction);
  if (unknown.length > 0)
    throw new NotComposable(instruction.line, `the value of ${unknown.join(', ')} is not known`);
  return await planCopy(
    {
      keyword: copy.kind === 'copy' ? 'COPY' : 'ADD',
      place: `${path}:${copy.line}`,
      sources: copy.sources,
      heredocs: copy.inline.map(({ name, content }) => ({ path: name, content })),
      destination: copy.destination,
      workdir: stage.image.config.WorkingDir ?? '/',
      chown: ownerOf(files, copy),
      chmod: copy.chmod === '' ? undefined : copy.chmod,
      link: copy.link,
      parents: copy.parents,
      excludes: copy.excludes,
    },
    context,
    files.index,
  );
}

/** Whose a copied file is after `--chown`; undefined without it. */
export function ownerOf(files: ImageFacts, { chown, line, link }: CopyInstruction): Owner | undefined {
  if (chown === '') return undefined;
  const { passwd, group } = accountsOf(files);
  const owner = link && /[^0-9:]/.test(chown) ? undefined : lookupOwner(passwd, group, chown);
  if (owner === undefined)
    throw new NotComposable(
      line,
      `who ${chown} is cannot be told`,
      'Give --chown numbers: --chown=1000:1000.',
    );
  return owner;
}

/** Texts of the image's passwd and group files; a file that is there but was not kept counts as empty, and names as unknown. */
function accountsOf(files: ImageFacts): { readonly passwd: string; readonly group: string } {
  const text = (path: string) => contentOf(files, path) ?? '';
  return { passwd: text('/etc/passwd'), group: text('/etc/group') };
}

/** The home directory of the user that RUN has. */
export function homeOf(files: ImageFacts, { image }: StageState): string {
  const named = variableOf(image.config.Env ?? [], 'HOME');
  const { passwd, group } = accountsOf(files);
  return named || lookupUser(passwd, group, image.config.User ?? '')?.home || '/';
}

/** An image's files with what a plan writes. */
export async function filesAfter(before: ImageFacts, plan: CopyPlan): Promise<ImageFacts> {
  const contents = new Map<string, Uint8Array>();
  for (const { entry, content } of plan.entries)
    if (content !== undefined && entry.type === 'file' && isWanted(entry.path))
      contents.set(entry.path, await bytesOf(plan.context, content));
  return withLayerFacts(before, { entries: plan.entries.map(({ entry }) => entry), diffId: '', contents });
}

/** The content of a copied file, checked against what its layer has. */
export async function bytesOf(context: Context, content: CopyContent): Promise<Uint8Array> {
  return content.kind === 'bytes' ? content.bytes : await readContextFile(context, content.entry);
}

/** Adds the directory of a `WORKDIR`, if it is not there. */
export function workdirStep(
  request: ComposeRequest,
  before: ImageState,
  after: ImageState,
  line: number,
): ImageState {
  const directory = after.stage.image.config.WorkingDir ?? '/';
  if (directory === '/') return after;
  const { index } = before.files;
  const { passwd, group } = accountsOf(before.files);
  const user = before.stage.image.config.User ?? '';
  const owner = user === '' ? undefined : lookupOwner(passwd, group, user);
  if (user !== '' && owner === undefined) throw new NotComposable(line, `who ${user} is cannot be told`);
  const { entries, reason } = planWorkdir(directory, index, owner);
  if (reason !== undefined) throw new NotComposable(line, reason);
  if (entries.length === 0) return withoutLayer(after);
  const layer = entriesLayer('directory', `WORKDIR ${directory}`, line, entries, request);
  return {
    ...after,
    layers: [...after.layers, layer],
    files: withLayerFacts(before.files, { entries, diffId: '', contents: new Map() }),
  };
}

/** The last instruction made no layer: it changed nothing. */
export function withoutLayer(state: ImageState): ImageState {
  const { image } = state.stage;
  const history = [...(image.history ?? [])];
  const last = history.pop();
  if (last) history.push({ ...last, empty_layer: true });
  return { ...state, stage: { ...state.stage, image: { ...image, history } } };
}

/** A layer of entries that have no content. */
export function entriesLayer(
  kind: WrittenLayer['kind'],
  title: string,
  line: number,
  entries: readonly PathEntry[],
  { compression, mtime }: Pick<ComposeRequest, 'compression' | 'mtime'>,
): WrittenLayer {
  const key = keyOf(`${kind}-layer`, { compression, entries: entries.map((entry) => ({ ...entry })) });
  return {
    ...{ kind, key, title, line, bytes: 0 },
    write: (directory) =>
      writeLayer(
        entries.map((entry) => ({ entry })),
        { directory, compression, mtime },
      ),
  };
}
