import { readBuildArguments } from '../dockerfile/arguments.ts';
import { type StageNode, sourcesOf, stageNodes } from '../dockerfile/graph.ts';
import type { Dockerfile } from '../dockerfile/parse.ts';
import { LayerwrightError } from '../errors.ts';
import { parseReference } from '../image/reference.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import { ecrHostsIn } from '../registry/ecr-host.ts';
import type { BuildRequest } from './build-request.ts';

/**
 * The registries that a build is known to use, each once, Docker Hub as `docker.io`: those of its tags, outputs and caches,
 * of the images that the Dockerfile names, and the ECR registries that are named anywhere else. What cannot be read as an
 * image is left for BuildKit to complain about.
 */
export function registriesOf(
  request: Pick<BuildRequest, 'passed'>,
  plan: BuildPlan,
  dockerfile: Dockerfile | undefined,
): readonly string[] {
  const { buildArguments, buildContexts } = request.passed;
  const specs = [...plan.cacheFrom.map(({ spec }) => spec), ...plan.cacheTo, ...plan.outputs];
  const named = specs.flatMap((spec) =>
    [...spec.matchAll(/\b(?:ref|name)=([^,"]+)/g)].map(([, ref]) => ref ?? ''),
  );
  const contexts = buildContexts.map((one) => /=docker-image:\/\/(.+)$/.exec(one)?.[1] ?? '');
  const images = dockerfile === undefined ? [] : imagesOf(dockerfile, buildArguments);
  const texts = [...specs, ...buildArguments, ...buildContexts, dockerfile?.text ?? ''];
  return [
    ...new Set([
      ...[...plan.tags, ...named, ...contexts, ...images].flatMap(domainOf),
      ...texts.flatMap(ecrHostsIn),
    ]),
  ];
}

/** What FROM, COPY --from and RUN --mount=from name; nothing if their arguments cannot be put in. */
function imagesOf(dockerfile: Dockerfile, buildArguments: readonly string[]): readonly string[] {
  try {
    const nodes = stageNodes(dockerfile, readBuildArguments(buildArguments));
    const images = nodes
      .flatMap(sourcesOf)
      .flatMap((source) => (source.kind === 'image' ? [source.reference] : []));
    return [...images, ...nodes.flatMap(guessedImages)];
  } catch (error) {
    if (error instanceof LayerwrightError) return [];
    throw error;
  }
}

/** What flags of instructions name that only a newer frontend understands. */
function guessedImages({ stage, instructions }: StageNode): readonly string[] {
  const flags = instructions.flatMap(({ kind }, index) =>
    kind === 'unknown' ? (stage.instructions[index]?.scanned.flags ?? []) : [],
  );
  return flags.flatMap((flag) => /(?:^--|[,=])from=([^,"]+)/.exec(flag)?.[1] ?? []);
}

function domainOf(image: string): readonly string[] {
  try {
    return [parseReference(image).domain];
  } catch {
    return [];
  }
}
