import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureUv } from '../../src/engine/install.ts';
import type { RunResult } from '../../src/host/exec.ts';
import { silentSteps } from '../../src/host/steps.ts';
import type { ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { parseReference } from '../../src/image/reference.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { startRegistry, type TestRegistry, type TestRegistryOptions } from '../../src/testing/registry.ts';
import { openImage } from '../../src/verify/image-source.ts';
import { treeOfLayers } from '../../src/verify/read-tree.ts';
import { registrySource } from '../../src/verify/registry-source.ts';
import type { Tree } from '../../src/verify/tree.ts';
import { layerwright, projectOf } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { type PackageIndex, packageIndex, sha256 } from '../support/package-index.ts';
import { pushBase } from './base-image.ts';

/** A registry with a base image, a package index, a project, and a machine that has a Python and uv but nothing to build with. */
export interface Workshop extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly index: PackageIndex;
  readonly project: Awaited<ReturnType<typeof projectOf>>;
  /** `HOST/library/python:3.11-slim` */
  readonly base: string;
  /** `HOST/app` */
  readonly app: string;
  /** What every build of it has in its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** `TMPDIR` of its builds. */
  readonly temporary: string;
  /** Runs `layerwright build --push --way composed -t APP:1 ...`; further arguments outrank these. */
  readonly build: (args?: readonly string[], options?: BuildOptions) => Promise<RunResult>;
  /** The same, and it must go well. */
  readonly built: (args?: readonly string[], options?: BuildOptions) => Promise<BuildResult>;
  /** The image that was pushed as `APP:1`, or another. */
  readonly image: (reference?: string) => Promise<ReadImage>;
}

export interface BuildOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** An image with its whole file system; that its parts fit each other was checked. */
export interface ReadImage {
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly tree: Tree;
  /** True if a path is a file with this text. */
  readonly holds: (path: string, text: string) => boolean;
}

/** A Dockerfile that installs what `requirements.txt` says and copies `app.py`. */
export function plainDockerfile(base: string, index: string): string {
  return `FROM ${base}
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --index-url ${index} -r requirements.txt
COPY app.py .
CMD ["python", "app.py"]
`;
}

/** Starts a workshop whose project is a plain application; `files` are added to it. */
export async function workshop(
  files: Readonly<Record<string, string>> = {},
  options: TestRegistryOptions = {},
): Promise<Workshop> {
  const registry = await startRegistry(options);
  const index = await packageIndex();
  const root = await mkdtemp(join(tmpdir(), 'lw-compose-'));
  const temporary = join(root, 'tmp');
  await mkdir(temporary);
  const base = `${registry.address}/library/python:3.11-slim`;
  const app = `${registry.address}/app`;
  await pushBase(base);
  const project = await projectOf({
    Dockerfile: plainDockerfile(base, index.url),
    'requirements.txt': 'demo==1.0\n',
    'app.py': 'import demo\n',
    ...files,
  });
  const env = await poorEnvironment(root, temporary);
  const build: Workshop['build'] = (args = [], { env: more = {}, ...rest } = {}) =>
    layerwright(['build', '--json', '--push', '--way', 'composed', '-t', `${app}:1`, ...args, project.path], {
      ...rest,
      cwd: root,
      env: { ...env, ...more },
    });
  return {
    ...{ registry, index, project, base, app, env, temporary, build },
    async built(args, buildOptions) {
      const { exitCode, stdout, stderr } = await build(args, buildOptions);
      assert.equal(exitCode, 0, stderr);
      return JSON.parse(stdout) as BuildResult;
    },
    image: (reference = `${app}:1`) => readImage(reference),
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await index[Symbol.asyncDispose]();
      await registry.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Programs are uv and a Python; no Docker, no builder, no login, nothing kept of earlier runs. */
async function poorEnvironment(root: string, temporary: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(root, 'bin');
  await mkdir(bin);
  const python = (await compilerFor(testHost(), '3.11.2', root))?.program;
  assert.ok(python, 'these tests need a Python 3.11');
  const uv = await ensureUv(testHost(), silentSteps);
  for (const [name, path] of [
    ['python3.11', python],
    ['uv', uv.path],
  ] as const)
    await symlink(path, join(bin, name));
  const unset = Object.keys(process.env).filter((name) =>
    /^(?:DOCKER|BUILDX|BUILDKIT|LAYERWRIGHT|LW)_|^CI$/.test(name),
  );
  return {
    ...Object.fromEntries(unset.map((name) => [name, undefined])),
    ...{ PATH: bin, TMPDIR: temporary, HOME: root, DOCKER_CONFIG: '/nonexistent' },
    LAYERWRIGHT_CACHE_DIR: join(root, 'cache'),
    NO_PROXY: '127.0.0.1',
  };
}

/**
 * Reads an image of a registry as a runtime would, and checks that it is one.
 *
 * @param platform of an index
 */
export async function readImage(reference: string, platform = OWN_PLATFORM): Promise<ReadImage> {
  const parsed = parseReference(reference);
  const host = testHost({ env: { DOCKER_CONFIG: '/nonexistent' } });
  const { digest, manifest, config, layers } = await openImage(
    registrySource(host, parsed),
    parsed.digest ?? parsed.tag ?? 'latest',
    platform,
  );
  const tree = await treeOfLayers(layers);
  assert.deepEqual(
    tree.layers.map(({ diffId }) => diffId),
    config.rootfs.diff_ids,
    'the layers are those of the configuration',
  );
  assert.deepEqual(
    tree.layers.flatMap(({ hazards }) => hazards),
    [],
  );
  assert.equal(
    config.history?.filter((line) => !line.empty_layer).length,
    manifest.layers.length,
    'each layer has its line of history',
  );
  const holds = (path: string, text: string) => tree.entries.get(path)?.sha256 === sha256(Buffer.from(text));
  return { digest, manifest, config, tree, holds };
}

const OWN_PLATFORM = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** What builds left behind in their temporary directory. */
export async function leftIn({ temporary }: Pick<Workshop, 'temporary'>): Promise<readonly string[]> {
  return await readdir(temporary);
}

/** The code of the error that a failed run reported. */
export function codeOf({ stderr }: Pick<RunResult, 'stderr'>): string | undefined {
  return /\[([A-Z][A-Z0-9_]+)\]$/m.exec(stderr)?.[1];
}
