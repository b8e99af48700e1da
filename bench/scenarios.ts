import { join } from 'node:path';
import type { Project } from '../demo/project.ts';
import type { Host } from '../src/host/host.ts';
import { type BaseImage, patchBase, type TaggedManifest } from './base-image.ts';
import type { Scenario } from './sample.ts';

/** A pinned distribution and the version that follows it. */
type Bump = readonly [name: string, from: string, to: string];

const ONE: Bump = ['certifi', '2026.10.18', '2026.10.19.post1'];
/** Of all kinds: pure Python, shared objects, small and not so small. */
const FIVE: readonly Bump[] = [
  ['cloudpickle', '3.1.2', '3.1.3'],
  ['jsonpatch', '1.47', '1.48'],
  ['pypdf', '7.1.0', '7.1.1'],
  ['pyyaml', '6.0.3', '6.0.4'],
  ['regex', '2026.11.15', '2026.11.19'],
];

const bump = ([name, from, to]: Bump, project: Project) =>
  project.change('requirement.txt', `${name}==${from}\n`, `${name}==${to}\n`);

/** What is built, and how its checkout changes from one scenario to the next. */
export interface Example {
  /** Has a `Dockerfile.recipe`. */
  readonly directory: string;
  /** What its stages are built on, without the registry. */
  readonly base: Omit<BaseImage, 'registry'>;
  /** Each commits; without one the checkout stays as it is. */
  readonly changes: Readonly<Partial<Record<Scenario, (project: Project) => Promise<void>>>>;
}

/** The project of ordinary size. */
export const CHAT: Example = {
  directory: join(import.meta.dirname, '..', 'examples', 'chat'),
  base: { repository: 'library/python', tag: '3.11-slim' },
  changes: {
    'one-line': (project) => project.change('app/__init__.py', '"1.4.0"', '"1.4.1"'),
    'one-package': (project) => bump(ONE, project),
    'five-packages': async (project) => {
      for (const one of FIVE) await bump(one, project);
    },
  },
};

/** How the world around it changes. @returns what was there before, if anything did */
export async function changeAround(
  host: Host,
  base: BaseImage,
  scenario: Scenario,
): Promise<TaggedManifest | undefined> {
  return scenario === 'base-patched' ? await patchBase(host, base) : undefined;
}
