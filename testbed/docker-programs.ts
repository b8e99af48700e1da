import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { provisionRunc } from '../src/engine/runc.ts';
import { EXIT, LayerwrightError, usageError } from '../src/errors.ts';
import { findOnPath } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import { ensureProgram, TINI } from './debian.ts';
import { keepGoPart, keepPart, ownFile } from './kept.ts';

/** Docker Engine 29's development line; its modules are versioned apart from the product. */
const ENGINE_VERSION = '2.0.0-beta.24';
const CLI_VERSION = '29.8.2';

export interface DockerPrograms {
  readonly dockerd: string;
  readonly containerd: string;
  /** The first process of a container that asks for one. */
  readonly init: string;
  /** Directories with all that containerd starts: its shim, and runc. */
  readonly path: readonly string[];
}

/** dockerd, containerd with its shim, and a runc as new as they want. */
export async function provisionDocker(host: Host, steps: Steps): Promise<DockerPrograms> {
  const bin = await keepGoPart(host, steps, {
    name: 'docker',
    version: ENGINE_VERSION,
    packages: [
      'github.com/moby/moby/v2/cmd/dockerd',
      'github.com/containerd/containerd/v2/cmd/containerd',
      'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    ],
  });
  const runc = await provisionRunc(host, steps);
  return {
    dockerd: join(bin, 'dockerd'),
    containerd: join(bin, 'containerd'),
    init: await ensureProgram(host, steps, TINI),
    path: [bin, dirname(runc.path)],
  };
}

/**
 * The Docker command line.
 *
 * @returns the directory that it is in; undefined if the one on PATH does
 */
export async function ensureDockerCli(
  host: Host,
  steps: Steps,
  address: string,
): Promise<string | undefined> {
  const found = await findOnPath('docker', host.env);
  if (found !== undefined && (await reaches(host, found, address))) return undefined;
  const part = {
    name: 'docker-cli',
    version: CLI_VERSION,
    title: `Compiling the Docker command line ${CLI_VERSION} with Go`,
  };
  const directory = await keepPart(host, steps, part, (into) => compileCli(host, join(into, 'bin')));
  const cli = join(directory, 'bin', 'docker');
  if (await reaches(host, cli, address)) return dirname(cli);
  throw new LayerwrightError('the Docker command line does not reach the Docker Engine', {
    code: 'SERVICE_FAILED',
    exit: EXIT.temporary,
  });
}

/** An old command line speaks an API that a new engine refuses. */
async function reaches(host: Host, cli: string, address: string): Promise<boolean> {
  const result = await host.run([cli, '--host', address, 'version'], { env: host.env, signal: host.signal });
  return result.exitCode === 0;
}

async function compileCli(host: Host, bin: string): Promise<void> {
  const go = await findOnPath('go', host.env);
  if (go === undefined)
    throw usageError(
      'GO_MISSING',
      'no Go toolchain on PATH',
      'Install Go 1.26 or newer, or a Docker command line.',
    );
  await mkdir(bin, { recursive: true });
  const result = await host.run(
    [
      ...[go, 'install', '-mod=readonly', '-trimpath'],
      `-ldflags=-s -w -X github.com/docker/cli/cli/version.Version=${CLI_VERSION}`,
      // It has no go.mod of its own, and Go then takes it for a program of 2021.
      '-gcflags=github.com/docker/cli/...=-lang=go1.25',
      'github.com/docker/cli/cmd/docker',
    ],
    {
      cwd: ownFile('go/docker-cli'),
      env: { ...host.env, GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOWORK: 'off' },
      signal: host.signal,
    },
  );
  if (result.exitCode === 0) return;
  throw new LayerwrightError('Go could not compile the Docker command line', {
    code: 'GO_BUILD_FAILED',
    exit: EXIT.temporary,
    detail: result.stderr.slice(-4000),
    hint: 'The modules come from the Go module proxy (GOPROXY): check that this machine reaches it.',
  });
}
