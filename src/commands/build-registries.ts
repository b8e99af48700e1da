import type { Dockerfile, Instruction } from '../dockerfile/parse.ts';
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

/** What FROM, COPY --from and RUN --mount=from name, with the arguments that stand before the first FROM put in. */
function imagesOf(dockerfile: Dockerfile, buildArguments: readonly string[]): readonly string[] {
  const values = new Map(
    [...dockerfile.globalArguments.map(({ argument }) => argument), ...buildArguments].flatMap((text) => {
      const [, name, value] = /^([^=\s]+)=["']?([^"'\s]*)/.exec(text) ?? [];
      return name === undefined ? [] : [[name, value ?? ''] as const];
    }),
  );
  const expand = (text: string) =>
    text.replace(/\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?/g, (whole, name: string) => values.get(name) ?? whole);
  const stages = new Set(dockerfile.stages.flatMap(({ name }) => name ?? []));
  return dockerfile.stages
    .flatMap(({ base, instructions }) => [base, ...instructions.flatMap(sourcesOf)])
    .map(expand)
    .filter((image) => image !== 'scratch' && !stages.has(image.toLowerCase()) && !/^\d+$/.test(image));
}

function sourcesOf({ keyword, argument }: Instruction): readonly string[] {
  if (keyword !== 'COPY' && keyword !== 'RUN' && keyword !== 'ADD') return [];
  const flags = /^(?:--\S+\s+(?:[\\`]\s+)?)*/.exec(argument)?.[0] ?? '';
  return [...flags.matchAll(/(?:--|[,=])from=([^,\s"]+)/g)].map(([, image]) => image ?? '');
}

function domainOf(image: string): readonly string[] {
  try {
    return [parseReference(image).domain];
  } catch {
    return [];
  }
}
