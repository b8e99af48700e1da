import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { ExplainResult } from '../../src/report/explain-result.ts';
import type { PlanResult } from '../../src/report/plan-result.ts';
import { type Workshop, workshop } from '../compose/workshop.ts';
import { seededRandom, shuffled } from '../support/random.ts';
import { built, layerwright, projectOf, testbedVariable } from './launch.ts';

const PINS = ['alpha==1.0', 'beta==1.0', 'delta==1.0', 'gamma[extra]==1.0'];
const FILES = { 'requirements.txt': `${PINS.join('\n')}\n` };

function stock({ index }: Workshop): void {
  const large = 'x = 1\n'.repeat(120_000);
  index.add({ name: 'alpha' }, [{ name: 'alpha.py', content: large }]);
  index.add({ name: 'beta' });
  index.add({ name: 'delta' });
  index.add({ name: 'gamma', metadata: 'Provides-Extra: extra\nRequires-Dist: beta; extra == "extra"\n' });
}

/** Runs a command that only looks; each with a cache directory of its own, so that nothing is known from before. */
async function looked<T>(
  shop: Workshop,
  words: readonly string[],
  cache: string,
  more: NodeJS.ProcessEnv = {},
): Promise<T> {
  const env = { ...shop.env, ...more, LAYERWRIGHT_CACHE_DIR: `${shop.temporary}/${cache}` };
  const result = await layerwright([...words, '--json', shop.project.path], { env, cwd: shop.temporary });
  assert.equal(result.exitCode, 0, result.stderr);
  return JSON.parse(result.stdout) as T;
}

const planned = (shop: Workshop, cache: string, more: readonly string[] = []) =>
  looked<PlanResult>(shop, ['plan', '-t', `${shop.app}:1`, ...more], cache);

/** What a CI says of a push to a branch. */
const pushTo = (branch: string) => ({
  ...{ GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'push' },
  ...{ GITHUB_REF_NAME: branch, GITHUB_SHA: 'a'.repeat(40) },
});

test('the same requirements in another order give the same plan', async () => {
  await using shop = await workshop(FILES);
  stock(shop);
  const first = await planned(shop, 'first');
  assert.deepEqual(
    first.dependencies.map(({ lock, distributions }) => [lock, distributions.length]),
    [['resolver', 4]],
  );
  const dependencies = first.layers.filter(({ kind }) => kind === 'dependency');
  assert.ok(dependencies.length > 1 && dependencies.every(({ state }) => state === 'missing'));
  const random = seededRandom(3);
  for (let round = 0; round < 3; round++) {
    await shop.project.write({ 'requirements.txt': `${shuffled(PINS, random).join('\n')}\n` });
    const again = await planned(shop, `round-${round}`);
    // The file itself is copied: that layer is another one.
    const isCopy = ({ title }: { title: string }) => title.startsWith('COPY requirements.txt');
    const without = (plan: PlanResult) => ({
      ...plan,
      layers: plan.layers.filter((layer) => !isCopy(layer)),
    });
    assert.deepEqual(without(again), without(first));
  }
});

test('a plan writes nothing to the registry, keeps what it learnt on this machine, and agrees with the build', async () => {
  await using shop = await workshop(FILES);
  stock(shop);
  const before = shop.registry.requests.length;
  const first = await planned(shop, 'one');
  const writes = shop.registry.requests
    .slice(before)
    .filter(({ method }) => !['GET', 'HEAD'].includes(method));
  assert.deepEqual(writes, []);
  const pulled = () =>
    shop.registry.requests.filter(({ path }) => path.includes('/library/python/blobs/')).length;
  const once = pulled();
  const second = await planned(shop, 'one');
  assert.equal(pulled(), once, 'the base is not looked into again');
  assert.deepEqual(
    second.dependencies.map(({ lock }) => lock),
    ['kept'],
  );
  const built = await shop.built();
  const made = built.layers?.made.map(({ title }) => title).sort();
  const expected = first.layers.filter(({ state }) => state !== 'given').map(({ title }) => title);
  assert.deepEqual(made, expected.sort());
  const after = await planned(shop, 'other');
  assert.deepEqual([after.counts?.missing, after.needsBuilder], [0, []]);
  assert.equal(after.counts?.there, first.counts?.missing);
  assert.equal(after.counts?.layers, first.counts?.layers);
});

test('without a tag layers are looked for on this machine', async () => {
  await using shop = await workshop(FILES);
  stock(shop);
  const plan = await looked<PlanResult>(shop, ['plan'], 'own');
  assert.equal(plan.cacheRepository, `${shop.temporary}/own/repository`);
  assert.equal(plan.dependencies[0]?.distributions.length, 4);
});

test('what changed since the last build of the branch is told by the build and by explain', async () => {
  await using shop = await workshop(FILES);
  stock(shop);
  const env = pushTo('main');
  const explained = (name: string) =>
    looked<ExplainResult>(shop, ['explain', '-t', `${shop.app}:1`], name, env);
  const none = await explained('a');
  assert.deepEqual([none.last, none.changes], [null, []]);
  assert.deepEqual((await shop.built([], { env })).changes, []);
  const same = await explained('b');
  assert.equal(same.last?.commit, env.GITHUB_SHA);
  assert.deepEqual([same.last?.branch, same.changes, same.solved], ['main', [], []]);

  shop.index.add({ name: 'delta', version: '1.1' });
  await shop.project.write({
    'requirements.txt': `${PINS.join('\n').replace('delta==1.0', 'delta==1.1')}\n`,
    'app.py': 'import alpha\n',
  });
  const now = await explained('c');
  assert.deepEqual(
    now.changes.map(({ kind, subject, what, layers }) => [kind, subject, what, layers]),
    [
      ['dependencies', 'requirements.txt', ['delta 1.0 -> 1.1'], 1],
      ['application', 'COPY requirements.txt .', ['changed'], 1],
      ['application', 'COPY app.py .', ['changed'], 1],
    ],
  );
  assert.equal(now.counts?.missing, 1);
  const { changes } = await shop.built([], { env });
  assert.equal(changes.length, 3);
  assert.match(changes[0] ?? '', /^requirements\.txt: delta 1\.0 -> 1\.1; 1 of \d+ layers, /);
  // The build that begins from what the last one kept knows as well what changed.
  await shop.project.write({ 'app.py': 'import beta\n' });
  const third = await shop.built([], { env });
  assert.deepEqual(
    third.changes.map((text) => text.split(':')[0]),
    ['COPY app.py .'],
  );
  assert.deepEqual((await explained('d')).changes, []);
});

test('another branch has its own last build', async () => {
  await using shop = await workshop(FILES);
  stock(shop);
  await shop.built([], { env: pushTo('main') });
  await shop.project.write({ 'app.py': 'import alpha\n' });
  assert.deepEqual((await shop.built([], { env: pushTo('topic') })).changes, []);
});

test('what is installed below something that BuildKit solves is compared too, whichever branch built it first', async () => {
  const app = `${testbedVariable('LW_REGISTRY')}/run-${randomUUID().slice(0, 8)}/changes`;
  await using project = await projectOf({
    Dockerfile: [
      'FROM python:3.11-slim',
      'COPY requirements.txt /',
      'RUN pip install -r /requirements.txt',
      'RUN python -m compileall -q /usr/local/lib/python3.11/json',
      'COPY app.py /',
    ].join('\n'),
    'requirements.txt': 'idna==3.10\n',
    'app.py': '',
  });
  await using cache = await temporaryDirectory();
  const environment = (branch: string) => ({ ...pushTo(branch), LAYERWRIGHT_CACHE_DIR: cache.path });
  const changes = async (branch: string) => {
    // uv and the Python that compiles are this machine's.
    const { LAYERWRIGHT_CACHE_DIR: _own, ...env } = environment(branch);
    return (await built(['--push', '-t', `${app}:1`, project.path], { env })).changes;
  };
  const explained = async (branch: string) => {
    const words = ['explain', '--json', '-t', `${app}:1`, project.path];
    const { exitCode, stdout, stderr } = await layerwright(words, { env: environment(branch) });
    assert.equal(exitCode, 0, stderr);
    return (JSON.parse(stdout) as ExplainResult).changes.map(({ subject, what }) => [subject, ...what]);
  };
  assert.deepEqual(await changes('main'), []);
  assert.deepEqual(await changes('main'), []);
  assert.deepEqual(await explained('main'), []);

  await project.write({ 'requirements.txt': 'idna==3.11\n' });
  const changed = await explained('main');
  assert.deepEqual(changed.slice(-2), [
    ['/requirements.txt', 'idna 3.10 -> 3.11'],
    ['COPY requirements.txt /', 'changed'],
  ]);
  assert.match(changed[0]?.[1] ?? '', /^solved again: what is below it changed$/);
  // The topic branch builds it first: what main then begins from is known all the same.
  assert.deepEqual(await changes('topic'), []);
  const said = await changes('main');
  assert.ok(
    said.some((text) => text.startsWith('/requirements.txt: idna 3.10 -> 3.11')),
    said.join('\n'),
  );
});
