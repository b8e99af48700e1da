import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildkit } from './builder.ts';
import { CASES } from './copy-cases.ts';
import { below, lines, type Seen } from './trees.ts';
import { composed, dockerfileOf, instructionOf, openWorkshop, type Workshop } from './workshop.ts';

let workshop: Workshop;
/** What BuildKit makes of all cases that we compose, by number. */
let built: Map<string, Seen>;

before(async () => {
  workshop = await openWorkshop();
  const result = await buildkit(workshop.path, workshop.context.directory, dockerfileOf(CASES));
  assert.ok('seen' in result, JSON.stringify(result));
  built = result.seen;
});

after(() => workshop[Symbol.asyncDispose]());

for (const [number, one] of CASES.entries()) {
  const as = one.user === undefined ? '' : ` as ${one.user}`;
  test(`${number}: ${instructionOf(one.request).replaceAll('\n', '\\n')}${as}`, async () => {
    const ours = await composed(workshop, one);
    if (one.refused !== undefined) assert.match('reason' in ours ? ours.reason : 'composed', one.refused);
    else if ('reason' in ours) assert.fail(ours.reason);
    else assert.deepEqual(lines(ours.seen), lines(below(built, `case${number}`)));
  });
}
