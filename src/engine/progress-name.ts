/** What a step is for. `instruction` and `base` (a numbered `FROM`) come from the Dockerfile, the rest surrounds it. */
export type StepKind =
  | 'connect'
  | 'load'
  | 'cache-import'
  | 'base'
  | 'instruction'
  | 'export'
  | 'cache-export'
  | 'other';

/** What a step's name says, taken apart. */
export interface StepName {
  readonly kind: StepKind;
  /** The name without its prefix: `RUN make` of `[final 2/3] RUN make`, one line. */
  readonly title: string;
  /** The stage as BuildKit names it; empty for the only stage of a Dockerfile, undefined outside of stages. */
  readonly stage?: string;
  /** `linux/arm64`, where several platforms are built; `linux/amd64->arm64` is cut to its target. */
  readonly platform?: string;
  /** Place of the instruction in its stage, from 1, and how many the stage has. */
  readonly number?: number;
  readonly of?: number;
}

const NUMBERED =
  /^\[\s*(?:(?<platform>[a-z0-9]+\/\S+)\s+)?(?:(?<stage>\S+)\s+)?(?<number>\d+)\/(?<of>\d+)\]\s+(?<title>[\s\S]*)$/;
const SURROUNDING =
  /^\[\s*(?:(?<platform>[a-z0-9]+\/\S+)\s+)?(?<word>internal|auth|context)(?<rest>\s[^\]]*)?\]\s+(?<title>[\s\S]*)$/;

/** Names that BuildKit v0.12 to v0.34 and buildx v0.12 to v0.38 give to steps outside of the Dockerfile. */
const KINDS: readonly (readonly [RegExp, StepKind])[] = [
  [/^importing cache manifest from /, 'cache-import'],
  [/^exporting (?:cache to |to GitHub Actions Cache)/, 'cache-export'],
  [/^(?:exporting to|importing to docker|sending tarball|pushing |merging manifest list|copying )/, 'export'],
  [/^(?:resolve image config for|docker-image:\/\/)/, 'load'],
];

/** Takes the name of a BuildKit vertex apart. A name of no known form is `other`, with itself as title. */
export function parseStepName(name: string): StepName {
  const numbered = NUMBERED.exec(name)?.groups;
  if (numbered) {
    const title = oneLine(numbered.title ?? '');
    return {
      kind: /^FROM\s/i.test(title) ? 'base' : 'instruction',
      title,
      stage: numbered.stage ?? '',
      ...platformOf(numbered.platform),
      number: Number(numbered.number),
      of: Number(numbered.of),
    };
  }
  const surrounding = SURROUNDING.exec(name)?.groups;
  if (surrounding) {
    const title = oneLine(surrounding.title ?? '');
    const label = surrounding.word === 'context' ? `context${surrounding.rest ?? ''}: ` : '';
    const connects = /^(?:booting buildkit|waiting for connection)/.test(title);
    return {
      kind: connects ? 'connect' : 'load',
      title: `${label}${title}`,
      ...platformOf(surrounding.platform),
    };
  }
  const kind = KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? 'other';
  return { kind, title: oneLine(name) };
}

function platformOf(text: string | undefined): { platform: string } | Record<never, never> {
  if (text === undefined) return {};
  const [build, target] = text.split('->');
  if (target === undefined) return { platform: text };
  return { platform: target.includes('/') ? target : `${(build ?? '').split('/')[0]}/${target}` };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
