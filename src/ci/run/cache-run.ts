import {
  type CacheOutcome,
  type CachePlan,
  type CacheTransfer,
  type DirectoryStore,
  NO_TRANSFER,
  plainKey,
  restorePath,
  savePath,
} from './cache.ts';
import type { BuildLog } from './log.ts';
import type { CacheRecord } from './result.ts';

/** A build's cache from its restore to its save. */
export interface CacheRun {
  readonly restore: () => Promise<void>;
  /** @param succeeded a build that failed may have left half of what it wanted to: it saves nothing */
  readonly save: (succeeded: boolean) => Promise<void>;
  readonly record: () => CacheRecord;
}

/**
 * Restores and saves the paths of a build's cache, one after the other.
 *
 * @param temporary a directory of this run alone
 */
export function cacheRun(plan: CachePlan, store: DirectoryStore, log: BuildLog, temporary: string): CacheRun {
  const restored = new Map<string, CacheTransfer>();
  const saved = new Map<string, CacheTransfer>();
  return {
    async restore() {
      if (plan.action === 'save') return;
      for (const cached of plan.paths) {
        const transfer = await restorePath(store, plan, cached);
        restored.set(cached.path, transfer);
        log.line(`Cache ${cached.path}: ${told('restore', plan.key, transfer)}`);
      }
    },
    async save(succeeded) {
      if (plan.action === 'restore') return;
      for (const cached of plan.paths) {
        const known = restored.get(cached.path);
        // CodeBuild too makes a copy under a key once, and does not change it.
        const isThere =
          plan.keyed && known?.outcome === 'hit' && plainKey(known.matchedKey ?? '') === plan.key;
        const transfer =
          succeeded && !isThere
            ? await savePath(store, plan, cached, temporary)
            : ({ ...NO_TRANSFER, outcome: 'skipped' } as const);
        saved.set(cached.path, transfer);
        if (transfer.outcome === 'skipped')
          log.line(
            `Cache ${cached.path}: not saved, ${isThere ? `${plan.key} is there already` : 'the build failed'}`,
          );
        else log.line(`Cache ${cached.path}: ${told('save', plan.key, transfer)}`);
      }
    },
    record: () => ({
      key: plan.key,
      restored: worst([...restored.values()]),
      saved: worst([...saved.values()]),
      paths: plan.paths.map(({ path }) => ({
        path,
        restored: restored.get(path)?.outcome ?? null,
        restoredKey: keyOf(restored.get(path)),
        saved: saved.get(path)?.outcome ?? null,
        problem: saved.get(path)?.problem ?? restored.get(path)?.problem ?? null,
      })),
    }),
  };
}

function keyOf(transfer: CacheTransfer | undefined): string | null {
  return transfer?.matchedKey === undefined ? null : plainKey(transfer.matchedKey);
}

function told(what: 'restore' | 'save', key: string, transfer: CacheTransfer): string {
  const found = keyOf(transfer);
  const size = transfer.bytes > 0 ? `, ${(transfer.bytes / 1e6).toFixed(1)} MB` : '';
  const why = transfer.problem === undefined ? '' : `: ${transfer.problem}`;
  const under = found !== null && found !== key ? ` (${found})` : '';
  return `${what} ${key}: ${transfer.outcome}${under}${size}${why}`;
}

/** From the worst to the best. */
const ORDER: readonly CacheOutcome[] = [
  ...(['failed', 'corrupt', 'unauthorized', 'unreachable', 'miss', 'nothing'] as const),
  ...(['skipped', 'unchanged', 'saved', 'hit'] as const),
];

function worst(transfers: readonly CacheTransfer[]): CacheOutcome | null {
  return ORDER.find((outcome) => transfers.some((one) => one.outcome === outcome)) ?? null;
}
