import { join } from 'node:path';
import type { Buildkitd } from '../src/engine/buildkitd.ts';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { DaemonId } from '../src/host/daemon.ts';
import { readTextIfThere, writeFileAtomic } from '../src/host/files.ts';

/** What a testbed can bring up. */
export const PARTS = ['registry', 's3', 'aws', 'downloads', 'images', 'builder', 'docker'] as const;
export type Part = (typeof PARTS)[number];

/** A process of the testbed. */
export interface Service extends DaemonId {
  readonly name: string;
  readonly logFile: string;
}

/** A buildkitd of the testbed; without `daemon` it was about to be started. */
export interface BuilderRecord {
  readonly root: string;
  readonly socket: string;
  readonly daemon?: Buildkitd;
}

/** Everything that must be known to use a testbed and to end it, from any process and after a crash. */
export interface TestbedState {
  readonly schemaVersion: 1;
  readonly parts: readonly Part[];
  /** False while it is brought up, and for ever if that was cut short. */
  readonly ready: boolean;
  /** Sockets have short paths: where the testbed's own is too long this is another directory. */
  readonly socketDirectory: string;
  /** In the order in which they were started. */
  readonly services: readonly Service[];
  /** Command lines that are about to be started: what a crash in that moment leaves is found by them. */
  readonly starting: readonly (readonly string[])[];
  readonly builders: Readonly<Record<string, BuilderRecord>>;
  /** The variables of the env file but PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Directories in front of PATH. */
  readonly path: readonly string[];
}

/** The state in memory and, after each change, on disk. */
export interface StateFile {
  readonly value: TestbedState;
  /** Changes at once in memory; resolves when the change is on disk. */
  readonly change: (changed: (state: TestbedState) => Partial<TestbedState>) => Promise<void>;
}

export function stateFile(dir: string, initial: TestbedState): StateFile {
  let value = initial;
  let written: Promise<void> = Promise.resolve();
  return {
    get value() {
      return value;
    },
    change(changed) {
      value = { ...value, ...changed(value) };
      written = written.then(() =>
        writeFileAtomic(statePath(dir), `${JSON.stringify(value, undefined, 2)}\n`, 0o600),
      );
      return written;
    },
  };
}

/** The state of the testbed in a directory; undefined if there is none. */
export async function readState(dir: string): Promise<TestbedState | undefined> {
  const text = await readTextIfThere(statePath(dir));
  if (text === undefined) return undefined;
  const state = JSON.parse(text) as TestbedState;
  if (state.schemaVersion === 1) return state;
  throw new LayerwrightError(`${statePath(dir)} was written by another version of the testbed`, {
    code: 'TESTBED_STATE_UNKNOWN',
    exit: EXIT.usage,
    hint: 'End that testbed with the checkout that started it.',
  });
}

function statePath(dir: string): string {
  return join(dir, 'state.json');
}
