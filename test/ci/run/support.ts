import type { CiRunRecord } from '../../../src/ci/run/result.ts';
import { layerwright } from '../../commands/launch.ts';

/** What a run has left: its exit code, its JSON, and its log without times. */
export interface FinishedRun {
  readonly exitCode: number;
  readonly record: CiRunRecord;
  readonly log: string;
}

/** Runs `layerwright ci run --json` as a user does. */
export async function ciRun(
  directory: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<FinishedRun> {
  const result = await layerwright(['ci', 'run', '--json', ...args], { cwd: directory, env });
  return {
    exitCode: result.exitCode,
    record: JSON.parse(result.stdout) as CiRunRecord,
    log: result.stderr.replace(/^\[Container\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /gm, '[Container] '),
  };
}

/** A buildspec with these commands in its build phase. */
export function buildspecOf(...commands: readonly string[]): string {
  return `version: 0.2\nphases:\n  build:\n    commands:\n${commands.map((one) => `      - ${JSON.stringify(one)}\n`).join('')}`;
}

/** `NAME: STATE` of each phase, without those before install. */
export function phaseStates(record: CiRunRecord): readonly string[] {
  return record.phases
    .filter(({ name }) => name !== 'DOWNLOAD_SOURCE')
    .map(({ name, state, attempt }) => `${name}${attempt > 1 ? ` ${attempt}` : ''}: ${state}`);
}
