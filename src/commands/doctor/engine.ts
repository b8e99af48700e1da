import { readdir } from 'node:fs/promises';
import { type BuilderChoice, decideBuilder, inspectBuilder } from '../../engine/builder.ts';
import { buildkitdLauncher } from '../../engine/buildkitd-rootless.ts';
import type { Tool } from '../../engine/find.ts';
import { findOnPath } from '../../host/files.ts';
import { ORIGIN } from '../engine.ts';
import { builderNeeds } from '../prepare.ts';
import { type Finding, ok, type Patient, problem, type Skipped, skipped, warning } from './check.ts';

/** Docker's daemon; a build does without where there is a BuildKit. */
export async function checkDocker({ host }: Patient): Promise<Finding | Skipped> {
  const path = await findOnPath('docker', host.env);
  if (path === undefined) return skipped('there is no docker on PATH, and none is needed where BuildKit is');
  const { exitCode, stdout, stderr } = await host.run([path, 'version', '--format', '{{.Server.Version}}'], {
    env: host.env,
    signal: host.signal,
  });
  if (exitCode === 0) return ok(`${stdout.trim()}, its daemon answers`);
  const why = stderr.trim().split('\n').at(-1) ?? '';
  return warning(`its daemon does not answer: ${why}`);
}

export async function checkBuildx({ engine }: Patient): Promise<Finding> {
  const { tools } = await engine();
  const buildx = tools.find(({ name }) => name === 'buildx');
  return buildx === undefined ? warning('not there; a build provisions it first') : ok(described(buildx));
}

/** A BuildKit that we can start, where there is no Docker that brings one. */
export async function checkBuildkit({ host, engine }: Patient): Promise<Finding | Skipped> {
  const { tools, missing, daemon } = await engine();
  const buildkitd = tools.find(({ name }) => name === 'buildkitd');
  if (buildkitd === undefined && !missing.includes('buildkit')) return skipped('Docker brings its own');
  if (buildkitd === undefined)
    return process.platform === 'linux'
      ? warning('not there; a build that needs it provisions it first')
      : skipped('it runs on Linux only');
  if (tools.some(({ name }) => name === 'docker')) return ok(described(buildkitd));
  // Its refusal names every piece that is missing.
  await buildkitdLauncher(host, buildkitd.path);
  return ok(`${described(buildkitd)}${daemon.running ? '; it runs' : ''}`);
}

function described({ version, from }: Tool): string {
  return `${version} (${ORIGIN[from]})`;
}

/** The builder that a build would take; nothing is made or started. */
export async function checkBuilder(patient: Patient): Promise<Finding | Skipped> {
  const choice = await choiceFor(patient);
  if (choice === undefined) return skipped('there is no buildx yet');
  if (choice.kind === 'container')
    return ok(`none that can do it; a build makes "${choice.name}", a container beside Docker`);
  if (choice.kind === 'there')
    return ok(`"${choice.state.name}" (${choice.state.driver}) answers, ${CHOSEN[choice.origin]}`);
  const { missing, daemon } = await patient.engine();
  if (daemon.running) return ok(`a BuildKit of our own, which runs at ${daemon.address}`);
  if (!missing.includes('buildkit')) return ok('none; a build starts a BuildKit of our own');
  return process.platform === 'linux'
    ? warning('none, and no BuildKit yet: a build provisions one first')
    : problem(
        'there is none, and BuildKit runs on Linux only',
        'Start Docker, or name a remote builder with --builder.',
      );
}

const CHOSEN = {
  named: 'named by --builder, BUILDX_BUILDER or the configuration file',
  current: "buildx's choice",
} as const;

async function choiceFor({ host, engine, request, plan }: Patient): Promise<BuilderChoice | undefined> {
  const buildx = (await engine()).tools.find(({ name }) => name === 'buildx');
  return buildx && (await decideBuilder(host, buildx.command, builderNeeds(request, plan)));
}

/** What that builder builds for, and whether it is what is wanted. */
export async function checkPlatforms(patient: Patient): Promise<Finding | Skipped> {
  const choice = await choiceFor(patient).catch(() => undefined);
  if (choice === undefined) return skipped('there is no builder to ask');
  const platforms = choice.kind === 'there' ? choice.state.platforms : await platformsAround(patient, choice);
  if (platforms.length === 0) return skipped('the builder says it only when it has been started');
  return platformFinding(platforms, patient.plan.platforms);
}

/** Compares what a builder can with what is wanted. Pure. */
export function platformFinding(platforms: readonly string[], wanted: readonly string[]): Finding {
  // `linux/amd64/v2` and its like are the same machine.
  const shown = [...new Set(platforms.map((platform) => platform.replace(/\/v[2-4]$/, '')))];
  const lacking = wanted.filter(
    (platform) => !shown.includes(platform.replace(/^(linux\/arm64)\/v8$/, '$1')),
  );
  if (lacking.length === 0) return ok(shown.join(', '));
  const names = lacking.map((platform) => platform.split('/')[1]).join(',');
  return problem(
    `${lacking.join(', ')} is wanted, and the builder does ${shown.join(', ')}`,
    `Name a builder with such a node, or emulate: docker run --privileged --rm tonistiigi/binfmt --install ${names}`,
  );
}

/** For a builder that is not made yet: Docker's own has the same kernel; our BuildKit has this machine's. */
async function platformsAround(
  { host, engine }: Patient,
  choice: Exclude<BuilderChoice, { kind: 'there' }>,
): Promise<readonly string[]> {
  if (choice.kind === 'own') return await kernelPlatforms();
  const buildx = (await engine()).tools.find(({ name }) => name === 'buildx') as Tool;
  return (await inspectBuilder(host, buildx.command, undefined))?.platforms ?? [];
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  'qemu-aarch64': 'arm64',
  'qemu-x86_64': 'amd64',
  'qemu-arm': 'arm/v7',
  'qemu-s390x': 's390x',
  'qemu-ppc64le': 'ppc64le',
  'qemu-riscv64': 'riscv64',
};

/** This machine's own, and those that its kernel emulates. */
async function kernelPlatforms(): Promise<readonly string[]> {
  const emulated = await readdir('/proc/sys/fs/binfmt_misc').catch(() => []);
  const known = [process.arch, ...emulated].flatMap((name) => ARCHITECTURES[name] ?? []);
  return [...new Set(known)].map((architecture) => `linux/${architecture}`);
}
