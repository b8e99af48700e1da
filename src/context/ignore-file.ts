import { cleanPath, trimSpace } from './go-path.ts';

/** The longest line that BuildKit reads; a longer one is an error of the whole file. */
const LONGEST_LINE = 64 * 1024;

/**
 * The patterns of a `.dockerignore`, in the order of the file: no comments, no slash in front, each as short as it can be.
 *
 * @returns undefined if BuildKit cannot read the file
 */
export function parseIgnoreFile(text: string): readonly string[] | undefined {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  if (lines.some((line) => Buffer.byteLength(line) >= LONGEST_LINE)) return undefined;
  return lines
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => !line.startsWith('#'))
    .map(trimSpace)
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('!') ? `!${normalised(trimSpace(line.slice(1)))}` : normalised(line)));
}

function normalised(pattern: string): string {
  if (pattern === '') return pattern;
  const clean = cleanPath(pattern);
  return clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
}
