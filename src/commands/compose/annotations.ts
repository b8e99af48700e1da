import type { SourceContext } from '../../ci/context.ts';
import { sourceLabels } from '../../ci/labels.ts';
import type { BuildRequest } from '../build-request.ts';

/** What `--annotation` gives to each manifest, and to the index over them. */
export interface Annotations {
  readonly manifest: Readonly<Record<string, string>>;
  readonly index: Readonly<Record<string, string>>;
}

/** Reads `KEY=VALUE`, `manifest:KEY=VALUE` and `index:KEY=VALUE`; what is written otherwise is BuildKit's (`unsuitedFor`). Pure. */
export function annotationsOf({ passed }: Pick<BuildRequest, 'passed'>): Annotations {
  const read = passed.annotations.map((text) => {
    const [, kinds = 'manifest', entry = ''] = /^(?:([a-z,]+):)?([\s\S]*)$/.exec(text) ?? [];
    return { kinds: kinds.split(','), entry: splitOnce(entry) };
  });
  const of = (kind: string) =>
    Object.fromEntries(read.filter(({ kinds }) => kinds.includes(kind)).map(({ entry }) => entry));
  return { manifest: of('manifest'), index: of('index') };
}

/** The labels that a build adds to its image: of its source, and `--label`, which wins. Pure. */
export function labelsOf(
  { sourceLabels: asked, passed }: Pick<BuildRequest, 'sourceLabels' | 'passed'>,
  source: SourceContext,
): Readonly<Record<string, string>> {
  const labels = [...(asked ? sourceLabels(source) : []), ...passed.labels];
  return Object.fromEntries(labels.map(splitOnce));
}

/** `KEY=VALUE`; the value is empty where there is none. */
function splitOnce(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}
