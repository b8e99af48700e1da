import { posix } from 'node:path';
import type { Mount } from '../../dockerfile/mounts.ts';
import { type Netrc, parseNetrc } from '../../python/recognise/netrc.ts';

/** What the secret mounts of a `RUN` tell package tools. Never to be printed, kept or put into a key. */
export interface StepSecrets {
  /** Variables, with those that are dealt with here empty. */
  readonly env: Readonly<Record<string, string>>;
  /** Texts of pip's configuration files, in pip's order. */
  readonly pipConfigurations: readonly string[];
  /** The logins of the netrc file; undefined if there is none. */
  readonly netrc: Netrc | undefined;
}

/** Where a step looks for configuration. */
export interface SecretPlace {
  /** The user's home directory, absolute. */
  readonly home: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Texts of the files of the image that configure pip. */
  readonly pipConfigurations: readonly string[];
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
  let netrc: Netrc | undefined;
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
    if (rank !== undefined) {
      configurations.push([rank, text]);
      // It is read here.
      if (rank === NAMED) env.PIP_CONFIG_FILE = '';
      else if (place.pipConfigurations.length > 0)
        return { reason: 'it has a pip.conf as a secret and others in the image', hint: PIP_CONFIG_HINT };
    } else if (target === (place.env.NETRC || `${homeOf(place)}/.netrc`)) {
      netrc = parseNetrc(text);
      if (netrc === undefined)
        return { reason: `the secret at ${target} is no netrc file as Python reads it`, hint: undefined };
    } else if (!target.startsWith('/run/secrets/'))
      return {
        reason: `what the secret at ${target} is to a package tool is not known`,
        hint: 'A login of an index can be a netrc file, a pip.conf or a variable (env=...).',
      };
  }
  const pipConfigurations = configurations.toSorted(([a], [b]) => a - b).map(([, text]) => text);
  return { env, pipConfigurations, netrc };
}

/** Programs go by the variable. */
function homeOf({ home, env }: SecretPlace): string {
  return env.HOME || home;
}

/** The rank of the file that PIP_CONFIG_FILE names. */
const NAMED = 3;

const PIP_CONFIG_HINT =
  'Give the whole configuration as the secret, at the path that ENV PIP_CONFIG_FILE names.';

/** pip reads the machine's first, then the user's, the environment's, and what PIP_CONFIG_FILE names last. */
function rankOf(target: string, place: SecretPlace): number | undefined {
  const { env } = place;
  const home = homeOf(place);
  if (target === env.PIP_CONFIG_FILE) return NAMED;
  const known: Readonly<Record<string, number>> = {
    '/etc/pip.conf': 0,
    '/etc/xdg/pip/pip.conf': 0,
    [`${home}/.pip/pip.conf`]: 1,
    [`${env.XDG_CONFIG_HOME || `${home}/.config`}/pip/pip.conf`]: 1,
    '/usr/local/pip.conf': 2,
  };
  return known[target];
}
