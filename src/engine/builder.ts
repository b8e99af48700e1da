import { usageError } from '../errors.ts';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { Steps } from '../host/steps.ts';
import { containerName, containerOptions, OWN_BUILDER } from './builder-container.ts';
import { acquireBuildkitd } from './buildkitd-shared.ts';
import { ensureBuildkit, ensureBuildx } from './install.ts';

/** A builder that is ready to be used by `buildx build`. */
export interface Builder {
  /** The words before `build`, e.g. `['docker', 'buildx']`. */
  readonly command: readonly string[];
  readonly name: string;
  /** buildx's driver: docker, docker-container, remote, kubernetes, cloud. */
  readonly driver: string;
  /** The environment that buildx needs to see this builder. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether the user named it, it was the current one, or we made it. */
  readonly origin: 'named' | 'current' | 'made';
  /** Version of buildx, and of the builder's BuildKit where buildx tells it; without a leading `v`. */
  readonly versions: { readonly buildx: string; readonly buildkit: string | undefined };
  /** Lets go of what was started for this build only. */
  readonly release: () => Promise<void>;
}

/** What the build needs of a builder. */
export interface BuilderNeeds {
  /** `--builder`, else BUILDX_BUILDER. */
  readonly name: string | undefined;
  /** Cache export to a registry, several platforms or OCI output: more than Docker's own builder can do. */
  readonly beyondDocker: boolean;
  /** A registry on this machine's own loopback, which a container with a network of its own does not reach. */
  readonly loopback: boolean;
  /** The registries that the build is known to use; Docker Hub is `docker.io`. */
  readonly registries: readonly string[];
}

/** What `buildx inspect` says of a builder. */
export interface BuilderState {
  readonly name: string;
  readonly driver: string;
  readonly endpoint: string | undefined;
  /** `running`, `inactive`, ... of the first node. */
  readonly status: string | undefined;
  readonly error: string | undefined;
  /** What its nodes can build, e.g. `linux/amd64`; empty if it does not run. */
  readonly platforms: readonly string[];
  /** Version of the first node's BuildKit, where it is known. */
  readonly version: string | undefined;
}

/** The builder that a build takes, before anything is made or started. */
export type BuilderChoice =
  | { readonly kind: 'there'; readonly state: BuilderState; readonly origin: 'named' | 'current' }
  /** A `docker-container` builder of ours is made beside Docker. */
  | { readonly kind: 'container'; readonly name: string }
  /** Our own buildkitd. */
  | { readonly kind: 'own' };

/**
 * The builder for a build, ready to be used; it is made or started where {@link decideBuilder} finds none.
 *
 * @throws LayerwrightError `NO_BUILDER` (2)
 */
export async function chooseBuilder(host: Host, steps: Steps, needs: BuilderNeeds): Promise<Builder> {
  const { command, version } = await ensureBuildx(host, steps);
  const choice = await decideBuilder(host, command, needs);
  if (choice.kind === 'own') return await ownBuilder(host, steps, command, version);
  if (choice.kind === 'container') await makeContainerBuilder(host, steps, command, choice.name, needs);
  else await tellWhoDecides(host, steps, choice.state, needs);
  return {
    command,
    name: choice.kind === 'there' ? choice.state.name : choice.name,
    driver: choice.kind === 'there' ? choice.state.driver : 'docker-container',
    env: host.env,
    origin: choice.kind === 'there' ? choice.origin : 'made',
    versions: { buildx: version, buildkit: choice.kind === 'there' ? choice.state.version : undefined },
    release: async () => {},
  };
}

/**
 * Chooses the builder: the named one, else the current one if it can do what is needed, else a `docker-container` builder
 * beside a running Docker, else our own buildkitd behind the `remote` driver. Changes nothing.
 *
 * @param command buildx
 * @throws LayerwrightError `NO_BUILDER` (2) for a named one that is not there or does not answer
 */
export async function decideBuilder(
  host: Host,
  command: readonly string[],
  needs: BuilderNeeds,
): Promise<BuilderChoice> {
  if (needs.name !== undefined)
    return { kind: 'there', state: await namedBuilder(host, command, needs.name), origin: 'named' };
  const current = await inspectBuilder(host, command, undefined);
  if (current && isReady(current) && (current.driver !== 'docker' || !needs.beyondDocker))
    return { kind: 'there', state: current, origin: 'current' };
  if (current?.driver !== 'docker' || current.error !== undefined) return { kind: 'own' };
  const name = await containerName(host, needs);
  const ours = await inspectBuilder(host, command, name);
  return ours && isReady(ours) && ours.driver === 'docker-container'
    ? { kind: 'there', state: ours, origin: 'current' }
    : { kind: 'container', name };
}

/** Network settings are not for a builder that somebody else made. */
async function tellWhoDecides(
  host: Host,
  steps: Steps,
  { name }: BuilderState,
  needs: BuilderNeeds,
): Promise<void> {
  const { ca, plainHttp, mirrors } = host.network;
  const settings = [
    ...(ca.length > 0 ? ['certificate authorities'] : []),
    ...(plainHttp.length > 0 ? ['plain HTTP'] : []),
    ...(Object.keys(mirrors).length > 0 ? ['mirrors'] : []),
  ];
  if (settings.length > 0 && name !== (await containerName(host, needs)))
    steps.note(
      `Builder "${name}" reaches registries by its own configuration, also as to ${settings.join(', ')}`,
    );
}

async function namedBuilder(host: Host, command: readonly string[], name: string): Promise<BuilderState> {
  const state = await inspectBuilder(host, command, name);
  if (state === undefined)
    throw usageError(
      'NO_BUILDER',
      `no builder is called "${name}"`,
      'See which there are with `docker buildx ls`; leave out --builder and BUILDX_BUILDER to let Layerwright choose or make one.',
    );
  if (!isReady(state))
    throw usageError(
      'NO_BUILDER',
      `builder "${name}" (${state.driver}${state.endpoint ? ` at ${state.endpoint}` : ''}) does not answer${state.error ? `: ${state.error}` : ''}`,
      'Start it, name another with --builder, or leave out --builder and BUILDX_BUILDER to let Layerwright choose or make one.',
    );
  return state;
}

/** A remote builder that is not running cannot be started by buildx; all other drivers boot on first use. */
function isReady(state: BuilderState): boolean {
  if (state.driver === '' || state.error !== undefined) return false;
  return state.driver !== 'remote' || state.status === 'running';
}

/** Beside a Docker whose own builder can do too little: a BuildKit container, kept between builds as buildx does. */
async function makeContainerBuilder(
  host: Host,
  steps: Steps,
  command: readonly string[],
  name: string,
  needs: BuilderNeeds,
): Promise<void> {
  await using options = await containerOptions(host, needs);
  const create = ['create', '--name', name, '--driver', 'docker-container', ...options.flags];
  await steps.step('Making a docker-container builder', () => buildxOk(host, command, create, host.env));
}

/** Without Docker: a buildkitd of our own, registered in a buildx configuration that lives as long as the build. */
async function ownBuilder(
  host: Host,
  steps: Steps,
  command: readonly string[],
  buildxVersion: string,
): Promise<Builder> {
  const tools = await ensureBuildkit(host, steps);
  const daemon = await acquireBuildkitd(host, tools);
  const config = await temporaryDirectory('layerwright-buildx-');
  const env = { ...host.env, BUILDX_CONFIG: config.path };
  const release = async () => {
    await daemon.release();
    await config[Symbol.asyncDispose]();
  };
  try {
    await buildxOk(
      host,
      command,
      ['create', '--name', OWN_BUILDER, '--driver', 'remote', daemon.address],
      env,
    );
  } catch (error) {
    await release();
    throw error;
  }
  const versions = { buildx: buildxVersion, buildkit: tools.buildkitd.version };
  return { command, name: OWN_BUILDER, driver: 'remote', env, origin: 'made', versions, release };
}

async function buildxOk(
  host: Host,
  command: readonly string[],
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const result = await host.run([...command, ...args], { env, signal: host.signal });
  if (result.exitCode !== 0)
    throw usageError(
      'NO_BUILDER',
      `buildx ${args[0]} failed: ${result.stderr.trim()}`,
      'Check the builder setup with `docker buildx ls`.',
    );
}

/** What buildx knows of a builder (the current one without a name); undefined if it knows none. */
export async function inspectBuilder(
  host: Host,
  command: readonly string[],
  name: string | undefined,
): Promise<BuilderState | undefined> {
  const result = await host.run([...command, 'inspect', ...(name === undefined ? [] : [name])], {
    env: host.env,
    signal: host.signal,
  });
  return result.exitCode === 0 ? parseInspect(result.stdout) : undefined;
}

/** Reads the `Key: value` lines of `buildx inspect`: the builder's own, then its first node's. Pure. */
export function parseInspect(text: string): BuilderState {
  const [head = '', nodes = ''] = text.split(/^Nodes:\s*$/m);
  const [firstNode = ''] = nodes.split(/\n\s*\n/);
  const field = (part: string, key: string) =>
    new RegExp(`^${key}:[ \\t]*(.+)$`, 'm').exec(part)?.[1]?.trim();
  return {
    name: field(head, 'Name') ?? '',
    driver: field(head, 'Driver') ?? '',
    endpoint: field(firstNode, 'Endpoint'),
    status: field(firstNode, 'Status'),
    error: field(head, 'Error') ?? field(firstNode, 'Error'),
    version: versionIn(field(firstNode, 'BuildKit version')),
    platforms: [
      ...new Set(
        [...nodes.matchAll(/^Platforms:[ \t]*(.+)$/gm)].flatMap(([, list = '']) => platformsIn(list)),
      ),
    ],
  };
}

/** A BuildKit that was compiled without a version says v0.0.0. */
function versionIn(text: string | undefined): string | undefined {
  const version = text?.replace(/^v/, '');
  return version?.startsWith('0.0.0') ? undefined : version;
}

/** buildx marks with a star what its user preferred. */
function platformsIn(list: string): readonly string[] {
  return list
    .split(',')
    .map((platform) => platform.replace('*', '').trim())
    .filter(Boolean);
}
