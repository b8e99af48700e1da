import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { keepOnce } from '../host/kept.ts';
import type { Steps } from '../host/steps.ts';
import { type KeptTool, keptDirectory, systemOf, toolPlatform, versionOf } from './find-kept.ts';
import { buildGoPrograms } from './go-build.ts';
import { downloadRelease, expectedSum } from './provision-download.ts';
import { packagedSums, type ReleaseAsset, type ReleasedTool, releaseAsset, type Sums } from './releases.ts';

/** One way to get a tool: resolves to its `bin` directory, rejects with the reason why it can't be had this way. */
export interface Way {
  readonly name: string;
  readonly get: () => Promise<string>;
}

/** The directory of a Go module that is shipped beside this file. */
export function goModule(name: 'go' | 'go-runc'): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}

/**
 * Tries ways in their order, and says why it goes on to the next.
 *
 * A wrong checksum and an interruption end it: they are no reason to try something else.
 *
 * @throws LayerwrightError `ENGINE_UNAVAILABLE` (75 if a later try may work, else 2) with all reasons
 */
export async function firstWay(
  host: Host,
  steps: Steps,
  tool: string,
  ways: readonly Way[],
): Promise<string> {
  const failures: LayerwrightError[] = [];
  for (const way of ways) {
    try {
      return await way.get();
    } catch (error) {
      host.signal.throwIfAborted();
      if (!(error instanceof LayerwrightError) || FINAL.has(error.code)) throw error;
      steps.note(`${tool}: ${way.name}: ${error.message}`);
      failures.push(error);
    }
  }
  throw new LayerwrightError(
    `${tool} is not there and cannot be provisioned: ${failures.map(({ message }) => message).join('; ')}`,
    {
      code: 'ENGINE_UNAVAILABLE',
      exit: failures.some(({ temporary }) => temporary) ? EXIT.temporary : EXIT.usage,
      hint: [...new Set(failures.map(({ hint }) => hint).filter((hint) => hint !== undefined))].join(' '),
      detail: failures
        .map(({ detail }) => detail ?? '')
        .join('\n')
        .trim(),
    },
  );
}

const FINAL = new Set([
  'CHECKSUM_MISMATCH',
  'DOWNLOAD_SUMS_INVALID',
  'DOWNLOAD_BASE_INVALID',
  'PLATFORM_UNSUPPORTED',
  'INTERRUPTED',
]);

/**
 * The project's own release, if its checksum is known.
 *
 * @param programs what it must hold; each is run once before it is kept
 */
export function releaseWay(
  host: Host,
  steps: Steps,
  tool: ReleasedTool,
  programs: readonly string[],
  sums: Sums = packagedSums,
): Way {
  return {
    name: 'release',
    async get() {
      const asset = releaseAsset(tool, await toolPlatform());
      if (!asset)
        throw usageError(
          'RELEASE_NOT_THERE',
          `${tool} has no release for ${systemOf().os}`,
          'Install Docker Desktop, or use a remote builder.',
        );
      const sum = await expectedSum(host, asset, sums);
      if (sum === undefined)
        throw usageError(
          'CHECKSUM_UNKNOWN',
          `no checksum is known for ${basename(asset.path)}, so it is not downloaded`,
          'Set LAYERWRIGHT_DOWNLOAD_SHA256SUMS to a list of checksums that you trust.',
        );
      const directory = keptDirectory(host, tool, 'release');
      await keepOnce(
        directory,
        (into) =>
          steps.step(`Downloading ${tool} ${asset.version}`, async () => {
            await unpackRelease(host, asset, sum, into);
            await assertRuns(host, join(into, 'bin'), programs);
          }),
        () => steps.note(`Waiting for another run that provisions ${tool}`),
      );
      return join(directory, 'bin');
    },
  };
}

/** The Go build of the pinned module. */
export function goWay(
  host: Host,
  steps: Steps,
  tool: Exclude<KeptTool, 'uv' | 'runc'>,
  packages: readonly string[],
): Way {
  return {
    name: 'Go build',
    async get() {
      const directory = keptDirectory(host, tool, 'go');
      await keepOnce(
        directory,
        (into) =>
          steps.step(
            `Compiling ${tool} ${versionOf(tool)} with Go (some minutes the first time)`,
            async () => {
              await buildGoPrograms(host, { module: goModule('go'), packages }, into);
              await rm(join(into, 'source'), { recursive: true });
            },
          ),
        () => steps.note(`Waiting for another run that provisions ${tool}`),
      );
      return join(directory, 'bin');
    },
  };
}

/**
 * The Dockerfile frontend as a static program, to be put into an image: what Docker Hub has as `docker/dockerfile`.
 *
 * @returns absolute path of the program
 */
export async function provisionFrontend(host: Host, steps: Steps): Promise<string> {
  const way = goWay(host, steps, 'frontend', [
    'github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend',
  ]);
  return join(await firstWay(host, steps, 'the Dockerfile frontend', [way]), 'dockerfile-frontend');
}

async function unpackRelease(host: Host, asset: ReleaseAsset, sum: string, into: string): Promise<void> {
  const bin = join(into, 'bin');
  await mkdir(bin, { recursive: true });
  if (asset.kind === 'binary') {
    const program = join(bin, asset.tool);
    await downloadRelease(host, asset, sum, program);
    await chmod(program, 0o755);
    return;
  }
  const archive = join(into, 'archive.tar.gz');
  await downloadRelease(host, asset, sum, archive);
  // BuildKit's archive has its programs in bin/, uv's in a directory named after the platform.
  const extracted = join(into, 'extracted');
  await mkdir(extracted);
  const result = await host.run(
    ['tar', '-xzf', archive, '-C', extracted, '--no-same-owner', '--strip-components=1'],
    { env: host.env, signal: host.signal },
  );
  if (result.exitCode !== 0)
    throw new LayerwrightError(`tar cannot unpack ${basename(asset.path)}`, {
      code: 'UNPACK_FAILED',
      exit: EXIT.temporary,
      detail: result.stderr.slice(-2000),
      hint: 'Is the disk full, or gzip missing?',
    });
  await rm(bin, { recursive: true });
  await rename(extracted, bin);
  await rm(archive);
}

/** A program for another C library or processor, or on a disk mounted noexec, is found out before it is kept. */
export async function assertRuns(host: Host, bin: string, programs: readonly string[]): Promise<void> {
  for (const program of programs) {
    const result = await host.run([join(bin, program), program === 'buildx' ? 'version' : '--version'], {
      env: host.env,
      signal: host.signal,
      timeoutMs: 30_000,
    });
    if (result.exitCode !== 0)
      throw usageError(
        'PROGRAM_BROKEN',
        `${program} was provisioned, but does not run here: ${result.stderr.slice(0, 300).trim()}`,
      );
  }
}
