import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getArtifact, putArtifact } from '../../src/cache/artifacts.ts';
import { type CacheRepository, registryRepository } from '../../src/cache/repository.ts';
import type { CacheVerifyRecord } from '../../src/commands/cache-verify.ts';
import type { LayerRecipe } from '../../src/compose/keep/layer-recipe.ts';
import { listTags } from '../../src/registry/tags.ts';
import { type Workshop, workshop } from '../compose/workshop.ts';
import { testHost } from '../support/host.ts';
import { layerwright } from './launch.ts';

interface KeptLayer {
  readonly diffId: string;
  readonly recipe: LayerRecipe;
}

/** Nowhere to find a Python. */
const NO_PYTHON: NodeJS.ProcessEnv = {
  PATH: '/nonexistent',
  ...{ PYENV_ROOT: undefined, AGENT_TOOLSDIRECTORY: undefined, RUNNER_TOOL_CACHE: undefined },
};

/** A workshop whose application needs two packages, built once. */
async function builtWorkshop(): Promise<Workshop> {
  const shop = await workshop({ 'requirements.txt': 'demo==1.0\ntiny==2.0\n' });
  shop.index.add({ name: 'demo' }, [{ name: 'demo.py', content: 'NAMES = frozenset({"a", "b"})\n' }]);
  shop.index.add({ name: 'tiny', version: '2.0', entryPoints: '[console_scripts]\ntiny = tiny:main\n' });
  await shop.built();
  return shop;
}

async function verified({ app, env }: Workshop): Promise<CacheVerifyRecord & { exit: number }> {
  const { stdout, stderr, exitCode } = await layerwright(['cache', 'verify', '--rebuild', '--json', app], {
    env,
  });
  assert.ok(exitCode < 2, stderr);
  return { ...(JSON.parse(stdout) as CacheVerifyRecord), exit: exitCode };
}

/** The dependency layer that has a package, and its tag. */
async function layerOf(shop: Workshop, name: string) {
  const repository = registryRepository(testHost({ env: shop.env }), shop.app);
  for (const tag of await listTags(testHost({ env: shop.env }), shop.registry.address, 'app')) {
    const looked = await getArtifact(repository, tag, 'layer');
    if (looked.outcome !== 'hit') continue;
    const config = looked.artifact.config as KeptLayer;
    if (config.recipe?.wheels.some((wheel) => wheel.name === name))
      return { repository, tag, config, layers: looked.artifact.layers };
  }
  throw new Error(`no layer has ${name}`);
}

async function keepAs(
  {
    repository,
    tag,
    layers,
  }: { repository: CacheRepository; tag: string } & Awaited<ReturnType<typeof layerOf>>,
  config: object,
): Promise<void> {
  const put = await putArtifact(repository, tag, {
    ...{ kind: 'layer', config },
    layers: layers.map((descriptor) => ({ descriptor })),
  });
  assert.equal(put.outcome, 'put');
}

test('dependency layers come out the same again, bytecode and scripts and all', async () => {
  await using shop = await builtWorkshop();
  const { exit, outcome, rebuilt, notRebuilt } = await verified(shop);
  assert.deepEqual([exit, outcome, notRebuilt], [0, 'sound', []]);
  assert.ok(rebuilt >= 1);
  const { config } = await layerOf(shop, 'demo');
  assert.match(config.recipe.compiler ?? '', /^3\.11\.\d+$/);
});

test('a layer that is another than its wheels make, and one whose recipe is another, are found', async () => {
  await using shop = await builtWorkshop();
  const kept = await layerOf(shop, 'demo');
  const wrong = `sha256:${'0'.repeat(64)}`;
  await keepAs(kept, { ...kept.config, diffId: wrong });
  const other = await verified(shop);
  assert.equal(other.exit, 1);
  assert.deepEqual(
    other.problems.map(({ kind, tags, detail }) => [kind, tags, detail]),
    [['rebuilt', [kept.tag], `it keeps diffID ${wrong}, and made anew it is ${kept.config.diffId}`]],
  );

  const { recipe } = kept.config;
  const altered = { ...recipe, request: { ...recipe.request, executable: '/usr/bin/evil' } };
  for (const config of [
    { ...kept.config, recipe: altered },
    { ...kept.config, recipe: { wheels: [] } },
  ]) {
    await keepAs(kept, config);
    const { problems } = await verified(shop);
    assert.deepEqual(
      problems.map(({ kind, tags, detail }) => [kind, tags, detail]),
      [['rebuilt', [kept.tag], 'what it says that it was made from has another key']],
    );
  }
});

test('a layer whose wheel is gone, or whose Python is not here, is not made anew, and no problem', async () => {
  await using shop = await builtWorkshop();
  const { tag, config } = await layerOf(shop, 'demo');
  const nowhere = await verified({ ...shop, env: { ...shop.env, ...NO_PYTHON } });
  assert.equal(nowhere.exit, 0);
  assert.ok(nowhere.notRebuilt.some((one) => one.tag === tag && /no Python 3\.11 on this/.test(one.why)));
  shop.index.files.clear();
  const gone = await verified(shop);
  assert.deepEqual([gone.exit, gone.problems], [0, []]);
  const why = gone.notRebuilt.find((one) => one.tag === tag)?.why;
  assert.match(why ?? '', new RegExp(`^${config.recipe.wheels[0]?.wheel?.filename} is not at `));
});
