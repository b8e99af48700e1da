import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';
import type { BuildResult } from '../src/report/build-result.ts';
import { painter } from '../src/report/format.ts';
import { storedBytes } from '../testbed/registry.ts';
import type { Testbed } from '../testbed/testbed.ts';
import type { Project } from './project.ts';
import type { Row } from './table.ts';

/** The command as a checkout has it. */
export const LAUNCHER = join(import.meta.dirname, '..', 'bin', 'layerwright.js');

/** The Dockerfile of the example that is built. */
const DOCKERFILE = 'Dockerfile.recipe';

/** The repository that everything goes to, layer cache included. */
export function repositoryIn(testbed: Pick<Testbed, 'env'>): string {
  return `${testbed.env.LW_REGISTRY}/demo/chat`;
}

/** `layerwright build`, as a user would call it. */
export async function buildByLayerwright(
  host: Host,
  testbed: Testbed,
  project: Project,
  scenario: string,
): Promise<Row> {
  const words = [
    'build',
    ...['--push', '--file', DOCKERFILE],
    ...['--tag', `${repositoryIn(testbed)}:{sha}`, '--tag', `${repositoryIn(testbed)}:latest`],
  ];
  const { stdout, ...measured } = await timed(host, testbed, project, {
    shown: ['layerwright', ...words, '.'],
    command: [process.execPath, LAUNCHER, ...words, '--json', '.'],
  });
  const { layers } = JSON.parse(stdout) as BuildResult;
  const found = layers && layers.given + layers.found;
  return {
    scenario,
    tool: 'layerwright',
    ...measured,
    foundLayers: found,
    allLayers: layers && (found ?? 0) + layers.made.length,
  };
}

/** The same Dockerfile as the recipe has it built: by buildx, with its layer cache in the registry. */
export async function buildByRecipe(
  host: Host,
  testbed: Testbed,
  project: Project,
  scenario: string,
): Promise<Row> {
  const repository = `${repositoryIn(testbed)}-recipe`;
  const cache = `type=registry,ref=${repository}:cache`;
  const words = [
    ...['buildx', 'build', '--push', '--provenance=false', '--file', DOCKERFILE],
    ...['--tag', `${repository}:latest`, '--cache-from', cache],
    ...['--cache-to', `${cache},mode=max,image-manifest=true,oci-mediatypes=true`, '.'],
  ];
  const { stdout: _none, ...measured } = await timed(host, testbed, project, {
    shown: words,
    command: words,
  });
  return { scenario, tool: 'recipe', ...measured, foundLayers: null, allLayers: null };
}

/** Runs a command that builds and pushes: its wall-clock seconds, what the registry grew by, and what it printed as data. */
export async function timed(
  host: Host,
  testbed: Testbed,
  project: Project,
  { shown, command }: { readonly shown: readonly string[]; readonly command: readonly string[] },
): Promise<Pick<Row, 'seconds' | 'pushedBytes'> & { readonly stdout: string }> {
  host.output.talk(`${painter(host.output.colour)('dim', `$ ${shown.join(' ')}`)}\n`);
  const before = await storedBytes(testbed.dir);
  const started = host.clock.monotonicMs();
  const result = await host.run(command, {
    cwd: project.directory,
    env: { ...host.env, ...testbed.env },
    inheritStderr: true,
    signal: host.signal,
  });
  const seconds = (host.clock.monotonicMs() - started) / 1000;
  if (result.exitCode !== 0)
    throw new LayerwrightError(`${shown[0]} ${shown[1]} ended with exit code ${result.exitCode}`, {
      code: 'DEMO_BUILD_FAILED',
      exit: EXIT.failed,
      hint: 'What it said stands above.',
    });
  return { seconds, pushedBytes: (await storedBytes(testbed.dir)) - before, stdout: result.stdout };
}
