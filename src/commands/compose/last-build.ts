import { relative, resolve } from 'node:path';
import type { Composed } from '../../compose/compose.ts';
import { compareRecords } from '../../compose/keep/compare-records.ts';
import type { Keeper } from '../../compose/keep/keeper.ts';
import {
  type BaseRecord,
  type BuildRecord,
  layersUpTo,
  type PrefixRecord,
  prefixOf,
  readPrefix,
  readRecord,
  recordOf,
} from '../../compose/keep/record.ts';
import type { ComposeRequest, World } from '../../compose/walk.ts';
import { platformText } from '../../dockerfile/platform.ts';
import type { Host } from '../../host/host.ts';
import { keyOf } from '../../plan/key.ts';
import { changeText } from '../../report/changes.ts';
import type { BuildRequest } from '../build-request.ts';
import type { ReadFacts } from './suits.ts';

/** The last build of the same branch, Dockerfile, target and platform. */
export interface LastBuild {
  /** Undefined if there was none, or it cannot be read. */
  readonly record: Promise<BuildRecord | undefined>;
  readonly keep: (record: BuildRecord) => Promise<void>;
  /** What is known of a state that builds begin from, by its key. */
  readonly prefix: (key: string) => Promise<PrefixRecord | undefined>;
  readonly keepPrefix: (key: string, record: PrefixRecord) => Promise<void>;
}

/** Begins to read what the last build left. A cache never fails a build: whatever goes wrong, there was none. */
export function lastBuild(
  host: Host,
  keeper: Keeper,
  request: BuildRequest,
  facts: ReadFacts,
  { platform }: Pick<ComposeRequest, 'platform'>,
): LastBuild {
  const key = keyOf('last', {
    branch: facts.source.branch,
    // A copy is elsewhere each time.
    dockerfile: request.fileName ?? (facts.file && relative(resolve(host.cwd, request.context), facts.file)),
    target: request.wishes.targetName,
    // Targets of a bake file may have a Dockerfile in common, or one of the same name.
    ...(request.part === undefined ? {} : { part: request.part }),
    platform: platformText(platform),
  });
  const record = keeper.find('last', key).then((artifact) => readRecord(artifact?.config));
  // Whoever awaits it hears of an interrupt; nobody may.
  record.catch(() => {});
  return {
    record,
    async keep(now) {
      await keeper.keep('last', key, now);
    },
    prefix: async (of) => readPrefix((await keeper.find('last', prefixName(of)))?.config),
    async keepPrefix(of, known) {
      await keeper.keep('last', prefixName(of), known);
    },
  };
}

function prefixName(key: string): string {
  return keyOf('last-prefix', key);
}

/** The images that a target is made from, as their names lead to them now. */
export async function baseRecords(
  { graph }: Pick<ComposeRequest, 'graph'>,
  world: Pick<World, 'digest'>,
): Promise<readonly BaseRecord[]> {
  return await Promise.all(
    graph.images.map(async (reference) => ({ reference, image: await world.digest(reference) })),
  );
}

/**
 * Keeps the record of a build for the next one.
 *
 * @returns what changed since the last one, in lines for people
 */
export async function rememberBuild(
  last: LastBuild,
  built: {
    readonly composed: Composed;
    readonly bases: readonly BaseRecord[];
    readonly facts: ReadFacts;
    readonly builtAt: string;
    readonly solveSeconds: ReadonlyMap<string, number>;
  },
): Promise<readonly string[]> {
  const { composed, facts, ...rest } = built;
  const { walked, prefixKey, isBegun } = composed;
  const [before, prefix] = await Promise.all([
    last.record,
    isBegun && prefixKey !== undefined ? last.prefix(prefixKey) : undefined,
  ]);
  const { dockerfile, source } = facts;
  const made = new Map(composed.layers.map((one) => [one.layer, one]));
  const layers = layersUpTo(walked.state.layers, walked.segments).map((layer) => ({
    layer,
    ...made.get(layer),
  }));
  const now = recordOf({
    ...{ ...rest, walked, layers, before, dockerfile: dockerfile.path, commit: source.sha },
    ...{ layerCount: composed.layers.length, begun: isBegun ? { prefix } : undefined },
  });
  const known = isBegun ? undefined : prefixOf(now, walked);
  await Promise.all([
    last.keep(now),
    prefixKey !== undefined && known !== undefined ? last.keepPrefix(prefixKey, known) : undefined,
  ]);
  return before === undefined ? [] : compareRecords(before, now).map((change) => changeText(change));
}
