import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { built, layerwright, testbedVariable } from '../commands/launch.ts';
import type { CheckedShape } from './checked-shape.ts';
import { answerOf } from './run-image.ts';
import { exampleDirectory } from './shapes.ts';

/** Declares a test for each shape: built as expected, run, verified, changed and built again. */
export function checkShapes(shapes: readonly CheckedShape[]): void {
  const own = `${testbedVariable('LW_REGISTRY')}/shape-${randomUUID().slice(0, 8)}`;
  for (const shape of shapes) checkShape(shape, own);
}

function checkShape(shape: CheckedShape, own: string): void {
  test(`examples: ${shape.name} is built as expected, answers, is the same as a plain build, and costs what changed`, async () => {
    await using directory = await temporaryDirectory();
    const project = join(directory.path, shape.folder);
    await cp(exampleDirectory(shape.folder), project, { recursive: true });
    const reference = `${own}/${shape.name.replaceAll(/[^a-z0-9]+/g, '-')}`;
    const build = (tag: string) => built(['--push', '-t', `${reference}:${tag}`, ...shape.flags, project]);

    const first = await build('1');
    assert.deepEqual(
      first.segments.map(({ kind, stage, fromLine, toLine }) => ({ kind, stage, fromLine, toLine })),
      shape.ways,
    );
    assert.partialDeepStrictEqual(await answerOf(`${reference}:1`, shape.run), shape.says);

    const words = [...shape.flags, ...(shape.verifies ?? []), project];
    const verified = await layerwright(['verify', `${reference}:1`, ...words]);
    assert.equal(verified.exitCode, 0, `${verified.stdout}\n${verified.stderr}`);

    await appendFile(join(project, shape.changes), shape.line);
    const second = await build('2');
    if (shape.withoutBuilder) assert.equal(second.builder, null, 'nothing has to run for a changed line');
    const kinds = second.segments.map(({ outcome }) => outcome);
    assert.ok(!shape.withoutBuilder || !kinds.includes('solved'), 'what was solved is found by its key');
    assert.ok(
      (second.bytes.pushed ?? 0) < 200_000,
      `${second.bytes.pushed} B were pushed for a changed line`,
    );
    assert.partialDeepStrictEqual(await answerOf(`${reference}:2`, shape.run), shape.says);
  });
}
