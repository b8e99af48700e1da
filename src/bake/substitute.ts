import type { BuildOptions } from '../dockerfile/arguments.ts';
import { stageGraph } from '../dockerfile/graph.ts';
import type { Dockerfile, Instruction } from '../dockerfile/parse.ts';

/** A Dockerfile that needs no named contexts any more, or why there is none: half a sentence. */
export type Substituted = { readonly text: string } | { readonly reason: string };

interface Change {
  /** Offsets in the text. */
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

/**
 * Puts images in the place of the named contexts that stand for them, where a Dockerfile says `FROM NAME` or `COPY --from=NAME`:
 * BuildKit takes the image itself for both. Lines and stages keep their numbers, and all other bytes stay. Contexts that the
 * target does not need are no hindrance. Pure.
 *
 * @param images references by the names of their contexts
 * @param options with the names of all contexts, be they images or not
 * @throws LayerwrightError `STAGE_UNKNOWN` (1), `DOCKERFILE_INVALID` (1)
 */
export function substituteContexts(
  dockerfile: Dockerfile,
  images: ReadonlyMap<string, string>,
  options: BuildOptions,
): Substituted {
  const { stages, reasons } = stageGraph(dockerfile, options.target, options);
  const [unclear] = reasons;
  if (unclear !== undefined) return { reason: `line ${unclear.line}: ${unclear.text}` };
  const changes: Change[] = [];
  for (const { stage, replaced, base, reads } of stages) {
    if (replaced) return { reason: `a context stands for the stage "${stage.name}"` };
    for (const { line, how, source, instruction } of reads) {
      if (source.kind !== 'context') continue;
      const image = images.get(source.name);
      const change =
        how === 'copy' && image !== undefined
          ? copyChange(dockerfile, stage.instructions[instruction] as Instruction, image)
          : undefined;
      if (change === undefined) return { reason: `line ${line}: files of the context "${source.name}"` };
      changes.push(change);
    }
    if (base.kind !== 'context') continue;
    const image = images.get(base.name);
    const change = image === undefined ? undefined : fromChange(dockerfile, stage.from, image);
    if (change === undefined) return { reason: `line ${stage.line}: the context "${base.name}"` };
    changes.push(change);
  }
  return { text: changed(dockerfile.text, changes) };
}

/** The word after FROM. One with a platform is left alone: which of an image's platforms a context stands for is BuildKit's to say. */
function fromChange({ text }: Dockerfile, { scanned }: Instruction, image: string): Change | undefined {
  const match = /^([ \t]+)(?!--)(\S+)/.exec(text.slice(scanned.keywordEnd, scanned.end));
  if (scanned.keywordEnd < 0 || scanned.line !== scanned.endLine || match === null) return undefined;
  const from = scanned.keywordEnd + (match[1] as string).length;
  return { from, to: from + (match[2] as string).length, by: image };
}

/** The value of `--from` on the instruction's first line. */
function copyChange({ text }: Dockerfile, { scanned }: Instruction, image: string): Change | undefined {
  if (scanned.keywordEnd < 0) return undefined;
  const match = /^((?:[ \t]+--[^\s"'\\]+)*?[ \t]+--from=)([^\s"'\\]+)(?=\s)/.exec(
    text.slice(scanned.keywordEnd, scanned.end),
  );
  if (match === null) return undefined;
  const from = scanned.keywordEnd + (match[1] as string).length;
  return { from, to: from + (match[2] as string).length, by: image };
}

function changed(text: string, changes: readonly Change[]): string {
  let result = '';
  let copied = 0;
  for (const { from, to, by } of [...changes].sort((one, other) => one.from - other.from)) {
    result += text.slice(copied, from) + by;
    copied = to;
  }
  return result + text.slice(copied);
}
