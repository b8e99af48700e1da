import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { usageError } from '../src/errors.ts';
import { isRunning } from '../src/host/daemon.ts';
import { type Bed, inBed, isThere } from './bed.ts';
import { dockerAnswers } from './docker-api.ts';
import { type DockerPrograms, ensureDockerCli, provisionDocker } from './docker-programs.ts';
import { startService, stopService } from './service.ts';
import type { TestbedTools } from './tools.ts';

/**
 * Starts a real Docker Engine with its own containerd and with all data in the testbed, if it does not run yet. It
 * touches nothing of the machine's network: containers run with `--network host`.
 */
export async function startDocker(bed: Bed, tools: TestbedTools): Promise<void> {
  if (bed.state.value.services.some((service) => service.name === 'dockerd' && isRunning(service))) return;
  if (process.getuid?.() !== 0)
    throw usageError(
      'DOCKER_NEEDS_ROOT',
      'the Docker Engine of the testbed needs root',
      'Run the command as root.',
    );
  const programs = await provisionDocker(bed.host, bed.steps);
  const address = `unix://${dockerSocket(bed)}`;
  await bed.steps.step('Starting a Docker Engine', async () => {
    for (const service of bed.state.value.services.filter(({ name }) =>
      ['dockerd', 'containerd'].includes(name),
    ))
      await stopService(bed, service);
    // A socket that is there means a server that listens.
    for (const socket of [dockerSocket(bed), containerdSocket(bed)]) await rm(socket, { force: true });
    await mkdir(inBed(bed, 'docker'), { recursive: true });
    await startContainerd(bed, programs);
    await startDockerd(bed, programs, address);
  });
  const cli = await ensureDockerCli(bed.host, bed.steps, address);
  await linkBuildx(bed, tools);
  await bed.state.change(({ env, path }) => ({
    env: { ...env, DOCKER_HOST: address },
    path: cli === undefined || path.includes(cli) ? path : [...path, cli],
  }));
}

export function dockerSocket(bed: Pick<Bed, 'state'>): string {
  return join(bed.state.value.socketDirectory, 'docker.sock');
}

export function containerdSocket(bed: Pick<Bed, 'state'>): string {
  return join(bed.state.value.socketDirectory, 'containerd.sock');
}

async function startContainerd(bed: Bed, programs: DockerPrograms): Promise<void> {
  const config = inBed(bed, 'docker', 'containerd.toml');
  const directory = (name: string) => JSON.stringify(inBed(bed, 'docker', name));
  await writeFile(
    config,
    [
      'version = 3',
      `root = ${directory('containerd')}`,
      `state = ${directory('containerd-state')}`,
      // Kubernetes' interface and the plugins that use fixed paths of the machine.
      'disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]',
      '[grpc]',
      `address = ${JSON.stringify(containerdSocket(bed))}`,
      '[plugins."io.containerd.internal.v1.opt"]',
      `path = ${directory('containerd-opt')}`,
      '',
    ].join('\n'),
  );
  await startService(bed, {
    name: 'containerd',
    command: [programs.containerd, '--config', config],
    env: { PATH: [...programs.path, bed.host.env.PATH].join(delimiter) },
    isReady: () => isThere(containerdSocket(bed)),
  });
}

async function startDockerd(bed: Bed, programs: DockerPrograms, address: string): Promise<void> {
  const { LW_REGISTRY: open, LW_REGISTRY_AUTH: withLogin } = bed.state.value.env;
  const config = inBed(bed, 'docker', 'daemon.json');
  // Whatever the machine has in /etc/docker is not ours.
  await writeFile(config, '{}\n');
  await startService(bed, {
    name: 'dockerd',
    command: [
      ...[programs.dockerd, '--config-file', config, '--host', address],
      ...['--containerd', containerdSocket(bed)],
      ...['--data-root', inBed(bed, 'docker', 'data'), '--pidfile', inBed(bed, 'docker', 'dockerd.pid')],
      // It keeps sockets there, whose paths must be short.
      ...['--exec-root', join(bed.state.value.socketDirectory, 'exec')],
      ...['--init-path', programs.init],
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--userland-proxy=false'],
      ...[open, withLogin].flatMap((registry) => (registry ? ['--insecure-registry', registry] : [])),
      ...(open ? ['--registry-mirror', `http://${open}`] : []),
    ],
    env: { PATH: [...programs.path, bed.host.env.PATH].join(delimiter) },
    isReady: () => dockerAnswers(dockerSocket(bed)),
  });
}

/** `docker buildx` is the same buildx as the one on PATH. */
async function linkBuildx(bed: Bed, tools: TestbedTools): Promise<void> {
  const plugins = inBed(bed, 'docker-config', 'cli-plugins');
  await mkdir(plugins, { recursive: true });
  await rm(join(plugins, 'docker-buildx'), { force: true });
  await symlink(tools.buildx, join(plugins, 'docker-buildx'));
}
