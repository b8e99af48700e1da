import { usageError } from '../errors.ts';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { Steps } from '../host/steps.ts';
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
}

/** What `buildx inspect` says of a builder. */
export interface BuilderState {
  readonly name: string;
  readonly driver: string;
  readonly endpoint: string | undefined;
  /** `running`, `inactive`, ... of the first node. */
  readonly status: string | undefined;
  readonly error: string | undefined;
}

const OWN_BUILDER = 'layerwright';

/**
 * Chooses the builder: the named one, else the current one if it can do what is needed, else a `docker-container` builder
 * beside a running Docker, else our own buildkitd behind the `remote` driver.
 *
 * @throws LayerwrightError `NO_BUILDER` (2)
 */
export async function chooseBuilder(host: Host, steps: Steps, needs: BuilderNeeds): Promise<Builder> {
  const buildx = await ensureBuildx(host, steps);
  const command = buildx.command;
  const usable = (state: BuilderState, origin: Builder['origin']): Builder => ({
    command,
    name: state.name,
    driver: state.driver,
    env: host.env,
    origin,
    release: async () => {},
  });

  if (needs.name !== undefined) return usable(await namedBuilder(host, command, needs.name), 'named');
  const current = await inspectBuilder(host, command, undefined);
  if (current && isReady(current) && (current.driver !== 'docker' || !needs.beyondDocker))
    return usable(current, 'current');
  if (current?.driver === 'docker' && current.error === undefined)
    return await dockerContainerBuilder(host, steps, command, needs.loopback, usable);
  return await ownBuilder(host, steps, command);
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
async function dockerContainerBuilder(
  host: Host,
  steps: Steps,
  command: readonly string[],
  loopback: boolean,
  usable: (state: BuilderState, origin: Builder['origin']) => Builder,
): Promise<Builder> {
  const name = loopback ? `${OWN_BUILDER}-host` : OWN_BUILDER;
  const there = await inspectBuilder(host, command, name);
  if (there && isReady(there) && there.driver === 'docker-container') return usable(there, 'current');
  const network = loopback ? ['--driver-opt', 'network=host'] : [];
  await steps.step('Making a docker-container builder', () =>
    buildxOk(host, command, ['create', '--name', name, '--driver', 'docker-container', ...network], host.env),
  );
  return usable(
    {
      name,
      driver: 'docker-container',
      endpoint: undefined,
      status: undefined,
      error: undefined,
    },
    'made',
  );
}

/** Without Docker: a buildkitd of our own, registered in a buildx configuration that lives as long as the build. */
async function ownBuilder(host: Host, steps: Steps, command: readonly string[]): Promise<Builder> {
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
  return { command, name: OWN_BUILDER, driver: 'remote', env, origin: 'made', release };
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
  };
}
