import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { CASES } from './copy-cases.ts';
import { lines, type Seen, seenInTar } from './trees.ts';
import { composed, dockerfileOf, instructionOf, openWorkshop } from './workshop.ts';

/** Where it matters that BuildKit is sent only what the sources of all reachable stages name: links, wildcards, several names of one file. */
const alone = CASES.filter(
  ({ request, refused }) =>
    refused === undefined && request.sources.some((source) => /link|hard|[*?[]/.test(source)),
);

test('a COPY alone in its Dockerfile, where BuildKit takes no more of the context than it names', async () => {
  await using workshop = await openWorkshop();
  const archive = (at: number) => join(workshop.path, `out${at}.tar`);
  const dockerfile = join(workshop.path, 'Dockerfile');
  await writeFile(dockerfile, dockerfileOf(alone));
  const target = Object.fromEntries(
    alone.map((_, at) => [
      `case${at}`,
      {
        ...{ context: workshop.context.directory, dockerfile, target: `stage${at}` },
        ...{ attest: ['type=provenance,disabled=true'], output: [`type=tar,dest=${archive(at)}`] },
      },
    ]),
  );
  const bake = join(workshop.path, 'bake.json');
  await writeFile(bake, JSON.stringify({ target, group: { default: { targets: Object.keys(target) } } }));
  const { exitCode, stderr } = await run(['buildx', 'bake', '--allow=fs=*', '--progress=plain', '-f', bake]);
  assert.equal(exitCode, 0, stderr.slice(-2000));
  assert.ok(alone.length > 20);
  for (const [at, one] of alone.entries()) {
    const ours = await composed(workshop, one);
    const seen = 'seen' in ours ? ours.seen : new Map<string, Seen>();
    assert.deepEqual(lines(seen), lines(seenInTar(await readFile(archive(at)))), instructionOf(one.request));
  }
});
