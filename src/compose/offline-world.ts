import { readContext } from '../context/read.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import { applicable } from '../lock/applicable.ts';
import type { LockInput, NotLocked } from '../lock/lock-input.ts';
import type { LockedDistribution, WheelFacts } from '../python/lock.ts';
import { pinnedVersion } from '../python/specifiers.ts';
import { formatVersion } from '../python/versions.ts';
import { assumedImage } from './assumed-image.ts';
import type { LockedStep } from './install/installation.ts';
import type { World } from './walk.ts';

/** What can be told without any network: the context, images by their names, and pins. */
export function offlineWorld(host: Host, directory: string, dockerfile: string | undefined): World {
  let context: ReturnType<World['context']> | undefined;
  return {
    digest: async (reference) => reference,
    base: async (reference, platform) => assumedImage(parseReference(reference), platform),
    solved: async () => undefined,
    lock: async (input) => pinnedLock(input),
    lockFile: async ({ lock }) => ({
      reason: `what ${lock.path} says is read with the wheels that it names`,
    }),
    lockSources: async () => ({ reason: 'what source distributions need is not known offline' }),
    layerWheels: async () => ({ reason: 'what is in layers is not known offline' }),
    wheel: async () => ({ reason: 'what has to be built is not known offline' }),
    context() {
      context ??= readContext(host, directory, { dockerfile });
      return context;
    },
  };
}

/** Any that the rules of pip are known of: which one it is makes no difference to pins. */
const SOME_PIP = '25.0';

/** What is pinned, as far as it is for the image; its wheels are not known, nor what the pins need besides. */
function pinnedLock(input: LockInput): LockedStep | NotLocked {
  const applying = applicable({ ...input, facts: { ...input.facts, pip: input.facts.pip ?? SOME_PIP } });
  if ('reason' in applying) return applying;
  const { requirements, constraints } = applying.input;
  const found = new Map<string, LockedDistribution>();
  for (const { name, specifiers, from } of requirements) {
    const bounds = constraints.filter((one) => one.name === name).flatMap((one) => one.specifiers);
    const pin = pinnedVersion([...specifiers, ...bounds]);
    if (pin === undefined)
      return {
        reason: `${from}: ${name} is not pinned to a version, so that an index would have to be asked`,
      };
    const version = formatVersion(pin);
    if ((found.get(name)?.version ?? version) !== version)
      return { reason: `${from}: ${name} is pinned to two versions` };
    const wheel = { url: '', filename: '', sha256: `${name} ${version}`, size: undefined };
    found.set(name, { name, version, wheel, requested: true });
  }
  const distributions = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const changes = distributions.map(({ name }) => ({
    ...{ name, action: 'install', installed: undefined },
  })) as LockedStep['resolved']['changes'];
  const wheels = distributions.map(({ name, version }): readonly [string, WheelFacts] => [
    `${name} ${version}`,
    unknownWheel(name, version),
  ]);
  return {
    key: '',
    kept: false,
    resolved: { lock: { distributions }, changes, by: 'pins', warnings: [] },
    wheels: new Map(wheels),
  };
}

function unknownWheel(name: string, version: string): WheelFacts {
  return {
    ...{ sha256: `${name} ${version}`, name, version, paths: [], bytes: 0, purelib: true, scripts: [] },
    ...{ requiresDist: [], requiresPython: undefined, extras: [] },
  };
}
