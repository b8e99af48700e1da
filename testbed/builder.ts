import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Buildkitd, startBuildkitd, stopBuildkitd } from '../src/engine/buildkitd.ts';
import { buildkitdConfig, type RegistrySetting } from '../src/engine/buildkitd-config.ts';
import { endContainersBelow, unmountBelow } from '../src/engine/buildkitd-mounts.ts';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import { type Bed, inBed } from './bed.ts';
import { MIRRORED } from './mirrored.ts';
import { endByCommandLine } from './processes.ts';
import type { BuilderRecord } from './state.ts';
import type { TestbedTools } from './tools.ts';

/** The builder's name in buildx, the same after each `fresh-builder`. */
const BUILDER = 'testbed';

/** Starts a builder that has never seen anything, in place of the one there may be. */
export async function startFreshBuilder(bed: Bed, tools: TestbedTools): Promise<void> {
  await bed.steps.step('Starting a fresh builder', async () => {
    await endBuilder(bed, 'builder');
    const daemon = await startBuilder(bed, tools, 'builder');
    const config = inBed(bed, 'buildx');
    // buildx remembers builds and builders in its own directory: a fresh host has none of that.
    await rm(config, { recursive: true, force: true });
    await mkdir(config, { recursive: true });
    await createBuilder(bed, tools, daemon, config);
    await bed.state.change(({ env }) => ({
      env: { ...env, BUILDX_BUILDER: BUILDER, BUILDX_CONFIG: config },
    }));
  });
}

/**
 * Starts a buildkitd with an empty root in the testbed's directory.
 *
 * @param name also the directory's name
 */
export async function startBuilder(
  bed: Bed,
  tools: TestbedTools,
  name: 'builder' | 'provision',
): Promise<Buildkitd> {
  const root = inBed(bed, name);
  const socket = join(bed.state.value.socketDirectory, `${name}.sock`);
  await record(bed, name, { root, socket });
  await mkdir(inBed(bed, 'logs'), { recursive: true });
  const daemon = await startBuildkitd(bed.host, {
    tools: tools.buildkit,
    root,
    socket,
    configToml: buildkitdConfig({ registries: registriesOf(bed) }),
    logFile: inBed(bed, 'logs', `${name}.log`),
  });
  await record(bed, name, { root, socket, daemon });
  return daemon;
}

/** Ends a buildkitd of the testbed, and what is left of one that was killed, and deletes what it stored. */
export async function endBuilder(bed: Bed, name: 'builder' | 'provision'): Promise<void> {
  const builder = bed.state.value.builders[name];
  if (builder === undefined) return;
  if (builder.daemon) await stopBuildkitd(bed.host, builder.daemon);
  await endByCommandLine([`--root=${builder.root}`]);
  await endContainersBelow(builder.root);
  await unmountBelow(bed.host, builder.root);
  await rm(builder.root, { recursive: true, force: true });
  await rm(builder.socket, { force: true });
  await bed.state.change(({ builders }) => ({
    builders: Object.fromEntries(Object.entries(builders).filter(([other]) => other !== name)),
  }));
}

async function record(bed: Bed, name: string, builder: BuilderRecord): Promise<void> {
  await bed.state.change(({ builders }) => ({ builders: { ...builders, [name]: builder } }));
}

/** The testbed's registries are spoken to in plain HTTP, and the open one is asked first for images of public ones. */
function registriesOf(bed: Bed): RegistrySetting[] {
  const {
    LW_REGISTRY: open,
    LW_REGISTRY_AUTH: withLogin,
    LW_REGISTRY_TOKEN: withTokens,
  } = bed.state.value.env;
  if (open === undefined || withLogin === undefined || withTokens === undefined) return [];
  const plain = [open, withLogin, withTokens].map((host) => ({ host, http: true, insecure: true }));
  return [...MIRRORED.map((host) => ({ host, mirrors: [open] })), ...plain];
}

async function createBuilder(
  bed: Bed,
  tools: TestbedTools,
  daemon: Buildkitd,
  config: string,
): Promise<void> {
  const result = await bed.host.run(
    [tools.buildx, 'create', '--name', BUILDER, '--driver', 'remote', '--use', daemon.address],
    { env: { ...bed.host.env, BUILDX_CONFIG: config }, signal: bed.host.signal },
  );
  if (result.exitCode === 0) return;
  throw new LayerwrightError('buildx does not take the builder', {
    code: 'SERVICE_FAILED',
    exit: EXIT.temporary,
    detail: result.stderr.slice(-2000),
  });
}
