import { scanDockerfile } from './scan.ts';

/** The secrets that a constrained Dockerfile asks for; a caller gives each its content. */
export const CONSTRAINT_SECRETS = {
  /** Lines `name==version`. */
  file: 'layerwright-constraints',
  /** {@link CONSTRAINTS_FILE} as text. */
  path: 'layerwright-constraints-path',
} as const;

/** Where the constraints are in a RUN. */
export const CONSTRAINTS_FILE = '/run/secrets/layerwright-constraints';

/** What pip and uv read further constraints from. */
const READ_FROM = ['PIP_CONSTRAINT', 'UV_CONSTRAINT'] as const;

/**
 * Holds what pip and uv install in RUNs to given versions: as secrets that only the RUN sees, so that no layer and no
 * configuration shows them. All other bytes stay. Needs a frontend that gives secrets as variables (docker/dockerfile:1.10).
 * Pure.
 *
 * @param text see {@link scanDockerfile}
 * @param lines of the RUNs to be held, from 1; default: of all
 */
export function withConstraints(
  text: string,
  lines?: ReadonlySet<number>,
): { readonly text: string; readonly runs: number } {
  const flags = [
    ` --mount=type=secret,id=${CONSTRAINT_SECRETS.file},target=${CONSTRAINTS_FILE},mode=0444`,
    ...READ_FROM.map((name) => ` --mount=type=secret,id=${CONSTRAINT_SECRETS.path},env=${name}`),
  ].join('');
  const runs = scanDockerfile(text).filter(
    ({ keyword, keywordEnd, line }) => keyword === 'RUN' && keywordEnd >= 0 && lines?.has(line) !== false,
  );
  let rewritten = '';
  let copied = 0;
  for (const { keywordEnd } of runs) {
    const gap = /[ \t]/.test(text[keywordEnd] ?? '') ? '' : ' ';
    rewritten += text.slice(copied, keywordEnd) + flags + gap;
    copied = keywordEnd;
  }
  return { text: rewritten + text.slice(copied), runs: runs.length };
}
