import type {
  ComposedParts,
  ResultImage,
  ResultSegment,
} from '../../src/commands/compose/composed-result.ts';
import type { ComposedLayer } from '../../src/compose/compose.ts';
import type { KnownBlob } from '../../src/compose/state.ts';
import { createBuildProgress } from '../../src/engine/progress.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { PLAN, setClock, type Told, vertexLine } from '../report/support.ts';

const blob = (digit: string, size: number): KnownBlob => ({
  descriptor: { mediaType: MEDIA.layerZstd, digest: `sha256:${digit.repeat(64)}`, size },
  diffId: `sha256:${digit.repeat(64)}`,
  repository: undefined,
});

const written = (title: string): Exclude<ComposedLayer['layer'], { kind: 'given' | 'dependency' }> => ({
  ...{ kind: 'copy', key: title, title, line: 7, bytes: 0 },
  write: () => Promise.reject(new Error('nobody writes it')),
});

/** Layers as a build with a base of two layers has them: one found, one made, one empty. */
export const LAYERS: readonly ComposedLayer[] = [
  ...['1', '2'].map((digit): ComposedLayer => {
    const given = blob(digit, 1_000);
    return {
      ...{ layer: { kind: 'given', blob: given }, blob: given },
      ...{ outcome: 'given', sentBytes: 0, seconds: 0 },
    };
  }),
  {
    ...{ layer: written('numpy 2.1.0'), blob: blob('3', 5_000_000) },
    ...{ outcome: 'found', sentBytes: 0, seconds: 0 },
  },
  {
    ...{ layer: written('COPY . /app'), blob: blob('4', 20_000) },
    ...{ outcome: 'made', sentBytes: 20_000, seconds: 0.123456 },
  },
  {
    ...{ layer: written('WORKDIR /app'), blob: undefined },
    ...{ outcome: 'made', sentBytes: 0, seconds: 0.001 },
  },
];

/** A segment that has to run. */
export const APT: ResultSegment = {
  ...{ kind: 'solved', stage: 'base', fromLine: 2, toLine: 3, request: { key: 'a' } },
  why: [
    {
      ...{ place: 'Dockerfile:2', line: 2, instruction: 'RUN', reason: 'apt-get is run', hint: undefined },
    },
  ],
};

export const REST: ResultSegment = {
  ...{ kind: 'composed', stage: 'final', fromLine: 4, toLine: 9, request: undefined, why: [] },
};

/** The image of one platform, with what became of its segments and layers. */
export function imageFor(
  architecture: string,
  composed: Partial<ResultImage['composed']> = {},
  digit = 'd',
): ResultImage {
  return {
    platform: { os: 'linux', architecture },
    composed: { walked: { segments: [APT, REST] }, layers: LAYERS, solved: [], ...composed },
    image: {
      digest: `sha256:${digit.repeat(64)}`,
      manifest: { layers: [{ size: 5_000_000 }, { size: 22_000 }] },
    },
  };
}

/** A composed build of 1.5 s. */
export function composedParts(parts: Partial<ComposedParts> = {}): ComposedParts {
  return {
    // A plan knows more than its result tells.
    plan: { ...PLAN, way: 'solved' } as ComposedParts['plan'],
    images: [imageFor('amd64')],
    index: undefined,
    ...{ sentBytes: 20_500, pulledBytes: 700, seconds: 1.50049 },
    ...{ builder: undefined, looks: [], states: [], changes: [], troubles: [] },
    ...parts,
  };
}

/** What BuildKit says of a segment. */
export function solvedState(...told: readonly Told[]) {
  const progress = createBuildProgress(setClock());
  progress.feed(vertexLine(...told));
  progress.end('built');
  return progress.state;
}
