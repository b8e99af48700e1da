import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Builder } from '../src/engine/builder.ts';
import type { Host } from '../src/host/host.ts';
import { parseReference } from '../src/image/reference.ts';
import { registryClient } from '../src/registry/client.ts';

/** A running container. */
export interface Container {
  readonly stop: () => Promise<void>;
  /** What it has printed so far. */
  readonly log: () => Promise<string>;
}

interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
}

/**
 * Runs an image from a registry with an OCI runtime alone, no Docker: its file system is exported by BuildKit, its config
 * becomes the runtime's. The container shares the host's network.
 *
 * @param image.directory an empty directory for the bundle
 * @param image.runtime path of runc or crun
 * @param image.command in place of the image's `CMD`
 */
export async function runContainer(
  host: Host,
  builder: Pick<Builder, 'command' | 'name' | 'env'>,
  image: {
    readonly reference: string;
    readonly directory: string;
    readonly runtime: string;
    readonly command?: readonly string[];
  },
): Promise<Container> {
  const { reference, directory, runtime, command } = image;
  const rootfs = join(directory, 'rootfs');
  await mkdir(rootfs, { recursive: true });
  const archive = join(directory, 'rootfs.tar');
  await check(
    host,
    [...builder.command, 'build', '--builder', builder.name, '--output', `type=tar,dest=${archive}`, '-'],
    {
      env: builder.env,
      input: `FROM ${reference}\n`,
    },
  );
  await check(host, ['tar', '-xf', archive, '-C', rootfs, '--numeric-owner', '--same-permissions']);
  const found = await imageConfig(host, reference);
  const config = command === undefined ? found : { ...found, Cmd: command };
  await writeFile(join(directory, 'config.json'), JSON.stringify(await runtimeConfig(rootfs, config)));

  const name = `layerwright-demo-${process.pid}`;
  const log = join(directory, 'log');
  const state = join(directory, 'state');
  // The runtime hands its own standard streams to the container, so they go to a file of the container's.
  await check(host, [
    'sh',
    '-c',
    'exec "$0" --root "$1" run --detach --bundle "$2" "$3" >"$4" 2>&1',
    runtime,
    state,
    directory,
    name,
    log,
  ]);
  return {
    log: () => readFile(log, 'utf8'),
    stop: () => check(host, [runtime, '--root', state, 'delete', '--force', name]),
  };
}

async function check(
  host: Host,
  command: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<void> {
  const result = await host.run(command, { env: host.env, signal: host.signal, ...options });
  if (result.exitCode !== 0)
    throw new Error(`${command.slice(0, 4).join(' ')} failed: ${result.stderr || result.stdout}`);
}

async function imageConfig(host: Host, reference: string): Promise<ImageConfig> {
  const { domain, path, tag, digest } = parseReference(reference);
  const client = registryClient(host, domain);
  const manifest = await client.manifest(path, digest ?? tag ?? 'latest');
  if (manifest === undefined) throw new Error(`the registry has no ${reference}`);
  const { config } = manifest.content as { config: { digest: string } };
  const blob = await client.blob(path, config.digest);
  if (blob === undefined) throw new Error(`the registry has no config of ${reference}`);
  return (JSON.parse(Buffer.from(blob).toString('utf8')) as { config: ImageConfig }).config;
}

/** The OCI runtime configuration: Docker's default capabilities and mounts, without a network namespace. */
async function runtimeConfig(rootfs: string, image: ImageConfig): Promise<unknown> {
  const capabilities = [
    'CHOWN',
    'DAC_OVERRIDE',
    'FOWNER',
    'FSETID',
    'KILL',
    'NET_BIND_SERVICE',
    'SETGID',
    'SETUID',
  ].map((name) => `CAP_${name}`);
  const none = ['nosuid', 'noexec', 'nodev'];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: await numericUser(rootfs, image.User ?? ''),
      args: [...(image.Entrypoint ?? []), ...(image.Cmd ?? [])],
      env: image.Env ?? [],
      cwd: image.WorkingDir || '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: none },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: [...none, 'mode=1777', 'size=65536k'],
      },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  };
}

/** `USER` as numbers; names are looked up in the image's own files. */
async function numericUser(rootfs: string, user: string): Promise<{ uid: number; gid: number }> {
  const [name = '', group] = user.split(':');
  const lookUp = async (file: string, wanted: string, field: number) => {
    if (/^\d*$/.test(wanted)) return Number(wanted || 0);
    const line = (await readFile(join(rootfs, 'etc', file), 'utf8'))
      .split('\n')
      .find((one) => one.startsWith(`${wanted}:`));
    if (line === undefined) throw new Error(`the image has no ${file} entry for ${wanted}`);
    return Number(line.split(':')[field]);
  };
  const uid = await lookUp('passwd', name, 2);
  return {
    uid,
    gid:
      group === undefined
        ? /^\d*$/.test(name)
          ? uid && 0
          : await lookUp('passwd', name, 3)
        : await lookUp('group', group, 2),
  };
}
