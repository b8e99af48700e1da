import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';
import type { BuildResult } from '../src/report/build-result.ts';
import { type FreshHost, type Surroundings, startedOwnBuilder, withBuilder } from './fresh-host.ts';
import { runWatched } from './peak-memory.ts';
import type { Peer, Sample } from './sample.ts';

/** What is built, and where it goes. */
export interface Build {
  /** A checkout of the example. */
  readonly checkout: string;
  /** `HOST:PORT/REPOSITORY` without a tag; the layer cache is in it too. */
  readonly repository: string;
  readonly tag: string;
  /** In the checkout; {@link DOCKERFILE} if not given. */
  readonly dockerfile?: string;
  /** The file of authorities that a program of it has to be told, because it brings its own; undefined if none does. */
  readonly authorities?: string;
  /** Gets what the command said. */
  readonly logFile: string;
}

/** What only the peer can tell of its build. */
export type Built = Pick<Sample, 'seconds' | 'builderStarted' | 'way' | 'peakMemoryBytes'>;

/**
 * Builds and pushes on a fresh host. The clock runs from the bare host, so the builder's start is in, until the command
 * ends: what becomes of a builder that the CI's host takes along is not.
 */
export type BuildBy = (surroundings: Surroundings, fresh: FreshHost, build: Build) => Promise<Built>;

/** The Dockerfile of the recipe; all peers build it. */
export const DOCKERFILE = 'Dockerfile.recipe';

/** What is changed in it for the peer with `--link`. */
export function withLink(dockerfile: string): string {
  return dockerfile.replace(/^COPY /gm, 'COPY --link ');
}

/** Each peer's build. `layerwright` is path of the launcher. */
export function peersWith(layerwright: string): Readonly<Record<Peer, BuildBy>> {
  return { recipe: byRecipe, 'recipe-link': byRecipe, layerwright: byLayerwright(layerwright) };
}

/** buildx as the recipe calls it: a layer cache in the registry, gzip. Attestations, which it does not speak of, are off. */
const byRecipe: BuildBy = async (surroundings, fresh, build) => {
  const { checkout, repository, tag, logFile } = build;
  const { host } = fresh;
  const dockerfile = await withAuthorities(fresh, build);
  const seconds = stopwatch(host);
  return await withBuilder(fresh, surroundings, async (builder) => {
    const cache = `type=registry,ref=${repository}:cache`;
    const command = [
      ...[
        surroundings.tools.buildx,
        'build',
        '--builder',
        builder,
        '--progress',
        'plain',
        '--provenance=false',
      ],
      ...['--cache-from', cache, '--cache-to', `${cache},mode=max,image-manifest=true,oci-mediatypes=true`],
      ...['--file', dockerfile, '--tag', `${repository}:${tag}`, '--push', '.'],
    ];
    const result = await host.run(command, { cwd: checkout, env: host.env, signal: host.signal });
    const measured = { seconds: seconds(), builderStarted: true, way: null, peakMemoryBytes: null };
    await checked('buildx', result, logFile);
    return measured;
  });
};

/** What who uses buildx writes into the Dockerfile for such programs: where the base image has the machine's authorities. */
async function withAuthorities(
  { directory }: FreshHost,
  { checkout, dockerfile = DOCKERFILE, authorities }: Build,
): Promise<string> {
  if (authorities === undefined) return dockerfile;
  const text = await readFile(join(checkout, dockerfile), 'utf8');
  const path = join(directory, 'Dockerfile');
  const variable = 'ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt';
  await writeFile(
    path,
    text.replace(/^FROM .*$/gm, (from) => `${from}\n${variable}`),
  );
  return path;
}

function byLayerwright(launcher: string): BuildBy {
  return async (_surroundings, fresh, build) => {
    const { checkout, repository, tag, logFile, dockerfile = DOCKERFILE, authorities } = build;
    const words = [
      ...['build', '--push', '--file', dockerfile, '--tag', `${repository}:${tag}`, '--json'],
      ...(authorities === undefined ? [] : ['--ca', authorities]),
      '.',
    ];
    const { host } = fresh;
    const elapsed = stopwatch(host);
    const result = await runWatched(host, [process.execPath, launcher, ...words], {
      cwd: checkout,
      env: host.env,
      signal: host.signal,
    });
    const seconds = elapsed();
    await checked('layerwright', result, logFile);
    const { way: whole, segments } = JSON.parse(result.stdout) as BuildResult;
    const way = segments.some(({ kind }) => kind === 'split') ? 'split' : whole;
    const builderStarted = await startedOwnBuilder(fresh);
    return { seconds, builderStarted, way, peakMemoryBytes: result.peakMemoryBytes };
  };
}

/** Seconds since now, whenever it is asked. */
function stopwatch({ clock }: Pick<Host, 'clock'>): () => number {
  const started = clock.monotonicMs();
  return () => (clock.monotonicMs() - started) / 1000;
}

async function checked(
  what: string,
  { exitCode, stdout, stderr }: { exitCode: number; stdout: string; stderr: string },
  logFile: string,
): Promise<void> {
  await writeFile(logFile, `${stderr}${stdout}`);
  if (exitCode === 0) return;
  throw new LayerwrightError(`${what} ended with exit code ${exitCode}`, {
    code: 'BENCH_BUILD_FAILED',
    exit: EXIT.failed,
    detail: stderr.slice(-4000),
  });
}
