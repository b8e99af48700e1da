import type { StageNode } from '../dockerfile/graph.ts';
import type { LockedInstall, NotRecognised, RecognisedStep } from '../python/recognise.ts';
import type { SkeletonProject } from '../python/skeleton.ts';
import { copiedBefore } from './assumed-copies.ts';
import { readImageFile } from './image-files.ts';
import { statesOf } from './stage-states.ts';
import type { ImageState } from './state.ts';
import type { ComposeRequest, World } from './walk.ts';

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
    if (tool !== 'uv' || project === undefined) return undefined;
    const { skeletonProject } = await import('../python/skeleton.ts');
    const image = await seen;
    const textOf = async (path: string) => {
      const bytes = await readImageFile(world, image, binds, path);
      return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
    };
    const text = await textOf(`${project}/pyproject.toml`);
    if (text === undefined)
      return { reason: `${project}/pyproject.toml is not there, or its content is not known` };
    return skeletonProject(
      text,
      project,
      await textOf(`${project}/.python-version`),
      await memberTexts(image, project, textOf),
    );
  };
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
