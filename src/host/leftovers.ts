import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that somebody left behind. */
export interface Leftover {
  readonly pid: number;
  /** Its name, as the kernel knows it. */
  readonly name: string;
}

/** By what processes are known to belong together. */
export interface Belonging {
  /** Session ids: the process ids of those that lead a session. */
  readonly sessions: readonly number[];
  /** `NAME=value` that is in the environment of all of them: also a process that left its session is found by it. */
  readonly variable: string;
}

/** What still runs of it. Without `/proc`, the processes of the groups that the sessions began with. */
export function leftoversOf({ sessions, variable }: Belonging): readonly Leftover[] {
  if (process.platform !== 'linux')
    return sessions.filter((id) => signalled(-id, 0)).map((id) => ({ pid: -id, name: 'process group' }));
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => {
      const found = processAt(entry);
      if (found === undefined) return [];
      const belongs = sessions.includes(found.session) || found.environment().includes(variable);
      return belongs ? [{ pid: Number(entry), name: found.name }] : [];
    });
}

/**
 * Ends processes, with one signal after the other; resolves when none is left, or all signals were sent and waited for.
 *
 * @param signals each with the milliseconds that are waited for its effect
 */
export async function endLeftovers(
  belonging: Belonging,
  signals: readonly (readonly [signal: NodeJS.Signals, waitMs: number])[],
): Promise<void> {
  for (const [signal, waitMs] of signals) {
    for (const { pid } of leftoversOf(belonging)) signalled(pid, signal);
    const until = performance.now() + waitMs;
    while (leftoversOf(belonging).length > 0) {
      if (performance.now() >= until) break;
      await sleep(20);
    }
  }
}

function processAt(
  entry: string,
): { name: string; session: number; environment: () => readonly string[] } | undefined {
  const stat = readProc(entry, 'stat');
  // The name in parentheses may hold anything: fields are counted after its closing parenthesis.
  const close = stat.lastIndexOf(')');
  const fields = stat.slice(close + 2).split(' ');
  if (close < 0 || fields[0] === 'Z') return undefined;
  return {
    name: stat.slice(stat.indexOf('(') + 1, close),
    session: Number(fields[3]),
    environment: () => readProc(entry, 'environ').split('\0'),
  };
}

function readProc(entry: string, file: string): string {
  try {
    return readFileSync(`/proc/${entry}/${file}`, 'utf8');
  } catch {
    // It ended meanwhile, or belongs to somebody else.
    return '';
  }
}

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
