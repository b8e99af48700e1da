/**
 * The widely copied recipe (`Dockerfile.recipe`, three stages and a layer cache in the registry) against the Dockerfile
 * that people start with (`Dockerfile.naive`): `npm run demo:recipe`. Every build is on a fresh builder.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { registryClient } from '../src/registry/client.ts';
import { formatBytes, formatSeconds, painter } from '../src/report/format.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed, type Testbed } from '../testbed/testbed.ts';
import { LAUNCHER, timed } from './build.ts';
import { asRoot } from './main.ts';
import { checkOut, type Project } from './project.ts';
import { table } from './table.ts';

interface Measured {
  readonly seconds: number;
  readonly imageBytes: number;
}

const KINDS = ['naive', 'recipe'] as const;
type Kind = (typeof KINDS)[number];

async function buildOnce(host: Host, testbed: Testbed, project: Project, kind: Kind): Promise<Measured> {
  await testbed.freshBuilder();
  const repository = `demo/${kind}`;
  const tag = `${testbed.env.LW_REGISTRY}/${repository}:latest`;
  const index = [
    ...['--build-arg', `PIP_INDEX_URL=${testbed.env.LW_PACKAGE_INDEX}`],
    // Over plain HTTP pip keeps only what a trusted host sends.
    ...['--build-arg', 'PIP_TRUSTED_HOST=127.0.0.1'],
  ];
  // What the recipe is worth by itself: nothing is composed here.
  const way = kind === 'recipe' ? ['--way', 'solved'] : [];
  const words = ['build', '--push', ...way, '--file', `Dockerfile.${kind}`, '--tag', tag, ...index, '.'];
  // As people start: no cache to find on a fresh builder, and what buildx does by itself.
  const naive = ['buildx', ...words, '--provenance=false'];
  const recipe = [process.execPath, LAUNCHER, ...words];
  const { seconds } = await timed(host, testbed, project, {
    shown: kind === 'naive' ? naive : ['layerwright', ...words],
    command: kind === 'naive' ? naive : recipe,
  });
  return { seconds, imageBytes: await sizeOf(host, testbed, repository) };
}

async function sizeOf(host: Host, testbed: Testbed, repository: string): Promise<number> {
  const client = registryClient(host, testbed.env.LW_REGISTRY ?? '');
  const found = await client.manifest(repository, 'latest');
  const { layers = [] } = (found?.content ?? {}) as { layers?: readonly { size: number }[] };
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/** Lets the copies of the Dockerfiles take another package index: one that answers as PyPI does, whatever this machine's. */
async function takeIndex(project: Project): Promise<void> {
  for (const kind of KINDS) {
    const path = join(project.directory, `Dockerfile.${kind}`);
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace(/^FROM (?:python|base).*$/gm, '$&\nARG PIP_INDEX_URL PIP_TRUSTED_HOST'),
    );
  }
}

async function compare(host: Host): Promise<void> {
  const steps = stepsFor(host);
  await using directory = await temporaryDirectory('lw-recipe-');
  const parts = ['registry', 'downloads', 'images', 'builder'] as const;
  const testbed = await startTestbed(host, { dir: join(directory.path, 'testbed'), parts }, steps);
  const rows: string[][] = [];
  try {
    const example = join(import.meta.dirname, '..', 'examples', 'chat');
    const project = await checkOut(host, example, join(directory.path, 'chat'));
    await takeIndex(project);
    for (const scenario of ['nothing known', 'nothing changed', 'one line changed']) {
      if (scenario === 'one line changed') await project.change('app/__init__.py', '"1.4.0"', '"1.4.1"');
      steps.note(`\n${painter(host.output.colour)('bold', scenario)}`);
      const naive = await buildOnce(host, testbed, project, 'naive');
      const recipe = await buildOnce(host, testbed, project, 'recipe');
      rows.push(rowOf(scenario, naive, recipe));
    }
  } finally {
    await testbed.stop();
  }
  host.output.talk('\n');
  host.output.data(
    table(['build', 'naive', 'recipe', 'less time', 'image, naive', 'image, recipe', 'smaller'], rows, 1),
  );
}

function rowOf(scenario: string, naive: Measured, recipe: Measured): string[] {
  const less = (before: number, after: number) => `${Math.round((1 - after / before) * 100)} %`;
  return [
    scenario,
    formatSeconds(naive.seconds),
    formatSeconds(recipe.seconds),
    less(naive.seconds, recipe.seconds),
    formatBytes(naive.imageBytes),
    formatBytes(recipe.imageBytes),
    less(naive.imageBytes, recipe.imageBytes),
  ];
}

await asRoot(compare);
