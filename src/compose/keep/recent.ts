import type { Descriptor } from '../../image/oci.ts';
import type { ComposedLayer } from '../compose.ts';
import type { Keeper } from './keeper.ts';

/** Where a layer is, as an earlier build left it: whether it is still there has to be asked. */
export interface RecentLayer {
  readonly descriptor: Descriptor;
  readonly diffId: string;
}

/** What is kept of the last build of a dependency step. */
interface KeptRecent {
  /** Key of its lock. */
  readonly lock: string;
  readonly layers: Readonly<Record<string, RecentLayer>>;
}

/**
 * The last build of each dependency step: its lock, which the next one is compared with, and where its layers are, so that
 * one request tells of them all what else has to be asked of each.
 */
export interface RecentBuilds {
  /** Reads what is kept of a step; its layers are then in `layers`. Undefined if nothing is. */
  readonly read: (step: string) => Promise<{ readonly lock: string } | undefined>;
  /** Says which lock a step has now. */
  readonly note: (step: string, lock: string) => void;
  /** By key. */
  readonly layers: ReadonlyMap<string, RecentLayer>;
  /**
   * Keeps what has changed.
   *
   * @param layers of one image
   * @param locks of the steps that it has: others of the run are other images'
   */
  readonly keep: (layers: readonly ComposedLayer[], locks: ReadonlySet<string>) => Promise<void>;
}

/** @throws nothing of the cache repository: see {@link Keeper} */
export function recentBuilds(keeper: Keeper): RecentBuilds {
  const layers = new Map<string, RecentLayer>();
  const before = new Map<string, string>();
  const now = new Map<string, readonly [step: string, lock: string]>();
  return {
    layers,
    async read(step) {
      const artifact = await keeper.find('recent', step);
      const kept = artifact?.config as Partial<KeptRecent> | undefined;
      if (typeof kept?.lock !== 'string') return undefined;
      before.set(step, kept.lock);
      for (const [key, layer] of Object.entries(kept.layers ?? {})) layers.set(key, layer);
      return { lock: kept.lock };
    },
    note: (step, lock) => void now.set(`${step} ${lock}`, [step, lock]),
    async keep(composed, locks) {
      const table = Object.fromEntries(
        composed.flatMap(({ layer, blob }) =>
          layer.kind === 'dependency' && blob?.repository === keeper.repository.name
            ? [[layer.key, { descriptor: blob.descriptor, diffId: blob.diffId }]]
            : [],
        ),
      );
      const isNew = Object.entries(table).some(
        ([key, { descriptor }]) => layers.get(key)?.descriptor.digest !== descriptor.digest,
      );
      const changed = [...now.values()].filter(
        ([step, lock]) => locks.has(lock) && (isNew || before.get(step) !== lock),
      );
      await Promise.all(changed.map(([step, lock]) => keeper.keep('recent', step, { lock, layers: table })));
    },
  };
}
