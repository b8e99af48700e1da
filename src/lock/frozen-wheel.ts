import type { InstallTool } from '../python/recognise/recognise.ts';
import { bestWheel, parseWheelName } from '../python/wheel-tags.ts';

/**
 * The wheel of one version that a tool takes. pip and uv look at tags first and at builds then, poetry the other way round.
 *
 * @returns undefined if none fits, `ambiguous` if it depends on the order in which an index lists them
 */
export function preferredWheel<T extends { readonly filename: string }>(
  tool: InstallTool,
  wheels: readonly T[],
  tags: readonly string[],
): T | 'ambiguous' | undefined {
  if (tool !== 'poetry') return bestWheel(wheels, tags);
  const fitting = wheels.filter((one) => bestWheel([one], tags) === one);
  const builds = fitting.map(({ filename }) => parseWheelName(filename)?.build);
  const newest = builds.reduce((a, b) => (isNewer(b, a) ? b : a), undefined);
  return bestWheel(
    fitting.filter((_one, at) => !isNewer(newest, builds[at])),
    tags,
  );
}

type Build = NonNullable<ReturnType<typeof parseWheelName>>['build'];

function isNewer(a: Build, b: Build): boolean {
  if (a === undefined || b === undefined) return a !== undefined && b === undefined;
  return a.number === b.number ? a.rest > b.rest : a.number > b.number;
}
