import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDefinition } from '../../src/bake/definition.ts';
import { buildOrder } from '../../src/bake/order.ts';
import { PRINTED } from './sample.ts';

const definition = readDefinition(JSON.stringify(PRINTED));

function targetOf(raw: Readonly<Record<string, unknown>>) {
  const target = readDefinition(JSON.stringify({ target: { one: raw } })).targets.get('one');
  assert.ok(target);
  return target;
}

test('a target is read in the words of its bake file, and what is null is not set', () => {
  const all = definition.targets.get('all');
  assert.ok(all);
  assert.deepEqual([all.context, all.dockerfile, all.stage], ['services/all', 'Dockerfile.all', 'final']);
  assert.deepEqual([...all.labels], [['a.b/c', 'q=1']]);
  assert.deepEqual([...all.args.keys()], ['VERSION', 'DOLLAR']);
  assert.deepEqual(all.ssh, ['default', 'key=a/key,b/key']);
  assert.deepEqual(all.resources, ['memory=2g', 'cpu-quota=50000']);
  assert.deepEqual(all.attestations, [
    { mode: 'max', type: 'provenance' },
    { disabled: 'true', type: 'sbom' },
  ]);
  assert.deepEqual([all.pull, all.noCache, all.network, all.shmSize], [true, true, 'host', '128m']);
});

test('the escapes of HCL are taken away again, where buildx puts them', () => {
  const all = definition.targets.get('all');
  assert.equal(all?.args.get('DOLLAR'), `\${HOME} and %{if}`);
  assert.equal(all?.annotations[1], `index,manifest:note=\${kept}`);
  assert.equal(definition.targets.get('plain')?.inline, `FROM base\nRUN echo \${X}\n`);
  assert.equal(targetOf({ args: { A: '$$${X}' } }).args.get('A'), `$\${X}`);
  assert.deepEqual(targetOf({ tags: ['a:$${x}'] }).tags, ['a:$${x}'], 'it prints tags as they are');
});

test('what an older buildx prints as text stays text', () => {
  const target = targetOf({
    'cache-from': ['type=registry,ref=a/b:cache'],
    output: ['type=docker'],
    secret: ['id=token,env=TOKEN'],
    ssh: ['default'],
    attest: ['type=sbom'],
  });
  assert.deepEqual(target.cacheFrom, ['type=registry,ref=a/b:cache']);
  assert.deepEqual(
    [target.outputs, target.secrets, target.ssh, target.attestations],
    [['type=docker'], ['id=token,env=TOKEN'], ['default'], ['type=sbom']],
  );
});

test('a key that is not known is not passed over, and what builds nothing is no build', () => {
  const code = (raw: Readonly<Record<string, unknown>>) => ({
    code: 'BAKE_UNSUPPORTED',
    exit: 2,
    message: raw.says,
  });
  assert.throws(
    () => targetOf({ policy: ['x'] }),
    code({ says: 'target "one": "policy" is not known to this version of Layerwright' }),
  );
  assert.throws(
    () => targetOf({ call: 'check' }),
    code({ says: 'target "one": call = "check" asks about a build and builds nothing' }),
  );
  assert.throws(() => readDefinition('<html>'), { code: 'BAKE_FILE_INVALID', exit: 1 });
  assert.throws(() => readDefinition('{}'), { code: 'BAKE_FILE_INVALID', exit: 1 });
});

test('targets that others have as contexts come first; what nobody asked for is known', () => {
  const order = buildOrder(definition).map(({ target, isAskedFor, users }) => [
    target.name,
    isAskedFor,
    users.map(({ name }) => name),
  ]);
  assert.deepEqual(order, [
    ['base', false, ['all', 'plain']],
    ['all', true, []],
    ['many-1', true, []],
    ['many-2', true, []],
    ['plain', true, []],
  ]);
  const shuffled = { ...PRINTED, target: Object.fromEntries(Object.entries(PRINTED.target).reverse()) };
  assert.deepEqual(
    buildOrder(readDefinition(JSON.stringify(shuffled))).map(({ target }) => target.name),
    order.map(([name]) => name),
  );
});

test('a target may be called like the group that it is in, and groups like each other go in no circle', () => {
  const order = (group: object, ...names: string[]) =>
    buildOrder(
      readDefinition(
        JSON.stringify({ group, target: Object.fromEntries(names.map((name) => [name, { context: '.' }])) }),
      ),
    ).flatMap(({ target, isAskedFor }) => (isAskedFor ? target.name : []));
  assert.deepEqual(order({ default: { targets: ['default'] } }, 'default', 'other'), ['default']);
  const circle = {
    default: { targets: ['one'] },
    one: { targets: ['two', 'a'] },
    two: { targets: ['one', 'b'] },
  };
  assert.deepEqual(order(circle, 'a', 'b', 'c'), ['a', 'b']);
  assert.deepEqual(order({}, 'a', 'b'), ['a', 'b'], 'without groups all are asked for');
});
