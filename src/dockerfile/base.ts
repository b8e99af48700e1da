import type { BuildOptions, GlobalScope } from './arguments.ts';
import { expandFully } from './lex.ts';
import type { Dockerfile, Stage } from './parse.ts';
import { type Platform, readPlatform } from './platform.ts';

/** What a stage, a COPY or a mount takes files from. */
export type Source =
  | { readonly kind: 'stage'; readonly index: number }
  /** As written, variables put in. */
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'scratch' }
  /** Replaced by a `--build-context` of this name. */
  | { readonly kind: 'context'; readonly name: string }
  | { readonly kind: 'unresolved'; readonly text: string; readonly reason: string };

/** What a stage starts from. */
export type Base = Source & {
  /** That of `--platform`; undefined without, and of a stage, which has that of its own base. */
  readonly platform: Platform | undefined;
  /** Why the platform of `--platform` is not known: then `platform` says nothing. */
  readonly platformProblem?: string;
};

/**
 * What a stage starts from, variables put in: an earlier stage of this very name (BuildKit looks for it in lower case only),
 * `scratch`, or an image. FROM sees the arguments before the first FROM and nothing else. Whether the stage is itself replaced
 * by a build context is not asked.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function baseOf(
  dockerfile: Dockerfile,
  stage: Stage,
  global: GlobalScope,
  { contexts }: Pick<BuildOptions, 'contexts'>,
): Base {
  const platform = undefined;
  const unresolved = (text: string, reason: string): Base => ({ kind: 'unresolved', text, reason, platform });
  const place = { path: dockerfile.path, line: stage.line };
  const expandHere = (text: string) => {
    const { text: expanded, names } = expandFully(text, global.values, { escape: dockerfile.escape, place });
    return { expanded, unknown: [...names].filter((name) => global.unknown.has(name)) };
  };
  const { expanded, unknown } = expandHere(stage.base);
  if (unknown.length > 0) return unresolved(stage.base, `the value of ${unknown.join(', ')} is not known`);
  if (expanded === '') return unresolved(stage.base, 'without the values of its arguments it is empty');
  const parent = dockerfile.stages.slice(0, stage.index).findLast(({ name }) => name === expanded);
  if (parent && contexts?.has(expanded)) return { kind: 'context', name: expanded, platform };
  if (parent) return { kind: 'stage', index: parent.index, platform };
  const source = imageSource(expanded, contexts);
  if (stage.platform === undefined) return { ...source, platform };
  const wanted = expandHere(stage.platform);
  const read = readPlatform(wanted.expanded);
  if (wanted.unknown.length === 0 && read !== undefined) return { ...source, platform: read };
  const platformProblem =
    wanted.unknown.length > 0
      ? `the value of ${wanted.unknown.join(', ')} is not known`
      : `"${wanted.expanded}" is not understood as a platform`;
  return { ...source, platform, platformProblem };
}

/** An image, unless its name means nothing or something else. */
export function imageSource(reference: string, contexts: ReadonlySet<string> | undefined): Source {
  const name = [...(contexts ?? [])].find((one) => familiar(one) === familiar(reference));
  // BuildKit asks for no context of this name.
  if (reference === 'scratch') return { kind: 'scratch' };
  return name === undefined ? { kind: 'image', reference } : { kind: 'context', name };
}

/** Docker's short form of a reference, which build contexts are looked up by. */
function familiar(reference: string): string {
  return reference
    .replace(/^(?:index\.)?docker\.io\//, '')
    .replace(/^library\//, '')
    .replace(/:latest$/, '');
}
