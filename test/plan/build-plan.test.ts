import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile, targetStage } from '../../src/dockerfile/parse.ts';
import { parseEntry } from '../../src/engine/buildx.ts';
import { parseReference } from '../../src/image/reference.ts';
import {
  type BuildFacts,
  type BuildWishes,
  chooseCacheRepository,
  formatCsv,
  planBuild,
} from '../../src/plan/build-plan.ts';

const dockerfile = parseDockerfile(
  'FROM python:3.11-slim AS base\nRUN apt-get update\nFROM base AS other\nFROM base AS final\nCOPY . .\nCMD ["x"]\n',
  'Dockerfile',
);
const facts: BuildFacts = {
  dockerfile,
  target: targetStage(dockerfile, undefined),
  tags: [parseReference('r.example.com/team/app:1'), parseReference('r.example.com/team/app:2')],
};
const wishes: BuildWishes = {
  way: 'auto', targetName: undefined, platforms: [], push: true, load: false, outputs: [], noCache: false,
  cacheFrom: [], cacheTo: [], cacheRepository: undefined, compression: 'zstd',
}; // biome-ignore format: a record of defaults

test('a push keeps its layer cache beside the first tag, in a form that ECR accepts', () => {
  const plan = planBuild(facts, wishes);
  assert.deepEqual(plan.cacheFrom, [
    { spec: 'type=registry,ref=r.example.com/team/app:cache', reference: 'r.example.com/team/app:cache' },
  ]);
  assert.deepEqual(plan.cacheTo, [
    'type=registry,mode=max,image-manifest=true,oci-mediatypes=true,compression=zstd,ignore-error=true,ref=r.example.com/team/app:cache',
  ]);
  assert.deepEqual(plan.outputs, ['type=image,push=true,oci-mediatypes=true,compression=zstd']);
  assert.deepEqual(plan.tags, ['r.example.com/team/app:1', 'r.example.com/team/app:2']);
  assert.ok(plan.pushes);
});

test('segments follow the ancestry of the target and leave other stages out', () => {
  assert.deepEqual(
    planBuild(facts, wishes).segments.map(({ kind, stage, fromLine, toLine }) => ({
      kind,
      stage,
      fromLine,
      toLine,
    })),
    [
      { kind: 'solved', stage: 'base', fromLine: 1, toLine: 2 },
      { kind: 'solved', stage: 'final', fromLine: 4, toLine: 6 },
    ],
  );
});

test('the same input gives the same plan, in the same bytes', () => {
  const shuffled: BuildWishes = Object.fromEntries(
    Object.entries(wishes).reverse(),
  ) as unknown as BuildWishes;
  assert.equal(JSON.stringify(planBuild({ ...facts }, shuffled)), JSON.stringify(planBuild(facts, wishes)));
});

test('caches that the user names replace ours; what he did not say is filled in', () => {
  const cacheTo = [parseEntry('--cache-to', 'type=registry,ref=r.example.com/cache:x,mode=min')];
  const plan = planBuild(facts, { ...wishes, cacheTo });
  assert.deepEqual(plan.cacheTo, [
    'type=registry,mode=min,image-manifest=true,oci-mediatypes=true,compression=zstd,ignore-error=true,ref=r.example.com/cache:x',
  ]);
  assert.deepEqual(
    plan.cacheFrom.map((one) => one.reference),
    ['r.example.com/cache:x'],
  );
  const from = planBuild(facts, {
    ...wishes,
    cacheFrom: [parseEntry('--cache-from', 'r.example.com/app:old')],
  });
  assert.deepEqual(from.cacheFrom, [
    { spec: 'type=registry,ref=r.example.com/app:old', reference: 'r.example.com/app:old' },
  ]);
  assert.deepEqual(from.cacheTo, []);
  assert.deepEqual(planBuild(facts, { ...wishes, cacheTo: [{ type: 'inline' }] }).cacheTo, ['type=inline']);
});

test('nothing is written to a registry that the user did not ask to write to', () => {
  const plan = planBuild(facts, { ...wishes, push: false, load: true });
  assert.deepEqual(
    [plan.cacheFrom, plan.cacheTo, plan.outputs, plan.pushes],
    [[], [], ['type=docker'], false],
  );
  assert.deepEqual(planBuild(facts, { ...wishes, cacheRepository: 'none' }).cacheTo, []);
  assert.deepEqual(planBuild(facts, { ...wishes, noCache: true }).cacheFrom, []);
  assert.equal(planBuild(facts, { ...wishes, noCache: true }).cacheTo.length, 1);
});

test('the cache repository: --cache-repo, else that of --cache-to, else that of the first tag', () => {
  assert.equal(chooseCacheRepository(facts, { ...wishes, cacheRepository: 'r/c' }), 'r/c');
  assert.equal(
    chooseCacheRepository(facts, { ...wishes, cacheTo: [{ type: 'registry', ref: 'h:5000/c/d:tag' }] }),
    'h:5000/c/d',
  );
  assert.equal(chooseCacheRepository(facts, wishes), 'r.example.com/team/app');
  assert.equal(chooseCacheRepository({ ...facts, tags: [] }, wishes), undefined);
});

test('outputs in the form of buildx, with compression where layers are made', () => {
  const outputs = [
    parseEntry('--output', 'out'),
    parseEntry('--output', 'type=registry,name=a'),
    parseEntry('--output', 'type=oci,dest=x.tar'),
  ];
  assert.deepEqual(planBuild(facts, { ...wishes, push: false, outputs }).outputs, [
    'type=local,dest=out',
    'type=registry,oci-mediatypes=true,compression=zstd,name=a',
    'type=oci,dest=x.tar',
  ]);
  assert.ok(planBuild(facts, { ...wishes, push: false, outputs }).pushes);
});

test('values with commas and quotes survive the way through CSV', () => {
  const entry = { type: 'registry', ref: 'a,b', note: 'say "x"' };
  assert.deepEqual(parseEntry('--cache-to', formatCsv(entry)), entry);
  assert.throws(() => parseEntry('--output', 'type=local,dest'), /"dest" is no key=value pair/);
  assert.throws(() => parseEntry('--cache-to', 'type=registry,"ref=a'), /not understood/);
});
