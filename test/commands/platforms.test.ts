import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatherBuildFacts } from '../../src/commands/build-facts.ts';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import { annotationsOf } from '../../src/commands/compose/annotations.ts';
import { canRun, hostPlatform, planFor, platformsOf } from '../../src/commands/compose/platforms.ts';
import { unsuitedFor } from '../../src/commands/compose/suits.ts';
import { platformText } from '../../src/dockerfile/platform.ts';
import { planBuild } from '../../src/plan/build-plan.ts';
import { testHost } from '../support/host.ts';
import { projectOf } from './launch.ts';

const requestFor = (...platform: readonly string[]) => toBuildRequest({}, '.', { platform });

test('platforms are what buildx hands on, in the order in which they are asked for', () => {
  const names = (...platform: readonly string[]) => platformsOf(requestFor(...platform)).map(platformText);
  assert.deepEqual(names('linux/arm64/v8,linux/amd64'), ['linux/arm64', 'linux/amd64']);
  assert.deepEqual(names('linux/arm', 'linux/x86_64'), ['linux/arm/v7', 'linux/amd64']);
  assert.deepEqual(names(), [platformText(hostPlatform())]);
});

test('a plan for one of several platforms names that one; one for none names none', () => {
  const plan = { platforms: ['linux/amd64', 'linux/arm64'] } as unknown as Parameters<typeof planFor>[0];
  assert.deepEqual(planFor(plan, { os: 'linux', architecture: 'arm64' }).platforms, ['linux/arm64']);
  assert.deepEqual(planFor({ ...plan, platforms: [] }, hostPlatform()).platforms, []);
});

test('a builder runs the platforms that it lists; one that is not started yet may run any', () => {
  const arm64 = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  assert.ok(canRun(['linux/amd64', 'linux/arm64'], arm64));
  assert.ok(!canRun(['linux/amd64', 'linux/amd64/v2', 'linux/386'], arm64));
  assert.ok(!canRun(['linux/arm/v7'], arm64));
  assert.ok(canRun([], arm64));
});

test('annotations are for manifests, unless they say that they are for the index', () => {
  const request = toBuildRequest({}, '.', {
    annotation: ['a=1', 'index:b=2=3', 'manifest,index:c=4', 'manifest:d='],
  });
  assert.deepEqual(annotationsOf(request), {
    manifest: { a: '1', c: '4', d: '' },
    index: { b: '2=3', c: '4' },
  });
});

test('several platforms are composed; what is not surely meant is left to BuildKit', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM python:3.11-slim\n' });
  const why = async (options: Readonly<Record<string, unknown>>) => {
    const request = toBuildRequest({}, project.path, { push: true, tag: ['example.com/a:1'], ...options });
    const facts = await gatherBuildFacts(testHost(), request);
    return unsuitedFor(request, facts, planBuild(facts, request.wishes));
  };
  const both = { platform: ['linux/amd64,linux/arm64'] };
  assert.equal(await why(both), undefined);
  assert.equal(await why({ ...both, annotation: ['index:a=1', 'a=1'] }), undefined);
  assert.match((await why({ ...both, annotation: ['manifest[linux/amd64]:a=1'] })) ?? '', /annotation/);
  assert.match((await why({ annotation: ['index:a=1'] })) ?? '', /annotation/);
  assert.equal(
    await why({ platform: ['linux/arm64', 'linux/arm64/v8'] }),
    '--platform linux/arm64 is asked for twice',
  );
  assert.equal(await why({ platform: ['linux'] }), '--platform linux is for the builder to explain');
});
