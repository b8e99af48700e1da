import type { DetectedImage } from './detect-files.ts';
import type { Unclear } from './detect-interpreter.ts';

/** Why nothing is installed by us into a Conda environment; undefined if the directory is none. */
export function condaEnvironment(image: Pick<DetectedImage, 'index'>, prefix: string): Unclear | undefined {
  if (image.index.resolve(`${prefix}/conda-meta`).entry === undefined) return undefined;
  return {
    // Conda keeps its own list of what is installed, and its Python is compiled against Conda's libraries.
    reason: `${prefix} is a Conda environment (conda-meta), which only Conda's own rules describe`,
    hint: 'With an official Python image, or a virtual environment of one, the installation would be composed.',
  };
}
