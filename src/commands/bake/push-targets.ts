import { ciContext } from '../../ci/context.ts';
import { usageError } from '../../errors.ts';
import type { PlannedTarget } from './contexts.ts';
import type { BakeRequest } from './request.ts';

/**
 * In a build that a stranger can cause, the files of the checkout do not say where to push, as `layerwright.yml` does not: whoever
 * starts the build does, by `--allow image.push=REPOSITORY` or by `--set TARGET.tags=...`.
 *
 * @throws LayerwrightError `BAKE_NOT_ALLOWED` (2)
 */
export function checkPushTargets(
  env: NodeJS.ProcessEnv,
  { allow, overrides }: Pick<BakeRequest, 'allow' | 'overrides'>,
  planned: readonly PlannedTarget[],
): void {
  if (ciContext(env).trust === 'trusted') return;
  const allowed = allow.flatMap((one) => /^image(?:\.push)?=(.+)$/.exec(one)?.[1] ?? []);
  const own = new Set(overrides.flatMap((one) => /^[^=]*\.tags?\+?=(.+)$/.exec(one)?.[1] ?? []));
  const wanted = planned.flatMap((one) => repositoriesOf(one, own));
  const missing = wanted.filter(
    (repository) =>
      !allowed.some((one) => one === '*' || repository === one || repository.startsWith(`${one}/`)),
  );
  if (missing.length === 0) return;
  const named = [...new Set(missing)].sort();
  throw usageError(
    'BAKE_NOT_ALLOWED',
    `nobody vouches for the source of this build, so that its files may not say where to push: ${named.join(', ')}`,
    `If that is what you want, add ${named.map((one) => `--allow image.push=${one}`).join(' ')}`,
  );
}

/** Where the files have a target pushed to: images and layer caches. */
function repositoriesOf(
  { target, isAskedFor, request }: PlannedTarget,
  own: ReadonlySet<string>,
): readonly string[] {
  const { push, outputs } = request.wishes;
  const named = outputs.filter(
    ({ type, push: pushes }) => type === 'registry' || (type === 'image' && pushes === 'true'),
  );
  const tags = push || named.length > 0 ? request.tags.filter((tag) => !own.has(tag)) : [];
  const caches =
    target.cacheTo.length === 0 ? [] : request.wishes.cacheTo.filter(({ type }) => type === 'registry');
  return [
    ...(isAskedFor ? [...tags, ...named.flatMap(({ name }) => name?.split(',') ?? [])] : []),
    ...caches.flatMap(({ ref }) => ref ?? []),
  ].map((reference) => reference.replace(/@.*$/, '').replace(/:[^/:]*$/, ''));
}
