import type { BuildRecord, DependencyRecord, LayerRecord, SegmentRecord } from './record.ts';

/** One thing that changed between two builds, and what it cost. */
export interface Change {
  readonly kind: 'base' | 'solved' | 'dependencies' | 'application' | 'settings';
  /** `requirements.txt`, `base python:3.11-slim`, `COPY . /app`. */
  readonly subject: string;
  /** `numpy 2.1.0 -> 2.2.0`, `new digest`, `changed`. At least one. */
  readonly what: readonly string[];
  /** New layers that come of it. */
  readonly layers: number;
  /** Of how many in the image. */
  readonly of: number;
  /** Of those layers. */
  readonly bytes: number;
  /** To make or solve it; null if that is not known, or was not done yet. */
  readonly seconds: number | null;
}

/** What changed, in the order of an image: base images, solved segments, dependencies, the application, its settings. Pure. */
export function compareRecords(before: BuildRecord, now: BuildRecord): readonly Change[] {
  const known = new Set(before.layers.map(({ key }) => key));
  const fresh = now.layers.filter(({ key }) => !known.has(key));
  const dependencyLayers = fresh.filter(isOfDependencies);
  const isWhole = before.isWhole && now.isWhole;
  const cost = (layers: readonly LayerRecord[]) => costOf(layers, now.layerCount);
  return [
    ...baseChanges(before, now, isWhole ? dependencyLayers.length : undefined),
    // Of a state that was taken over and is not known nothing can be told.
    ...(isWhole
      ? [...solvedChanges(before, now), ...dependencyChanges(before, now, dependencyLayers, cost)]
      : []),
    ...otherChanges(
      fresh.filter((layer) => !isOfDependencies(layer)),
      before,
      now,
      cost,
      isWhole,
    ),
    ...settingChanges(before, now),
  ];
}

type Cost = (layers: readonly LayerRecord[]) => Pick<Change, 'layers' | 'of' | 'bytes' | 'seconds'>;

function costOf(layers: readonly LayerRecord[], of: number): ReturnType<Cost> {
  const seconds = layers.flatMap((layer) => layer.seconds ?? []);
  return {
    layers: layers.length,
    of,
    bytes: layers.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: seconds.length === 0 ? null : seconds.reduce((sum, one) => sum + one, 0),
  };
}

function isOfDependencies({ kind }: LayerRecord): boolean {
  return kind === 'dependency';
}

function baseChanges(before: BuildRecord, now: BuildRecord, layers: number | undefined): readonly Change[] {
  const nothing = { layers: 0, of: now.layerCount, bytes: 0, seconds: null };
  const effect =
    layers === undefined
      ? []
      : [
          layers === 0
            ? 'no dependency layer changed'
            : `${layers} dependency layer${layers === 1 ? '' : 's'} changed`,
        ];
  const old = new Map(before.bases.map(({ reference, image }) => [reference, image]));
  return now.bases.flatMap(({ reference, image }): readonly Change[] => {
    const subject = `base ${reference}`;
    const then = old.get(reference);
    if (then === image) return [];
    const word = then === undefined ? 'new base' : 'new digest';
    return [{ kind: 'base', subject, what: [word, ...effect], ...nothing }];
  });
}

function solvedChanges(before: BuildRecord, now: BuildRecord): readonly Change[] {
  const known = new Set(before.segments.map(({ key }) => key));
  return now.segments.flatMap((segment, at): readonly Change[] => {
    if (known.has(segment.key)) return [];
    const place = nth(now.segments, at);
    const old = before.segments.filter(({ stage }) => stage === segment.stage)[place];
    const lines = `${segment.fromLine}-${segment.toLine}`;
    return [
      {
        kind: 'solved',
        subject: `lines ${lines} (${segment.stage})`,
        what: [whySolved(old, segment)],
        ...{ layers: 0, of: now.layerCount, bytes: 0, seconds: segment.seconds },
      },
    ];
  });
}

/** Which one of its stage a segment is, from 0. */
function nth(segments: readonly SegmentRecord[], at: number): number {
  const { stage } = segments[at] as SegmentRecord;
  return segments.slice(0, at).filter((one) => one.stage === stage).length;
}

function whySolved(old: SegmentRecord | undefined, { parts }: SegmentRecord): string {
  if (old === undefined) return 'new for BuildKit';
  if (old.parts.instructions !== parts.instructions) return 'solved again: the instructions changed';
  if (old.parts.arguments !== parts.arguments) return 'solved again: a build argument changed';
  if (old.parts.parent !== parts.parent) return 'solved again: what is below it changed';
  return 'solved again: files that it reads changed';
}

function dependencyChanges(
  before: BuildRecord,
  now: BuildRecord,
  layers: readonly LayerRecord[],
  cost: Cost,
): readonly Change[] {
  const old = new Map(before.dependencies.map((one) => [one.name, one]));
  const current = new Map(now.dependencies.map((one) => [one.name, one]));
  const changed = [...new Set([...old.keys(), ...current.keys()])]
    .sort()
    .flatMap((name) => dependencyChange(old.get(name), current.get(name), now.isOpen));
  const bySource = Map.groupBy(changed, ({ source }) => source);
  const counted = new Set<LayerRecord>();
  // What is gone leaves its bucket changed.
  const bucketBefore = new Map(
    before.layers.flatMap(({ title, distributions }) =>
      distributions.map((one) => [nameOf(one), bucketOf(title)] as const),
    ),
  );
  const isTouched = (layer: LayerRecord, name: string) => {
    const bucket = bucketOf(layer.title);
    return holds(layer, name) || (bucket !== undefined && bucket === bucketBefore.get(name));
  };
  const changes = [...bySource]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, all]): Change => {
      const own = layers.filter(
        (layer) => !counted.has(layer) && all.some(({ name }) => isTouched(layer, name)),
      );
      for (const layer of own) counted.add(layer);
      return { kind: 'dependencies', subject: source, what: all.map(({ text }) => text), ...cost(own) };
    });
  const rest = layers.filter((layer) => !counted.has(layer));
  if (rest.length === 0) return changes;
  const what = [
    changes.length === 0 ? 'the same versions in other layers' : 'further layers changed with them',
  ];
  return [...changes, { kind: 'dependencies', subject: 'dependencies', what, ...cost(rest) }];
}

function dependencyChange(
  old: DependencyRecord | undefined,
  now: DependencyRecord | undefined,
  isOpen: BuildRecord['isOpen'],
): readonly { readonly name: string; readonly source: string; readonly text: string }[] {
  const name = (now ?? old)?.name ?? '';
  const source = (now ?? old)?.source ?? '';
  if (old === undefined) return [{ name, source, text: `${name} ${now?.version} is new` }];
  if (now === undefined) {
    if (isOpen === undefined) return [{ name, source, text: `${name} ${old.version} is gone` }];
    // Which version it will have, its build says.
    return isOpen === 'mustRun' && isProject(old)
      ? [{ name, source, text: `the project ${name} is built anew` }]
      : [];
  }
  if (old.version !== now.version)
    return [{ name, source, text: `${name} ${old.version} -> ${now.version}` }];
  if (old.wheel === undefined || now.wheel === undefined || old.wheel === now.wheel) return [];
  const built = isProject(now) ? `the project ${name} ${now.version} was built anew` : undefined;
  return [{ name, source, text: built ?? `${name} ${now.version} has another wheel` }];
}

/** Of a directory of the image, not of an index. */
function isProject({ source }: DependencyRecord): boolean {
  return source.startsWith('/');
}

/** `bucket-07` of `bucket-07: idna 3.10, six 1.17.0`. */
function bucketOf(title: string): string | undefined {
  return /^(bucket-[^:]*): /.exec(title)?.[1];
}

/** True if a distribution, of whatever version, is in a layer. */
function holds({ distributions }: LayerRecord, name: string): boolean {
  return distributions.some((one) => nameOf(one) === name);
}

/** `numpy` of `numpy 2.1.0`. */
function nameOf(distribution: string): string {
  return distribution.split(' ', 1)[0] as string;
}

function otherChanges(
  fresh: readonly LayerRecord[],
  before: BuildRecord,
  now: BuildRecord,
  cost: Cost,
  isWhole: boolean,
): readonly Change[] {
  const old = new Set(before.layers.map(({ title }) => title));
  const changed = fresh.map((layer): Change => {
    const what = [old.has(layer.title) ? 'changed' : 'new'];
    return { kind: 'application', subject: layer.title, what, ...cost([layer]) };
  });
  const titles = new Set(now.layers.map(({ title }) => title));
  const isKnown = isWhole && now.isOpen === undefined;
  const gone = before.layers
    .filter(
      (layer) => isKnown && !isOfDependencies(layer) && layer.kind !== 'removal' && !titles.has(layer.title),
    )
    .map((layer): Change => ({ kind: 'application', subject: layer.title, what: ['gone'], ...cost([]) }));
  return [...changed, ...gone];
}

function settingChanges(before: BuildRecord, now: BuildRecord): readonly Change[] {
  const names = [...new Set([...Object.keys(before.settings), ...Object.keys(now.settings)])].sort();
  const changed = names.filter((name) => before.settings[name] !== now.settings[name]);
  if (changed.length === 0) return [];
  const what = [`${changed.join(', ')} changed`];
  return [
    {
      kind: 'settings',
      subject: 'settings',
      what,
      ...{ layers: 0, of: now.layerCount, bytes: 0, seconds: null },
    },
  ];
}
