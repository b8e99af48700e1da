import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type RunResult, run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { BuildResult } from '../../src/report/build-result.ts';

export const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'layerwright.js');

/** A variable of the testbed that the test runner brought up. */
export function testbedVariable(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is set: run the integration tests with npm test`);
  return value;
}

/** Runs the command as a user does. `undefined` in `env` takes a variable away. */
export function layerwright(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal } = {},
): Promise<RunResult> {
  const { env, ...rest } = options;
  return run([process.execPath, LAUNCHER, ...args], { env: { ...process.env, ...env }, ...rest });
}

/** Builds with `--json`; the build must go well. */
export async function built(
  args: readonly string[],
  options: Parameters<typeof layerwright>[1] = {},
): Promise<BuildResult> {
  const result = await layerwright(['build', '--json', ...args], options);
  assert.equal(result.exitCode, 0, result.stderr);
  return JSON.parse(result.stdout) as BuildResult;
}

/** A directory with these files, and an initial commit if asked for; removed when the `await using` block ends. */
export async function projectOf(files: Readonly<Record<string, string>>): Promise<
  AsyncDisposable & {
    readonly path: string;
    readonly write: (files: Readonly<Record<string, string>>) => Promise<void>;
  }
> {
  const directory = await temporaryDirectory('lw-project-');
  const write = async (written: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(written)) {
      await mkdir(dirname(join(directory.path, name)), { recursive: true });
      await writeFile(join(directory.path, name), text);
    }
  };
  await write(files);
  return { ...directory, write };
}

/** Runs git in a directory, as nobody in particular; its output. */
export async function git(directory: string, ...args: string[]): Promise<string> {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.invalid'];
  const result = await run(['git', ...identity, '-C', directory, ...args], {
    env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
  });
  assert.equal(result.exitCode, 0, result.stderr);
  return result.stdout.trim();
}

/** Three stages as a Python service has them, small. */
export const THREE_STAGES = `FROM python:3.11-slim AS base
WORKDIR /app

FROM python:3.11-slim AS dependencies
COPY requirement.txt /tmp/
RUN python -m venv --without-pip /opt/venv && cp /tmp/requirement.txt /opt/venv/

FROM base AS final
COPY --link --from=dependencies /opt/venv /opt/venv
COPY --link app.py /app/
CMD ["/opt/venv/bin/python", "app.py"]
`;

/** A service that says one word. */
export const SERVICE: Readonly<Record<string, string>> = {
  Dockerfile: THREE_STAGES,
  'app.py': 'print("hello")\n',
  'requirement.txt': '# none\n',
};
