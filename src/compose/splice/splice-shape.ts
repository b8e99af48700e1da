import type { CopyInstruction } from '../../dockerfile/instruction.ts';

/**
 * Why a `COPY --from` is not put together from the layers of what it copies from, whatever its files are; undefined if it may be.
 * Pure.
 *
 * @param copy with variables put in
 */
export function spliceShape(
  copy: CopyInstruction,
): { readonly reason: string; readonly hint: string | undefined } | undefined {
  if (copy.parents || copy.excludes.length > 0)
    return {
      reason: 'it copies a part of another stage, by --parents or --exclude',
      hint: 'Name the directories that are needed.',
    };
  if (copy.inline.length > 0)
    return { reason: 'it has a heredoc beside what it copies from another stage', hint: undefined };
  if (copy.sources.some((source) => /^[/.]*$/.test(source)))
    return { reason: 'it copies all of another stage', hint: 'Copy the directories that are needed.' };
  return undefined;
}
