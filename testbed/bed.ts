import { join } from 'node:path';
import { kindOf } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import type { StateFile } from './state.ts';

/** A testbed that is being worked on. */
export interface Bed {
  readonly host: Host;
  readonly steps: Steps;
  /** Absolute path. */
  readonly dir: string;
  readonly state: StateFile;
}

/** Everything that a testbed makes in its directory, and so everything that may be deleted there. */
export const ENTRIES = [
  'env',
  'logs',
  'registry',
  'registry-auth',
  'registry-token',
  's3',
  'downloads',
  'builder',
  'provision',
  'buildx',
  'docker',
  'docker-config',
  's',
  'state.json',
] as const;

/** A path in the testbed's directory. */
export function inBed(bed: Pick<Bed, 'dir'>, entry: (typeof ENTRIES)[number], ...below: string[]): string {
  return join(bed.dir, entry, ...below);
}

/** What a service needs to know of our environment, and nothing else: CI environments are full of credentials. */
export function serviceEnvironment(host: Host, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept: NodeJS.ProcessEnv = {};
  for (const name of [
    'PATH',
    'HOME',
    'USER',
    'LANG',
    'TMPDIR',
    'XDG_RUNTIME_DIR',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
  ])
    if (host.env[name] !== undefined) kept[name] = host.env[name];
  return { ...kept, ...more };
}

export async function isThere(path: string): Promise<boolean> {
  return (await kindOf(path)) !== undefined;
}
