import type { Instruction } from '../../dockerfile/parse.ts';
import { keyOf } from '../../plan/key.ts';
import type { ComposedLayer } from '../compose.ts';
import type { WalkedSegment } from '../solve/segments.ts';
import { stateKey } from '../solve/solve-request.ts';
import type { ImageLayer } from '../state.ts';
import type { Walked } from '../walk.ts';

/** What a build leaves for the next one of its branch to be compared with. */
export interface BuildRecord extends PrefixRecord {
  readonly version: 1;
  /** 40 hex digits. */
  readonly commit: string | null;
  /** RFC 3339; null for a plan. */
  readonly builtAt: string | null;
  readonly bases: readonly BaseRecord[];
  /** False if the build began from what an earlier one kept, and what is in that is not known. */
  readonly isWhole: boolean;
  /** Of a plan: true if something that is installed is not known yet, `mustRun` if BuildKit has to build it first. */
  readonly isOpen?: true | 'mustRun';
  /** How many layers the image has. */
  readonly layerCount: number;
  /** By field of the image's configuration, a hash of its value. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What is known of an image up to the point from which later builds begin; kept beside that state. */
export interface PrefixRecord {
  /** Sorted by name. */
  readonly dependencies: readonly DependencyRecord[];
  /** The lowest first, without those that are given. */
  readonly layers: readonly LayerRecord[];
  readonly segments: readonly SegmentRecord[];
}

export interface BaseRecord {
  /** As written, variables put in. */
  readonly reference: string;
  /** `HOST/PATH@sha256:...` */
  readonly image: string;
}

export interface DependencyRecord {
  readonly name: string;
  readonly version: string;
  /** `requirements.txt`; `/app` of a project; `Dockerfile:7` where all is on the command line. */
  readonly source: string;
  /** The first 16 digits of its wheel's SHA-256; left out where it is not known, and by earlier versions. */
  readonly wheel?: string;
}

export interface LayerRecord {
  readonly key: string;
  readonly kind: ImageLayer['kind'];
  readonly title: string;
  /** `NAME VERSION` of what a dependency layer holds. */
  readonly distributions: readonly string[];
  /** Compressed; of a plan, as they are installed; 0 if that is not known. */
  readonly bytes: number;
  /** What it took to make it, when it was made; null if that is not known. */
  readonly seconds: number | null;
}

export interface SegmentRecord {
  readonly stage: string;
  readonly fromLine: number;
  readonly toLine: number;
  readonly key: string;
  /** Hashes of the instructions, of what they start from and of the arguments in scope. */
  readonly parts: { readonly instructions: string; readonly parent: string; readonly arguments: string };
  /** What BuildKit took to solve it, when it did; null if that is not known. */
  readonly seconds: number | null;
}

/** A layer with what became of it; of one that is not made yet there is no blob, and `bytes` are those of its files. */
export type RecordedLayer = Pick<ComposedLayer, 'layer'> &
  Partial<Pick<ComposedLayer, 'blob' | 'seconds' | 'outcome'>> & { readonly bytes?: number };

/** What a record is made of. */
export interface RecordSources {
  readonly walked: Walked;
  /** Of the image; those that are given are passed over. */
  readonly layers: readonly RecordedLayer[];
  readonly layerCount: number;
  readonly bases: readonly BaseRecord[];
  readonly dockerfile: string;
  readonly commit: string | undefined;
  readonly builtAt: string | undefined;
  /** Seconds that BuildKit took, by the key of a segment. */
  readonly solveSeconds: ReadonlyMap<string, number>;
  /** The record before, for what it took when it was made. */
  readonly before: BuildRecord | undefined;
  /** Of a build that began from what an earlier one kept: what is known of that. */
  readonly begun: { readonly prefix: PrefixRecord | undefined } | undefined;
}

/** The record of a build or, with layers that are not made, of a plan. Pure. */
export function recordOf(sources: RecordSources): BuildRecord {
  const { walked, commit, builtAt, bases, begun, layerCount } = sources;
  const prefix = begun?.prefix;
  const layers = sources.layers.map((one) => layerRecord(one, sources.before));
  return {
    ...{ version: 1, commit: commit ?? null, builtAt: builtAt ?? null, layerCount },
    bases: [...bases].sort((a, b) => (a.reference < b.reference ? -1 : 1)),
    isWhole: begun === undefined || prefix !== undefined,
    ...openness(walked),
    dependencies: prefix?.dependencies ?? dependenciesOf(sources),
    layers: [...(prefix?.layers ?? []), ...layers.flat()],
    segments: prefix?.segments ?? segmentsOf(sources),
    settings: settingsOf(walked),
  };
}

function openness({ unknown }: Walked): Pick<BuildRecord, 'isOpen'> {
  const installs = unknown.filter(({ kind }) => kind === 'install');
  if (installs.length === 0) return {};
  return { isOpen: installs.some(({ mustRun }) => mustRun) ? 'mustRun' : true };
}

/** What of a record belongs to the state that later builds begin from. Pure. */
export function prefixOf(record: BuildRecord, { prefix }: Walked): PrefixRecord | undefined {
  if (prefix === undefined) return undefined;
  const { dependencies, segments } = record;
  const after = new Set(record.layers.map(({ key }) => key));
  for (const layer of layersUpTo(prefix.state.layers, prefix.segments)) after.delete(layer.key);
  return { dependencies, segments, layers: record.layers.filter(({ key }) => !after.has(key)) };
}

type OwnLayer = Exclude<ImageLayer, { kind: 'given' }>;

/**
 * The layers that were composed: those of an image, and those below its solved segments, which are given once these are solved.
 * Each once, the lowest first.
 */
export function layersUpTo(
  layers: readonly ImageLayer[],
  segments: readonly Pick<WalkedSegment, 'request'>[],
): readonly OwnLayer[] {
  const below = segments.flatMap(({ request }) => request?.parent.layers ?? []);
  const own = [...below, ...layers].filter((layer): layer is OwnLayer => layer.kind !== 'given');
  return [...new Map(own.map((layer) => [layer.key, layer])).values()];
}

function dependenciesOf({ walked, dockerfile }: RecordSources): readonly DependencyRecord[] {
  const found = new Map<string, DependencyRecord>();
  for (const { line, files, locked } of walked.installs)
    for (const { name, version, wheel } of locked.resolved.lock.distributions) {
      const source = files.at(-1) ?? `${dockerfile}:${line}`;
      found.set(name, { name, version, source, ...(wheel && { wheel: wheel.sha256.slice(0, 16) }) });
    }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function layerRecord(
  { layer, blob, seconds = 0, outcome, bytes = 0 }: RecordedLayer,
  before: BuildRecord | undefined,
): readonly LayerRecord[] {
  if (layer.kind === 'given') return [];
  const { key, kind, title } = layer;
  const old = before?.layers.find((one) => one.key === key);
  const wheels = layer.kind === 'dependency' ? layer.planned.wheels : [];
  return [
    {
      ...{ key, kind, title, distributions: wheels.map(({ name, version }) => `${name} ${version}`) },
      bytes: blob?.descriptor.size ?? bytes,
      seconds: outcome === 'made' ? Math.round(seconds * 1000) / 1000 : (old?.seconds ?? null),
    },
  ];
}

function segmentsOf({ walked, before, solveSeconds }: RecordSources): readonly SegmentRecord[] {
  return walked.segments.flatMap(({ stage, fromLine, toLine, request }): readonly SegmentRecord[] => {
    if (request === undefined) return [];
    const { node, from, to, parent, declared, key } = request;
    const old = before?.segments.find((one) => one.key === key);
    const parts = {
      instructions: keyOf('texts', node.stage.instructions.slice(from, to + 1).map(textOf)),
      parent: stateKey(parent),
      arguments: keyOf(
        'declared',
        declared.map(({ name, value }) => [name, value]),
      ),
    };
    const seconds = solveSeconds.get(key) ?? old?.seconds ?? null;
    return [{ stage, fromLine, toLine, key, parts, seconds }];
  });
}

function textOf({ scanned }: Instruction): string {
  return `${scanned.logical}\n${scanned.heredoc}`;
}

/** Hashes, since a value may be a secret, and only whether it changed is asked. */
function settingsOf({ state }: Walked): Readonly<Record<string, string>> {
  const { config } = state.stage.image;
  const fields = Object.entries(config).filter(([, value]) => value !== undefined);
  const hashes = fields.map(([name, value]) => [name, keyOf('setting', sortedJson(value)).slice(0, 16)]);
  return Object.fromEntries(hashes.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

/** A record that was kept; undefined if it is none, or of another version. */
export function readRecord(value: unknown): BuildRecord | undefined {
  const record = value as Partial<BuildRecord> | undefined;
  const isRecord =
    record?.version === 1 && Array.isArray(record.bases) && typeof record.settings === 'object';
  return isRecord && readPrefix(record) !== undefined ? (record as BuildRecord) : undefined;
}

/** The same for what was kept beside a state. */
export function readPrefix(value: unknown): PrefixRecord | undefined {
  const record = value as Partial<PrefixRecord> | undefined;
  const lists = [record?.dependencies, record?.layers, record?.segments];
  return lists.every(Array.isArray) ? (record as PrefixRecord) : undefined;
}
