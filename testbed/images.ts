import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { provisionFrontend } from '../src/engine/provision.ts';
import { ENGINE_VERSIONS } from '../src/engine/releases.ts';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import { type Bed, inBed } from './bed.ts';
import { endBuilder, startBuilder } from './builder.ts';
import { debianSources, machineAuthorities } from './debian.ts';
import { pushMultiPlatform } from './images-arm64.ts';
import { keepPart, ownFile } from './kept.ts';
import { pushLayout } from './push.ts';
import { makeRootfs, type RootfsInputs, SOURCE_DATE_EPOCH } from './rootfs.ts';
import type { TestbedTools } from './tools.ts';

/** An image: where it is made, and the names under which public registries have such an image. */
interface BaseImage {
  /** The file in `images/`; default: `Dockerfile`. */
  readonly file?: string;
  readonly target: string;
  /** As the mirror of all those registries has it: without the registry's host. */
  readonly repository: string;
  readonly tags: readonly string[];
}

const ALPINE = 'Dockerfile.alpine';

const IMAGES: readonly BaseImage[] = [
  { target: 'frontend', repository: 'docker/dockerfile', tags: ['1', '1.4', '1.7', 'latest'] },
  { target: 'buildkit', repository: 'moby/buildkit', tags: ['buildx-stable-1'] },
  { target: 'debian', repository: 'library/debian', tags: ['bookworm-slim', 'bookworm', '12-slim', '12'] },
  {
    target: 'python',
    repository: 'library/python',
    tags: ['3.11-slim', '3.11', '3.11-slim-bookworm', '3.11-bookworm', '3.11.2-slim'],
  },
  { target: 'python-debian', repository: 'library/python', tags: ['3.11-debian'] },
  { target: 'python313', repository: 'library/python', tags: ['3.13-slim', '3.13-slim-bookworm'] },
  { target: 'uv', repository: 'astral-sh/uv', tags: ['0.9', '0.9.30', 'latest'] },
  { target: 'uv-python', repository: 'astral-sh/uv', tags: ['python3.11-bookworm-slim'] },
  { target: 'distroless', repository: 'distroless/python3-debian12', tags: ['latest'] },
  { target: 'distroless-nonroot', repository: 'distroless/python3-debian12', tags: ['nonroot'] },
  { target: 'distroless-debug', repository: 'distroless/python3-debian12', tags: ['debug'] },
  { target: 'chainguard', repository: 'chainguard/python', tags: ['latest'] },
  { target: 'chainguard-dev', repository: 'chainguard/python', tags: ['latest-dev'] },
  { target: 'cuda', repository: 'nvidia/cuda', tags: ['12.4.1-runtime-ubuntu22.04'] },
  { target: 'conda', repository: 'continuumio/miniconda3', tags: ['latest'] },
  { target: 'micromamba', repository: 'mambaorg/micromamba', tags: ['latest'] },
  { file: ALPINE, target: 'alpine', repository: 'library/alpine', tags: ['3', '3.17', 'latest'] },
  {
    file: ALPINE,
    target: 'python-alpine',
    repository: 'library/python',
    tags: ['3.11-alpine', '3.11-alpine3.17'],
  },
];

/** What is in the context beside what is made for it. */
const CONTEXT = ['Dockerfile', ALPINE, 'pip.conf', 'uv.toml', 'trim-python.sh'];
const DEFINITION = [...CONTEXT, 'apt-docker-clean.conf', 'dpkg-slim.cfg'];

/**
 * Makes the base images once, as OCI layouts that are kept, one directory an image. A builder is started only to make them.
 *
 * @returns the directory of the layouts
 */
export async function provisionImages(bed: Bed, tools: TestbedTools): Promise<string> {
  const inputs: RootfsInputs = {
    sources: await debianSources(bed.host),
    authorities: await machineAuthorities(bed.host),
  };
  const part = { name: 'images', version: await versionOf(inputs), title: 'Making the base images' };
  return await keepPart(bed.host, bed.steps, part, (into) => makeImages(bed, tools, inputs, into));
}

/** Pushes the base images to the open registry. */
export async function pushImages(bed: Bed, layouts: string): Promise<void> {
  const registry = bed.state.value.env.LW_REGISTRY;
  if (registry === undefined) throw new Error('images are pushed before there is a registry');
  await bed.steps.step('Pushing the base images', async () => {
    for (const { target, repository, tags } of IMAGES)
      await pushLayout(bed.host, join(layouts, target), `http://${registry}`, repository, tags);
    await pushMultiPlatform(bed);
  });
}

/** A name for everything that decides what is in the images but Debian's own updates. */
async function versionOf(inputs: RootfsInputs): Promise<string> {
  const hash = createHash('sha256').update(
    JSON.stringify([inputs, ENGINE_VERSIONS.buildkit, SOURCE_DATE_EPOCH]),
  );
  for (const name of DEFINITION) hash.update('\0').update(await readFile(ownFile(`images/${name}`)));
  hash.update('\0').update(await readFile(ownFile('rootfs.ts')));
  return hash.digest('hex').slice(0, 12);
}

async function makeImages(bed: Bed, tools: TestbedTools, inputs: RootfsInputs, into: string): Promise<void> {
  const frontend = await provisionFrontend(bed.host, bed.steps);
  const context = join(into, 'context');
  await mkdir(context);
  await makeRootfs(bed.host, bed.steps, inputs, context);
  for (const name of CONTEXT) await copyFile(ownFile(`images/${name}`), join(context, name));
  await copyFile(frontend, join(context, 'dockerfile-frontend'));
  const { buildkitd, buildctl } = tools.buildkit;
  for (const { name, path } of [buildkitd, buildctl]) await copyFile(path, join(context, name));
  try {
    const { address } = await startBuilder(bed, tools, 'provision');
    for (const { file = 'Dockerfile', target } of IMAGES)
      await bed.steps.step(`Building the image ${target}`, () =>
        buildLayout(bed, tools, { address, context, file, target, into: join(into, target) }),
      );
  } finally {
    await endBuilder(bed, 'provision');
  }
  await rm(context, { recursive: true });
}

async function buildLayout(
  bed: Bed,
  tools: TestbedTools,
  image: { address: string; context: string; file: string; target: string; into: string },
): Promise<void> {
  const result = await bed.host.run(
    [
      ...[tools.buildkit.buildctl.path, '--addr', image.address, 'build', '--progress=plain'],
      ...['--frontend=dockerfile.v0', `--opt=filename=${image.file}`, `--opt=target=${image.target}`],
      `--opt=build-arg:SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}`,
      ...['context', 'dockerfile'].flatMap((name) => ['--local', `${name}=${image.context}`]),
      `--output=type=oci,tar=false,rewrite-timestamp=true,dest=${image.into}`,
    ],
    { env: { ...bed.host.env, DOCKER_CONFIG: inBed(bed, 'docker-config') }, signal: bed.host.signal },
  );
  if (result.exitCode === 0) return;
  throw new LayerwrightError(`the base image ${image.target} cannot be built`, {
    code: 'IMAGE_FAILED',
    exit: EXIT.temporary,
    detail: result.stderr.slice(-4000),
    hint: 'Its packages come from a Debian mirror: check that this machine reaches it.',
  });
}
