import { delimiter } from 'node:path';
import { writeFileAtomic } from '../src/host/files.ts';
import { type Bed, inBed } from './bed.ts';
import type { TestbedState } from './state.ts';

/** A file for a POSIX shell to source. PATH is put in front of the shell's own. */
function envFile(state: Pick<TestbedState, 'env' | 'path'>): string {
  const lines = Object.entries(state.env)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `export ${name}=${quoted(value)}`);
  if (state.path.length > 0)
    lines.push(`export PATH=${quoted(state.path.join(delimiter))}"\${PATH:+:$PATH}"`);
  return `${lines.join('\n')}\n`;
}

/** Only its owner may read it: it has passwords. */
export async function writeEnvFile(bed: Bed): Promise<void> {
  await writeFileAtomic(inBed(bed, 'env'), envFile(bed.state.value), 0o600);
}

/** The same variables for a child process, with the whole PATH. */
export function envRecord(
  state: Pick<TestbedState, 'env' | 'path'>,
  base: NodeJS.ProcessEnv,
): Record<string, string> {
  return { ...state.env, PATH: [...state.path, ...(base.PATH ? [base.PATH] : [])].join(delimiter) };
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
