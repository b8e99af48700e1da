import { posix } from 'node:path';
import type { Mount } from '../dockerfile/mounts.ts';

/** What the secret mounts of a `RUN` tell package tools. Never to be printed, kept or put into a key. */
export interface StepSecrets {
  readonly env: Readonly<Record<string, string>>;
  /** Texts of pip's configuration files, in pip's order. */
  readonly pipConfigurations: readonly string[];
  /** The text of the netrc file; undefined if there is none. */
  readonly netrc: string | undefined;
}

/** Where a step looks for configuration. */
export interface SecretPlace {
  /** The user's home directory, absolute. */
  readonly home: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the build was given (`--secret`), by id. */
  readonly given: ReadonlyMap<string, string>;
}

/** Why a step with secrets is left to BuildKit. */
interface SecretRefusal {
  readonly reason: string;
  readonly hint: string | undefined;
}

/** Takes in the secrets of a `RUN`, so far as it is known what they are to package tools: a netrc file, pip's configuration, variables. */
export function stepSecrets(mounts: readonly Mount[], place: SecretPlace): StepSecrets | SecretRefusal {
  const env: Record<string, string> = {};
  const configurations: (readonly [rank: number, text: string])[] = [];
  let netrc: string | undefined;
  for (const mount of mounts) {
    if (mount.type !== 'secret') continue;
    const id = mount.id || posix.basename(mount.target);
    const text = place.given.get(id);
    if (text === undefined) {
      if (mount.required)
        return { reason: `the secret ${id} was not given`, hint: `Give it: --secret id=${id},...` };
      continue;
    }
    if (mount.env) env[mount.env] = text;
    if (mount.env && mount.target === '') continue;
    const target = posix.resolve(place.workdir, mount.target || `/run/secrets/${id}`);
    const rank = rankOf(target, place);
    if (rank !== undefined) configurations.push([rank, text]);
    else if (target === (place.env.NETRC || `${place.home}/.netrc`)) netrc = text;
    else if (!target.startsWith('/run/secrets/'))
      return {
        reason: `what the secret at ${target} is to a package tool is not known`,
        hint: 'A login of an index can be a netrc file, a pip.conf or a variable (env=...).',
      };
  }
  const pipConfigurations = configurations.toSorted(([a], [b]) => a - b).map(([, text]) => text);
  return { env, pipConfigurations, netrc };
}

/** pip reads the machine's first, then the user's, the environment's, and what PIP_CONFIG_FILE names last. */
function rankOf(target: string, { home, env }: SecretPlace): number | undefined {
  if (target === env.PIP_CONFIG_FILE) return 3;
  const known: Readonly<Record<string, number>> = {
    '/etc/pip.conf': 0,
    '/etc/xdg/pip/pip.conf': 0,
    [`${home}/.pip/pip.conf`]: 1,
    [`${env.XDG_CONFIG_HOME || `${home}/.config`}/pip/pip.conf`]: 1,
    '/usr/local/pip.conf': 2,
  };
  return known[target];
}
