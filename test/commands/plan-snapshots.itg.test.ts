import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { PlanResult } from '../../src/report/plan-result.ts';
import { layerwright } from './launch.ts';

const root = join(import.meta.dirname, '..', '..');

/** What is planned, by the name of its snapshot; `npm test` with `LW_WRITE_PLANS=1` in the environment writes them anew. */
const PLANS: Readonly<Record<string, readonly string[]>> = {
  recipe: ['examples/recipe'],
  naive: ['examples/naive'],
  'naive-debian': ['--build-arg', 'BASE=python:3.11-debian', 'examples/naive'],
  venv: ['examples/venv'],
  hashes: ['examples/hashes'],
  several: ['examples/several'],
  nonroot: ['examples/nonroot'],
  poetry: ['examples/poetry'],
  'poetry-venv': ['examples/poetry-venv'],
  pipenv: ['examples/pipenv'],
  pylock: ['examples/pylock'],
  uv: ['examples/uv'],
  'uv-workspace': ['examples/uv-workspace'],
  'uv-pip': ['examples/uv-pip'],
  distroless: ['examples/distroless'],
  chat: ['examples/chat'],
  user: ['examples/user'],
  'as-user': ['examples/as-user'],
  prefix: ['examples/prefix'],
  target: ['examples/target'],
  wheels: ['examples/wheels'],
  project: ['examples/project'],
  sources: ['examples/sources'],
  groups: ['examples/groups'],
  plugins: ['examples/plugins'],
  gcc: ['examples/gcc'],
  alpine: ['examples/alpine'],
  cuda: ['examples/cuda'],
  conda: ['examples/conda'],
  chainguard: ['examples/chainguard'],
  'arg-base': ['examples/arg-base'],
  'second-minor': ['examples/second-minor'],
  'chat-naive-offline': ['--offline', '-f', 'examples/chat/Dockerfile.naive', 'examples/chat'],
  'chat-recipe-offline': ['--offline', '-f', 'examples/chat/Dockerfile.recipe', 'examples/chat'],
};

/** Lines of steps that name what they install themselves: which versions that comes to is up to the index, day by day. */
function freeLines({ dependencies }: PlanResult): ReadonlySet<number> {
  const free = dependencies.filter(({ files, lock }) => files.length === 0 && lock === 'resolver');
  return new Set(free.map(({ place }) => Number(place.split(':').at(-1))));
}

/** Without what depends on the machine, the day, or the bytes of wheels and base images. */
function masked(whole: PlanResult): PlanResult {
  const free = freeLines(whole);
  const isFree = (line: number | null) => line !== null && free.has(line);
  const plan: PlanResult = {
    ...whole,
    segments: whole.segments.map((one) => (free.size === 0 ? one : { ...one, layers: null })),
    dependencies: whole.dependencies.map((step) =>
      isFree(Number(step.place.split(':').at(-1)))
        ? {
            ...step,
            distributions: step.distributions
              .filter(({ requested }) => requested)
              .map((one) => ({ ...one, version: 'VERSION' })),
          }
        : step,
    ),
    layers: whole.layers.filter(({ line }) => !isFree(line)),
    counts: free.size === 0 ? whole.counts : null,
  };
  return {
    ...plan,
    cacheRepository: plan.cacheRepository && 'REPOSITORY',
    bases: plan.bases.map((base) => ({ ...base, digest: base.digest && 'sha256:DIGEST' })),
    dependencies: plan.dependencies.map((step) => ({
      ...step,
      distributions: step.distributions.map((one) => ({ ...one, bytes: one.bytes && 1 })),
    })),
    layers: plan.layers.map((layer) => ({ ...layer, key: layer.key && 'KEY', bytes: layer.bytes && 1 })),
    // Which Pythons this machine has is no matter of the example.
    counts: plan.counts && { ...plan.counts, missingBytes: 1, compiled: 0 },
  };
}

/** What is known of base images is shared, so that each is looked into once; locks are not. */
let cache: Awaited<ReturnType<typeof temporaryDirectory>>;

before(async () => {
  cache = await temporaryDirectory();
});

afterEach(async () => {
  const file = join(cache.path, 'repository', 'index.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const index = JSON.parse(text) as { manifests: readonly { annotations?: Record<string, string> }[] };
  const isOfBase = (name = '') => name.startsWith('lw-base-');
  const manifests = index.manifests.filter(({ annotations }) =>
    isOfBase(annotations?.['org.opencontainers.image.ref.name']),
  );
  await writeFile(file, JSON.stringify({ ...index, manifests }));
});

after(() => cache[Symbol.asyncDispose]());

for (const [name, words] of Object.entries(PLANS))
  test(`the plan of ${name} is the one that is written down`, async () => {
    const result = await layerwright(['plan', '--json', '--platform', 'linux/amd64', ...words], {
      env: { LAYERWRIGHT_CACHE_DIR: cache.path },
      cwd: root,
    });
    assert.equal(result.exitCode, 0, result.stderr);
    const plan = masked(JSON.parse(result.stdout) as PlanResult);
    const file = join(import.meta.dirname, 'plans', `${name}.json`);
    if (process.env.LW_WRITE_PLANS) await writeFile(file, `${JSON.stringify(plan, undefined, 2)}\n`);
    assert.deepEqual(plan, JSON.parse(await readFile(file, 'utf8')));
  });
