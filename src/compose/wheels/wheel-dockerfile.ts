import { continueFrom } from '../../dockerfile/cut.ts';
import type { Dockerfile } from '../../dockerfile/parse.ts';
import { platformText } from '../../dockerfile/platform.ts';
import { JOB_CONTEXT, JOB_DIRECTORY, JOB_SECRET_ID } from '../solve/side-job.ts';
import { flagsOf, mountTargets, type WheelBuild } from './wheel-build.ts';
import { INDEX_SECRET } from './wheel-program.ts';

/**
 * A Dockerfile that runs the program in the image, as the step would run: user, shell, arguments, mounts, network. Its last stage holds
 * nothing but the results.
 *
 * @param image what it starts from, `HOST/PATH@sha256:...`
 * @param out where the program puts results, absolute
 */
export function wheelDockerfile(
  dockerfile: Dockerfile,
  { state, place, python }: Pick<WheelBuild, 'state' | 'place' | 'python'>,
  { image, out, hasSecret }: { readonly image: string; readonly out: string; readonly hasSecret: boolean },
): { readonly text: string } | { readonly reason: string } {
  const { node, at } = place;
  const hidden = mountTargets(state, place).find((target) => `${out}/`.startsWith(`${target}/`));
  if (hidden !== undefined) return { reason: `its mount at ${hidden} is in the way of building wheels` };
  if (!/^[A-Za-z0-9_./+-]+$/.test(python.executable))
    return { reason: `${python.executable} is no usual path of a Python` };
  const command = `${python.executable} ${JOB_DIRECTORY}/job.py`;
  const cut = continueFrom(dockerfile, node.stage, {
    ...{ from: at, to: at + 1, base: image, scope: state.stage.scope, command },
    platform: platformText(state.stage.image),
  });
  if (cut.reason !== undefined) return { reason: cut.reason };
  const run = `RUN ${flagsOf(place)}${command}\n`;
  if (!cut.text.endsWith(run)) return { reason: 'the cut Dockerfile would not mean the same' };
  const mounts = [
    `--mount=type=bind,from=${JOB_CONTEXT},target=${JOB_DIRECTORY}`,
    // Whoever USER is must be able to read it.
    ...(hasSecret
      ? [`--mount=type=secret,id=${JOB_SECRET_ID},target=${INDEX_SECRET},mode=0444,required=true`]
      : []),
  ];
  const before = cut.text.slice(0, -run.length);
  return {
    text: `${before}RUN ${mounts.join(' ')} ${run.slice('RUN '.length)}FROM scratch\nCOPY --from=${node.stage.index} ${out} /\n`,
  };
}
