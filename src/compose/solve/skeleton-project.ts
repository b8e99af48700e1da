import type { StageNode } from '../../dockerfile/graph.ts';
import type { LockedInstall, NotRecognised, RecognisedStep } from '../../python/recognise/recognise.ts';
import type { SkeletonProject } from '../../python/recognise/skeleton.ts';
import { absolutePath } from '../cut.ts';
import { textReader } from '../install/image-files.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest, World } from '../walk.ts';
import { copiedBefore } from './assumed-copies.ts';
import { statesOf } from './stage-states.ts';

/** Where the installation stands whose environment is made. */
export interface SkeletonPlace {
  readonly node: StageNode;
  /** Indices of the stage's instructions: the first one that is copied or set between, and the installation. */
  readonly from: number;
  readonly at: number;
  readonly binds: RecognisedStep['binds'];
}

/** What the files of a project, as the installation will find them, say about its environment. */
export function projectReader(
  request: ComposeRequest,
  world: Pick<World, 'context'>,
  state: ImageState,
  { node, from, at, binds }: SkeletonPlace,
): (action: LockedInstall) => Promise<SkeletonProject | NotRecognised | undefined> {
  const between = node.instructions.slice(from, at);
  const states = statesOf(between, state.stage);
  const seen = copiedBefore(request, world, state, between, states).then((copied) => ({
    ...state,
    ...copied,
    stage: states.at(-1) ?? state.stage,
  }));
  return async ({ tool, project }) => {
    if ((tool !== 'uv' && tool !== 'poetry') || project === undefined) return undefined;
    const { skeletonProject, poetryProject } = await import('../../python/recognise/skeleton.ts');
    const image = await seen;
    const path = `${project}/pyproject.toml` as const;
    const textOf = textReader(world, image, binds);
    const text = await textOf(path);
    if (text === undefined) return { reason: `${path} is not there, or its content is not known` };
    if (tool === 'poetry') {
      const there = await isThere(world, image.stage, state, binds, path, text);
      return there === true ? undefined : there === false ? poetryProject(text) : there;
    }
    return skeletonProject(
      text,
      project,
      await textOf(`${project}/.python-version`),
      await memberTexts(image, project, textOf),
    );
  };
}

/**
 * True if what makes the environment finds the project's file, too: by a mount, or because it was there before.
 *
 * @returns a reason if it would find another one
 */
async function isThere(
  world: Pick<World, 'context'>,
  { image }: ImageState['stage'],
  state: ImageState,
  binds: SkeletonPlace['binds'],
  path: string,
  text: string,
): Promise<boolean | NotRecognised> {
  const isMounted = binds.some(({ target }) => {
    const at = absolutePath(target, image.config.WorkingDir ?? '/');
    return path === at || path.startsWith(`${at}/`);
  });
  if (isMounted || state.files.index.resolve(path).entry === undefined) return isMounted;
  if ((await textReader(world, state, [])(path)) === text) return true;
  return { reason: `there is another ${path} below` };
}

/** The pyproject.toml files below a project that are known: those of its workspace are among them. */
async function memberTexts(
  { files }: Pick<ImageState, 'files'>,
  project: string,
  textOf: (path: string) => Promise<string | undefined>,
): Promise<readonly string[]> {
  const root = project.slice(1);
  const paths = [...files.index.entries()]
    .map(({ path }) => path)
    .filter(
      (path) => path.startsWith(`${root}/`) && /\/[^/]+\/pyproject\.toml$/.test(path.slice(root.length)),
    );
  const texts = await Promise.all(paths.map((path) => textOf(`/${path}`)));
  return texts.filter((text) => text !== undefined);
}
