/**
 * The main job on real input: `examples/chat`, by the recipe that everyone copies and by Layerwright, each time on a host that
 * has never seen it; pushed, run and asked.
 * Prints a table and writes it as a page.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { ENGINE_VERSIONS } from '../src/engine/releases.ts';
import { temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import { painter } from '../src/report/format.ts';
import { stepsFor } from '../src/report/steps.ts';
import { startTestbed, type Testbed } from '../testbed/testbed.ts';
import { type Answer, ask } from './ask.ts';
import { buildByLayerwright, buildByRecipe } from './build.ts';
import { asRoot } from './main.ts';
import { demoPage } from './page.ts';
import { checkOut, type Project } from './project.ts';
import { type Row, textTable } from './table.ts';

const root = join(import.meta.dirname, '..');

interface Outcome {
  readonly rows: readonly Row[];
  readonly answer: Answer;
}

/** Each change built twice, on a fresh builder each: the recipe's Dockerfile by buildx, and by Layerwright. */
async function buildAll(host: Host, testbed: Testbed, project: Project, steps: Steps): Promise<Row[]> {
  const rows: Row[] = [];
  const build = async (scenario: string) => {
    for (const by of [buildByRecipe, buildByLayerwright]) {
      // The first builder is as fresh as it came up.
      if (rows.length > 0) await testbed.freshBuilder();
      steps.note(`\n${painter(host.output.colour)('bold', `Fresh builder: ${scenario}`)}`);
      rows.push(await by(host, testbed, project, scenario));
    }
  };
  await build('nothing known');
  await build('nothing changed');
  await project.change('app/__init__.py', '"1.4.0"', '"1.4.1"');
  await build('one line changed');
  await project.change('requirement.txt', 'idna==3.20', 'idna==3.19');
  await build('one package bumped');
  return rows;
}

async function demo(host: Host): Promise<Outcome> {
  const steps = stepsFor(host);
  await using directory = await temporaryDirectory('lw-demo-');
  const inDirectory = (name: string) => join(directory.path, name);
  const testbed = await startTestbed(
    host,
    { dir: inDirectory('testbed'), parts: ['registry', 'images', 'builder'] },
    steps,
  );
  try {
    const project = await checkOut(host, join(root, 'examples', 'chat'), inDirectory('chat'));
    const rows = await buildAll(host, testbed, project, steps);
    const answer = await ask(host, testbed, inDirectory('container'), steps);
    return { rows, answer };
  } finally {
    await testbed.stop();
  }
}

async function report(host: Host, { rows, answer }: Outcome): Promise<void> {
  const out = join(root, 'demo', 'out');
  await mkdir(out, { recursive: true });
  const facts = {
    date: host.clock.now(),
    processors: cpus().length,
    versions: { BuildKit: ENGINE_VERSIONS.buildkit, buildx: ENGINE_VERSIONS.buildx },
  };
  await writeFile(join(out, 'index.html'), demoPage(rows, answer, facts));
  await writeFile(
    join(out, 'result.json'),
    `${JSON.stringify({ schemaVersion: 1, rows, answer }, undefined, 2)}\n`,
  );
  host.output.talk(`\nThe image runs: GET /healthz answers ${answer.health}\n`);
  host.output.talk(`  "${answer.question}"\n  "${answer.reply}"\n\n`);
  host.output.data(textTable(rows));
  host.output.talk(`\nAs a page: ${relative(host.cwd, join(out, 'index.html'))}\n`);
}

await asRoot(async (host) => report(host, await demo(host)));
