import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerwrightError } from '../errors.ts';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { type RetryPolicy, withRetries } from '../host/http.ts';
import type { Builder } from './builder.ts';
import { type BuildxCall, buildxArguments } from './buildx.ts';
import { classifyFailure, type FailureFacts } from './failure.ts';

/** What buildx wrote to its metadata file, e.g. `containerimage.digest`, `image.name`. */
export type BuildMetadata = Readonly<Record<string, unknown>>;

/** Receives what a solve says while it runs. A retried solve begins anew. */
export interface SolveListener {
  /** A new attempt begins. */
  readonly begin: () => void;
  /** One line of buildx's standard error: JSON progress or text. */
  readonly line: (line: string) => void;
  /** What the lines so far tell about a failure. */
  readonly failure: () => FailureFacts;
  /** The registry or network failed for a moment and the solve is tried again: what was solved is kept by the builder. */
  readonly retry: (error: LayerwrightError) => void;
}

const SOLVE_RETRY: RetryPolicy = { retries: 2, firstDelayMs: 2_000 };

/**
 * Runs `buildx build`, again if a registry failed for a moment.
 *
 * @returns buildx's metadata
 * @throws LayerwrightError as `classifyFailure` names it, or `INTERRUPTED` (130)
 */
export async function solve(
  host: Host,
  builder: Builder,
  call: Omit<BuildxCall, 'metadataFile' | 'builder'>,
  listener: SolveListener,
): Promise<BuildMetadata> {
  // A Dockerfile or context on standard input goes straight to buildx, and there is no second time.
  const input = call.context === '-' || call.file === '-' ? ({ input: 'inherit' } as const) : undefined;
  await using directory = await temporaryDirectory();
  const metadataFile = join(directory.path, 'metadata.json');
  const args = buildxArguments({ ...call, metadataFile, builder: builder.name });
  await withRetries(
    async () => {
      listener.begin();
      const result = await host.run([...builder.command, ...args], {
        cwd: host.cwd,
        // Attestations are asked for by flags only: a default of buildx must not turn an image into an index.
        env: { ...builder.env, BUILDX_NO_DEFAULT_ATTESTATIONS: '1', BUILDX_METADATA_WARNINGS: '0' },
        ...input,
        // An archive that it writes to standard output goes there untouched.
        inheritStdout: true,
        onStderr: listener.line,
        signal: host.signal,
      });
      if (result.exitCode !== 0) throw classifyFailure(listener.failure());
    },
    host.signal,
    input ? { ...SOLVE_RETRY, retries: 0 } : SOLVE_RETRY,
    listener.retry,
  );
  return JSON.parse(await readFile(metadataFile, 'utf8')) as BuildMetadata;
}
