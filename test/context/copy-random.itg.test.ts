import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededNumbers } from '../support/random.ts';
import { buildkit } from './builder.ts';
import type { Case } from './copy-cases.ts';
import { randomCase } from './copy-random.ts';
import { below, lines, type Seen } from './trees.ts';
import { composed, dockerfileOf, instructionOf, openWorkshop } from './workshop.ts';

const CASES = 120;

test('a COPY that we compose is what BuildKit makes of it', async () => {
  await using workshop = await openWorkshop();
  const number = seededNumbers(11);
  const cases: Case[] = [];
  const ours: Map<string, Seen>[] = [];
  let refused = 0;
  while (cases.length < CASES) {
    const one = randomCase(number);
    const outcome = await composed(workshop, one);
    if ('reason' in outcome) {
      refused += 1;
      continue;
    }
    cases.push(one);
    ours.push(outcome.seen);
  }
  assert.ok(refused < 2 * CASES, `${refused} cases were refused`);
  const result = await buildkit(workshop.path, workshop.context.directory, dockerfileOf(cases));
  assert.ok('seen' in result, JSON.stringify(result));
  for (const [at, one] of cases.entries())
    assert.deepEqual(
      lines(ours[at] as Map<string, Seen>),
      lines(below(result.seen, `case${at}`)),
      `WORKDIR ${one.request.workdir} ${instructionOf(one.request)} as ${one.user}`,
    );
});
