import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { interruptedError, usageError } from '../../errors.ts';
import { type Conversation, startConversation } from '../../host/conversation.ts';
import { findOnPath, kindOf, readTextIfThere, writeFileAtomic } from '../../host/files.ts';
import { type Belonging, endLeftovers, type Leftover, leftoversOf } from '../../host/leftovers.ts';
import type { Shell } from '../buildspec/buildspec.ts';
import { quoted, SUPERVISOR, sessionScript } from './shell-scripts.ts';
import type { User } from './user.ts';

/** Where and how the commands of a build run. */
export interface ShellSettings {
  readonly shell: Shell;
  /** Absolute; where the first command runs. */
  readonly sourceDirectory: string;
  /** The whole environment of the first command. */
  readonly env: Readonly<Record<string, string>>;
  /** A directory of this run alone, which other users may pass through. */
  readonly workDirectory: string;
  /** `NAME=value` in the environment that no other process on this machine has. */
  readonly variable: string;
  readonly signal: AbortSignal;
  readonly onOutput: (text: string) => void;
  /** In version 0.1 of buildspecs each command has a shell of its own, and starts where the build started. */
  readonly separate: boolean;
}

/** The shell that the commands of a build run in. */
export interface BuildShell {
  /** Runs a command; its exit status. @throws LayerwrightError `INTERRUPTED` (130) */
  readonly run: (command: string, user?: User) => Promise<number>;
  /** Expands variables and `$(...)` in a text, as in a here-document. */
  readonly expand: (text: string, user?: User) => Promise<string>;
  /** The values of variables; those that are not set are left out. */
  readonly variables: (names: readonly string[]) => Promise<Readonly<Record<string, string>>>;
  /** Sets an exported variable from the next command on. */
  readonly set: (name: string, value: string) => void;
  /** Ends the shell and everything that the commands left behind; what that was. */
  readonly end: () => Promise<readonly Leftover[]>;
}

/** After Ctrl-C: programs may tidy up; those in the background of a shell ignore SIGINT. */
const INTERRUPT = [
  ['SIGINT', 1_000],
  ['SIGTERM', 8_000],
  ['SIGKILL', 2_000],
] as const;

/** After the build: the machine of a CodeBuild build is gone with it. */
const END = [
  ['SIGTERM', 5_000],
  ['SIGKILL', 2_000],
] as const;

/** One running shell and whose it is. */
interface Session {
  readonly conversation: Conversation;
  readonly directory: string;
  readonly user: User | undefined;
}

/**
 * A shell that keeps variables, directory, functions and options from command to command. It is started with the first command,
 * and again as somebody else when the user changes, who goes on with the same variables in the same directory.
 *
 * @throws LayerwrightError `PROGRAM_NOT_FOUND` (2)
 */
export async function openShell(settings: ShellSettings): Promise<BuildShell> {
  const [program, sh] = await Promise.all([programOf(settings.shell, settings), programOf('sh', settings)]);
  const conversations: Conversation[] = [];
  const pending = new Map<string, string>();
  let session: Session | undefined;
  /** Where the state is that the next session starts with. */
  let last: string | undefined;
  let started = 0;

  const belonging = (): Belonging => ({
    sessions: conversations.map(({ pid }) => pid),
    variable: settings.variable,
  });

  async function sessionOf(user: User | undefined): Promise<Session> {
    if (session !== undefined && session.user?.uid === user?.uid) return session;
    await session?.conversation.close();
    started += 1;
    const directory = join(settings.workDirectory, `shell-${started}`);
    const mark = `\u001e${randomBytes(16).toString('hex')} `;
    await prepareDirectory(directory, mark, user, last && { directory: last, env: settings.env });
    const words = [...(user?.words ?? []), program, join(directory, 'session.sh')];
    const conversation = await startConversation(
      [sh, '-c', SUPERVISOR, 'supervisor', directory, mark, ...words],
      {
        cwd: settings.sourceDirectory,
        env: { ...settings.env, ...variablesOf(user) },
        mark,
        onOutput: settings.onOutput,
      },
    );
    conversations.push(conversation);
    session = { conversation, directory, user };
    if (!settings.separate) last = directory;
    return session;
  }

  async function ask(command: string, user: User | undefined): Promise<number> {
    if (settings.signal.aborted) throw interruptedError();
    const { conversation, directory } = await sessionOf(user);
    const script = join(directory, 'script.sh');
    // A new file each time: a shell may still be reading the one before.
    await writeFileAtomic(script, `${command}\n`);
    const report = await untilAborted(settings.signal, conversation.ask(script));
    if (settings.signal.aborted) {
      await endLeftovers(belonging(), INTERRUPT);
      throw interruptedError();
    }
    if (report === undefined) return await endedStatus(user);
    if (settings.separate) await closeSession();
    return Number(report);
  }

  /** The status of a command that has ended the shell and who watches over it, as `kill 0` does. */
  async function endedStatus(user: User | undefined): Promise<number> {
    const { conversation, directory } = await sessionOf(user);
    session = undefined;
    const pid = await readTextIfThere(join(directory, 'started'));
    if (pid !== undefined) {
      // It may be writing what the next shell begins with.
      await untilGone(belonging(), Number(pid));
      return await conversation.ended;
    }
    throw usageError(
      'SHELL_FAILED',
      `the shell ${program} cannot be started${user ? ` as ${user.name}` : ''}`,
      'Does it run by hand, and may this user look into the temporary directory?',
    );
  }

  async function closeSession(): Promise<void> {
    await session?.conversation.close();
    session = undefined;
  }

  /** What a command of our own writes to a file, as the user who runs it. */
  async function written(command: (file: string) => string, user: User | undefined): Promise<string> {
    const { directory } = await sessionOf(user);
    const file = join(directory, 'answer');
    await ask(withPending(command(quoted(file))), user);
    return (await kindOf(file)) === undefined ? '' : await readFile(file, 'utf8');
  }

  function withPending(command: string): string {
    const exports = [...pending].map(([name, value]) => `export ${name}=${quoted(value)}; `);
    if (!settings.separate) pending.clear();
    return `${exports.join('')}${command}`;
  }

  return {
    run: (command, user) => ask(withPending(command), user),
    async expand(text, user) {
      const word = `LW_${randomBytes(8).toString('hex')}`;
      const answer = await written((file) => `command cat <<${word} >|${file}\n${text}\n${word}`, user);
      return answer.trimEnd();
    },
    async variables(names) {
      const found: Record<string, string> = {};
      for (const name of names) {
        const print = `if [ "\${${name}+set}" ]; then printf '=%s' "$${name}"; fi`;
        const answer = await written((file) => `{ ${print}; } >|${file}`, session?.user);
        if (answer.startsWith('=')) found[name] = answer.slice(1);
      }
      return found;
    },
    set: (name, value) => void pending.set(name, value),
    async end() {
      await untilAborted(settings.signal, closeSession());
      const left = leftoversOf(belonging());
      await endLeftovers(belonging(), END);
      for (const conversation of conversations) await conversation.release();
      return left;
    },
  };
}

async function programOf(name: Shell, { env }: ShellSettings): Promise<string> {
  const found = await findOnPath(name, env);
  if (found !== undefined) return found;
  throw usageError('PROGRAM_NOT_FOUND', `the shell ${name} is not on PATH`, 'Install it, or set env/shell.');
}

/** Waits a moment for the end of a process. */
async function untilGone(belonging: Belonging, pid: number): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    if (!leftoversOf(belonging).some((one) => one.pid === pid)) return;
    await sleep(20);
  }
}

/** What an earlier shell leaves to the next one. */
interface Inheritance {
  readonly directory: string;
  /** The environment of who runs all this. */
  readonly env: Readonly<Record<string, string>>;
}

/** The directory of a shell, with its script and the state that it starts with. Only its user may look into it. */
async function prepareDirectory(
  directory: string,
  mark: string,
  user: User | undefined,
  before: Inheritance | '' | undefined,
): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  const script = join(directory, 'session.sh');
  const state = join(directory, 'state');
  await writeFile(script, sessionScript({ directory, mark }));
  if (before && (await kindOf(join(before.directory, 'state'))) === 'file')
    await writeFile(
      state,
      `${await readFile(join(before.directory, 'state'), 'utf8')}\n${ownLines(user, before)}`,
    );
  if (user === undefined || user.words.length === 0) return;
  for (const path of [script, state, directory])
    if ((await kindOf(path)) !== undefined) await chown(path, user.uid, user.gid);
}

/** What is not inherited from another user. */
function ownLines(user: User | undefined, before: Inheritance): string {
  const own = user === undefined ? before.env : variablesOf(user);
  return OF_THE_USER.map((name) =>
    own[name] === undefined ? `unset ${name}` : `export ${name}=${quoted(own[name])}`,
  ).join('\n');
}

const OF_THE_USER = ['HOME', 'USER', 'LOGNAME', 'SHELL'] as const;

function variablesOf(user: User | undefined): Readonly<Record<string, string>> {
  if (user === undefined) return {};
  return { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell };
}

/** The value, or undefined as soon as the signal is aborted. */
async function untilAborted<T>(signal: AbortSignal, value: Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  let stop = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
