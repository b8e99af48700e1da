import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { parseReference } from '../../src/image/reference.ts';
import { registryClient } from '../../src/registry/client.ts';
import type { BuildResult } from '../../src/report/build-result.ts';
import { built, testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { EXPECTED_WAYS } from './expected-ways.ts';
import { answerOf } from './run-image.ts';
import { exampleDirectory, SHAPES, type Shape } from './shapes.ts';

const own = `${testbedVariable('LW_REGISTRY')}/run-${randomUUID().slice(0, 8)}`;

/** What a Dockerfile's metadata instructions set. */
async function containerConfigOf(reference: string): Promise<unknown> {
  const { domain, path, tag } = parseReference(reference);
  const client = registryClient(testHost(), domain);
  const manifest = await client.manifest(path, tag ?? '');
  assert.ok(manifest, `${reference} is in the registry`);
  const { config } = manifest.content as { config: { digest: string } };
  const blob = await client.blob(path, config.digest);
  return (JSON.parse(Buffer.from(blob ?? []).toString('utf8')) as { config: unknown }).config;
}

/** Builds an example one way, each way in a repository of its own: nothing is found that the other way left. */
async function builtOneWay(
  shape: Shape,
  index: number,
  way: 'auto' | 'solved',
): Promise<{ reference: string; result: BuildResult }> {
  const reference = `${own}/${shape.folder}-${index}-${way}:1`;
  const result = await built([
    ...['--push', '-t', reference, '--way', way, ...shape.flags],
    exampleDirectory(shape.folder),
  ]);
  return { reference, result };
}

function rulesBroken({ warnings }: BuildResult): readonly (string | undefined)[] {
  return warnings.map(({ message }) => message.split(':')[0]);
}

for (const [index, shape] of SHAPES.entries())
  test(`examples: ${shape.name} is built as users do and by BuildKit alone, and both images say the same`, async () => {
    const ours = await builtOneWay(shape, index, 'auto');
    assert.deepEqual(
      ours.result.segments.map(({ kind, stage, fromLine, toLine }) => ({ kind, stage, fromLine, toLine })),
      EXPECTED_WAYS[shape.folder],
    );
    const plain = await builtOneWay(shape, index, 'solved');
    // The checks are BuildKit's.
    assert.deepEqual(rulesBroken(plain.result), shape.breaks ?? []);
    assert.deepEqual(await containerConfigOf(ours.reference), await containerConfigOf(plain.reference));
    const answer = await answerOf(ours.reference, shape.run);
    assert.partialDeepStrictEqual(answer, shape.says);
    assert.deepEqual(answer, await answerOf(plain.reference, shape.run));
  });
