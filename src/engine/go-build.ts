import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../errors.ts';
import { findOnPath } from '../host/files.ts';
import type { Host } from '../host/host.ts';

/** Programs to compile from a pinned Go module. */
export interface GoPrograms {
  /** Directory with the `go.mod` and `go.sum` that pin every module by checksum. */
  readonly module: string;
  /** Import paths of the commands. */
  readonly packages: readonly string[];
  /** Compile with cgo (needs a C compiler); default no. */
  readonly cgo?: boolean;
  /** Build tags. */
  readonly tags?: readonly string[];
}

/**
 * Compiles programs with the machine's Go into `into/bin`.
 *
 * `go install package@version` refuses modules with `exclude` directives (BuildKit's), hence a module of our own
 * whose checked-in `go.sum` also makes the build tamper-evident: Go refuses a download with another checksum.
 *
 * @throws LayerwrightError `GO_MISSING` (2), `GO_BUILD_FAILED` (75)
 */
export async function buildGoPrograms(host: Host, programs: GoPrograms, into: string): Promise<void> {
  const go = await findOnPath('go', host.env);
  if (go === undefined)
    throw new LayerwrightError('no Go toolchain on PATH', {
      code: 'GO_MISSING',
      exit: EXIT.usage,
      hint: 'Install Go 1.26 or newer, or Docker with buildx, and run the command again.',
    });
  const source = join(into, 'source');
  await mkdir(source, { recursive: true });
  await mkdir(join(into, 'bin'), { recursive: true });
  for (const name of ['go.mod', 'go.sum']) await copyFile(join(programs.module, name), join(source, name));
  const result = await host.run(
    [
      go,
      'install',
      '-mod=readonly',
      '-trimpath',
      '-ldflags=-s -w',
      ...(programs.tags?.length ? [`-tags=${programs.tags.join(',')}`] : []),
      ...programs.packages,
    ],
    {
      cwd: source,
      env: {
        ...host.env,
        GOBIN: join(into, 'bin'),
        CGO_ENABLED: programs.cgo ? '1' : '0',
        GOFLAGS: '-buildvcs=false',
        GOTOOLCHAIN: host.env.GOTOOLCHAIN ?? 'auto',
        GOWORK: 'off',
      },
      signal: host.signal,
    },
  );
  if (result.exitCode !== 0)
    throw new LayerwrightError(`Go could not compile ${programs.packages.join(', ')}`, {
      code: 'GO_BUILD_FAILED',
      exit: EXIT.temporary,
      detail: result.stderr.slice(-4000),
      hint: 'The modules come from the Go module proxy (GOPROXY): check that this machine reaches it.',
    });
}
