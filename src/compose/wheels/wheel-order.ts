import { authorizationFor, indexCredentials, packageIndexes } from '../../lock/index-url.ts';
import type { SourceDistribution } from '../../python/lock.ts';
import { homeOf } from '../copy-step.ts';
import {
  type IndexOptions,
  isSecretVariable,
  mountTargets,
  type WheelBuild,
  withoutLogin,
} from './wheel-build.ts';
import { type ProgramOrder, WORK } from './wheel-program.ts';

/** What the program in the image is told, and what it is told in secret. */
export interface Order {
  readonly order: ProgramOrder;
  /** Variables that may hold logins; empty if there is nothing to tell. */
  readonly secret: Readonly<Record<string, string>>;
}

/** As the first words of a Python: runs its pip without modules of the working directory before pip's own. */
const RUN_PIP =
  'import runpy, sys; sys.path[:] = [one for one in sys.path if one]; runpy.run_module("pip", run_name="__main__", alter_sys=True)';

/** Settings that would send the installation elsewhere, or make it no installation. */
const CLEARED = ['TARGET', 'PREFIX', 'ROOT', 'USER', 'REQUIREMENT', 'EDITABLE', 'REPORT', 'DRY_RUN', 'LOG'];

/** How a wheel is built in its image. Pure. */
export function wheelOrder(build: WheelBuild): Order {
  const { command, env, files } = build.tool.kind === 'pip' ? pipCommand(build) : uvCommand(build);
  return {
    order: {
      mode: 'wheel',
      command,
      env: { ...openVariables(build.env), ...env },
      files,
      project: build.source.kind === 'directory' ? build.source.path.replace(/\/+$/, '') : '/nowhere',
      ...surroundings(build),
    },
    secret: { ...secretVariables(build.env), ...indexVariables(build) },
  };
}

/** Variables as they may be seen: without logins, and without those that are one. */
export function openVariables(env: WheelBuild['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      isSecretVariable(name) ? [] : [[name, withoutLogin(value)] as const],
    ),
  );
}

/** The others, as they are. */
export function secretVariables(env: WheelBuild['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) => isSecretVariable(name) || withoutLogin(value) !== value),
  );
}

/** What every order has. */
export function surroundings(
  build: Pick<WheelBuild, 'state' | 'place' | 'indexes'>,
): Pick<ProgramOrder, 'out' | 'passedOver' | 'indexes'> {
  const { state, place, indexes } = build;
  const home = homeOf(state.files, state.stage).replace(/\/+$/, '');
  return {
    out: outOf(state.stage.image.config.User),
    passedOver: [...new Set([`${home}/.cache`, ...mountTargets(state, place)])].sort(),
    indexes: packageIndexes(indexes).map(({ url }) => url),
  };
}

/** Where results go: other users than root may write to `/tmp` only. */
export function outOf(user: string | undefined): string {
  return /^(?:|0|root)(?::.*)?$/.test(user ?? '') ? '/layerwright-out' : '/tmp/layerwright-out';
}

/** The words that run the image's pip. */
export function pipWords({ python }: Pick<WheelBuild, 'python'>): readonly string[] {
  return [python.executable, '-c', RUN_PIP];
}

/** Variables that keep an installation where it is told to go. */
export const PIP_VARIABLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(CLEARED.map((name) => [`PIP_${name}`, ''])),
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  PIP_ROOT_USER_ACTION: 'ignore',
  TMPDIR: `${WORK}/tmp`,
};

type Call = Pick<ProgramOrder, 'command' | 'env' | 'files'>;

function pipCommand(build: WheelBuild): Call {
  const { source, name, options, indexes } = build;
  const pinned = pinnedLine(build);
  return {
    command: [
      ...pipWords(build),
      ...['install', '--no-deps', '--no-clean', '--no-cache-dir', '--ignore-installed', '--no-compile'],
      ...['--no-warn-script-location', '--prefix', `${WORK}/prefix`, ...indexWords(indexes), ...options],
      ...(source.kind === 'directory' && source.editable ? ['--editable'] : []),
      ...(pinned === undefined ? [requirementOf(source, name)] : ['-r', `${WORK}/requirements.txt`]),
    ],
    env: PIP_VARIABLES,
    files: pinned === undefined ? {} : { 'requirements.txt': pinned },
  };
}

/**
 * An archive that wants the login of an index, by name, version and hash: pip before 23 has a login for what is found on the index's
 * page, not for an address.
 */
function pinnedLine({ source, name, version, indexes }: WheelBuild): string | undefined {
  if (source.kind !== 'archive' || source.subdirectory !== undefined) return undefined;
  if (name === undefined || version === undefined || source.sha256 === undefined) return undefined;
  if (authorizationFor(source.url, indexCredentials(indexes)) === undefined) return undefined;
  return `${name}==${version} --hash=sha256:${source.sha256}\n`;
}

function uvCommand(build: WheelBuild): Call {
  const { source, name, options, indexes, python, tool } = build;
  const program = tool.kind === 'uv' ? tool.program : '';
  // In a file a hash can be demanded.
  const hash = source.kind === 'archive' && source.sha256 !== undefined ? source.sha256 : undefined;
  const editable = source.kind === 'directory' && source.editable;
  const requirement = requirementOf(source, name);
  const wanted =
    hash === undefined || name === undefined
      ? [...(editable ? ['--editable'] : []), requirement]
      : ['--require-hashes', '--requirements', `${WORK}/requirements.txt`];
  return {
    command: [
      ...[program, 'pip', 'install', '--no-deps', '--python', python.executable, '--no-progress'],
      ...['--cache-dir', `${WORK}/cache`, '--prefix', `${WORK}/prefix`, '--link-mode', 'copy'],
      ...['--break-system-packages', ...indexWords(indexes), ...options, ...wanted],
    ],
    env: {},
    files:
      hash === undefined
        ? {}
        : {
            'requirements.txt': `${requirementOf({ ...source, sha256: undefined } as SourceDistribution, name)} --hash=sha256:${hash}\n`,
          },
  };
}

function requirementOf(source: SourceDistribution, name: string | undefined): string {
  if (source.kind === 'directory') return source.path;
  const named = name === undefined ? '' : `${name} @ `;
  const parts = [
    ...(source.kind === 'archive' && source.sha256 !== undefined ? [`sha256=${source.sha256}`] : []),
    ...(source.subdirectory === undefined ? [] : [`subdirectory=${source.subdirectory}`]),
  ];
  const fragment = parts.length === 0 ? '' : `#${parts.join('&')}`;
  if (source.kind === 'archive') return `${named}${source.url}${fragment}`;
  const revision = source.revision === undefined ? '' : `@${source.revision}`;
  return `${named}git+${source.url.replace(/^git\+/, '')}${revision}${fragment}`;
}

/** Where distributions come from, as far as it is told by words, which pip and uv have in common. */
export function indexWords({ noIndex, findLinks, indexStrategy }: IndexOptions): readonly string[] {
  return [
    ...(noIndex ? ['--no-index'] : []),
    ...findLinks.flatMap((link) => ['--find-links', link]),
    ...(indexStrategy === undefined ? [] : ['--index-strategy', indexStrategy]),
  ];
}

/** The indexes as variables of the tool; none if the tool has its own default. */
export function indexVariables({
  indexes,
  tool,
}: Pick<WheelBuild, 'indexes' | 'tool'>): Readonly<Record<string, string>> {
  const { indexUrl, extraIndexUrls, trustedHosts } = indexes;
  const prefix = tool.kind === 'pip' ? 'PIP' : 'UV';
  const trusted = tool.kind === 'pip' ? 'PIP_TRUSTED_HOST' : 'UV_INSECURE_HOST';
  return {
    ...(indexUrl === undefined ? {} : { [`${prefix}_INDEX_URL`]: indexUrl }),
    ...(extraIndexUrls.length === 0 ? {} : { [`${prefix}_EXTRA_INDEX_URL`]: extraIndexUrls.join(' ') }),
    ...(trustedHosts.length === 0 ? {} : { [trusted]: trustedHosts.join(' ') }),
  };
}
