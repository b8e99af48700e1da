import { isStandardSyntax } from './parse.ts';
import { type ScannedInstruction, scanDockerfile } from './scan.ts';

/** What a Dockerfile frontend can do for certificate authorities: put a file into a RUN, and set variables too. */
export type AuthoritySupport = 'environment' | 'file' | 'none' | 'foreign';

/** The secrets that a rewritten Dockerfile asks for; a caller gives each its content. */
export const AUTHORITY_SECRETS = {
  /** All authorities to trust, in PEM. */
  bundle: 'layerwright-ca',
  /** {@link SYSTEM_BUNDLE} as text. */
  systemPath: 'layerwright-ca-path',
  /** {@link OWN_BUNDLE} as text. */
  ownPath: 'layerwright-ca-own-path',
  /** {@link APT_CONFIGURATION}. */
  apt: 'layerwright-apt',
  /** {@link APT_FILE} as text. */
  aptPath: 'layerwright-apt-path',
} as const;

/** Where Debian, Ubuntu and Alpine keep the authorities that programs trust. */
export const SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
/** Where the bundle goes in a RUN that may want to replace the system's. */
export const OWN_BUNDLE = '/run/secrets/layerwright-ca';
/** apt's own setting for a RUN without the system's bundle; apt finds it by APT_CONFIG. */
export const APT_FILE = '/run/secrets/layerwright-apt';
export const APT_CONFIGURATION = `Acquire::https::CAInfo "${OWN_BUNDLE}";\n`;

/** Where pip, OpenSSL, requests, curl, Node and git look for authorities. */
const VARIABLES = [
  'PIP_CERT',
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
] as const;

/** A Dockerfile whose RUNs trust our authorities. */
export interface Rewritten {
  readonly text: string;
  /** How many RUNs were changed. */
  readonly runs: number;
  /** Ids of the secrets that it asks for. */
  readonly secrets: readonly string[];
}

/**
 * Which mounts the frontend of a `# syntax=` line reads: secrets as files came with 1.2, as variables with 1.10. A tag that
 * moves is taken for the newest; one with a digest is as old as its number says, and without a minor number unknown.
 *
 * @param syntax undefined for BuildKit's own frontend
 */
export function authoritySupport(syntax: string | undefined): AuthoritySupport {
  if (syntax === undefined) return 'environment';
  if (!isStandardSyntax(syntax)) return 'foreign';
  const [name = '', digest] = syntax.trim().split('@');
  const tag = /:([^/]+)$/.exec(name)?.[1] ?? 'latest';
  const minor = /^1\.(\d+)/.exec(tag)?.[1];
  if (minor !== undefined) return Number(minor) >= 10 ? 'environment' : Number(minor) >= 2 ? 'file' : 'none';
  return digest === undefined && tag !== 'experimental' ? 'environment' : 'file';
}

/**
 * Gives every RUN the authorities to trust, as secrets that only it sees: flags right after the keyword, all other bytes
 * stay. ONBUILD is left alone: it would write the flags into the image. Pure.
 *
 * A RUN with a system package manager gets the bundle at a path of our own: `update-ca-certificates` renames its new
 * file over the system's, which the kernel refuses for a mount.
 *
 * @param text see {@link scanDockerfile}
 */
export function withAuthorities(text: string, support: 'environment' | 'file'): Rewritten {
  const instructions = scanDockerfile(text);
  const own = ownVariables(instructions);
  const secrets = new Set<string>();
  let rewritten = '';
  let copied = 0;
  let runs = 0;
  for (const run of instructions.filter(({ keyword, keywordEnd }) => keyword === 'RUN' && keywordEnd >= 0)) {
    const mounts = mountsFor(run, support, own);
    if (mounts.length === 0) continue;
    runs++;
    for (const { id } of mounts) secrets.add(id);
    const flags = mounts.map(({ id, rest }) => ` --mount=type=secret,id=${id},${rest}`).join('');
    const gap = /[ \t]/.test(text[run.keywordEnd] ?? '') ? '' : ' ';
    rewritten += text.slice(copied, run.keywordEnd) + flags + gap;
    copied = run.keywordEnd;
  }
  return { text: rewritten + text.slice(copied), runs, secrets: [...secrets] };
}

/** A text of BuildKit about a rewritten Dockerfile (progress, errors), without the flags that we put in. */
export function withoutAuthorities(text: string): string {
  return text.replaceAll(
    / --mount=type=secret,id=layerwright-(?:ca|apt|constraints)[a-z-]*,[a-zA-Z0-9_=/.,-]*/g,
    '',
  );
}

interface Mount {
  readonly id: string;
  readonly rest: string;
}

function mountsFor(
  run: ScannedInstruction,
  support: 'environment' | 'file',
  own: ReadonlySet<string>,
): Mount[] {
  const flags = /^(?:--\S+\s+)*/.exec(run.argument)?.[0] ?? '';
  const script = `${run.argument.slice(flags.length)}\n${run.heredoc}`;
  const targets = [...flags.matchAll(/[,=](?:target|dst|destination)=([^,\s"]+)/g)].map(
    ([, target]) => target,
  );
  if (targets.includes(SYSTEM_BUNDLE)) return [];
  const replaces =
    PACKAGE_MANAGER.test(script) ||
    DIRECTORY.test(script) ||
    targets.some((target) => `${SYSTEM_BUNDLE}/`.startsWith(`${target?.replace(/\/$/, '')}/`));
  const file = (id: string, target: string): Mount => ({ id, rest: `target=${target},mode=0444` });
  const variable = (id: string, name: string): Mount => ({ id, rest: `env=${name}` });
  const free = (name: string) => !own.has(name) && !new RegExp(`[,=]env=${name}(?:[,\\s"]|$)`).test(flags);
  const { bundle, systemPath, ownPath, apt, aptPath } = AUTHORITY_SECRETS;
  // Readable by all: a RUN after USER is no root, and apt fetches as a user of its own.
  const mounts = [file(bundle, replaces ? OWN_BUNDLE : SYSTEM_BUNDLE)];
  if (support === 'file') return replaces ? [] : mounts;
  mounts.push(...VARIABLES.filter(free).map((name) => variable(replaces ? ownPath : systemPath, name)));
  if (replaces && APT.test(script) && free('APT_CONFIG'))
    mounts.push(file(apt, APT_FILE), variable(aptPath, 'APT_CONFIG'));
  return mounts;
}

const PACKAGE_MANAGER =
  /\b(?:apt|apt-get|aptitude|dpkg|apk|yum|dnf|microdnf|zypper|rpm|ca-certificates(?!\.crt)|update-ca-trust)\b/;
/** A RUN that takes the directory away, which the kernel refuses too. */
const DIRECTORY = /\/etc\/ssl(?:\/certs)?\/?(?=["'\s;&|)*]|$)/;
const APT = /\bapt(?:-get|itude)?\b/;

/** The variables that the Dockerfile sets itself: its author knows better. */
function ownVariables(instructions: readonly ScannedInstruction[]): ReadonlySet<string> {
  const set = instructions.filter(({ keyword }) => keyword === 'ENV' || keyword === 'ARG');
  const names = set.flatMap(({ argument }) => argument.match(/[A-Za-z_][A-Za-z0-9_]*(?=[=\s]|$)/g) ?? []);
  return new Set(names);
}
