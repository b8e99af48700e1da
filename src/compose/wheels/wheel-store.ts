import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../../errors.ts';
import { saveChecked } from '../../host/plain-files.ts';
import type { LockedWheel } from '../../python/lock.ts';
import type { WheelStore } from '../install/wheels-on-disk.ts';
import type { Keeper } from '../keep/keeper.ts';
import { isBuiltUrl } from './wheel-artifact.ts';
import type { WheelSource } from './wheel-source.ts';

/**
 * A store that has built wheels too: those of this run, and those that the cache repository keeps.
 *
 * @param directory where they are kept while the run lasts
 * @throws its `fetch`: LayerwrightError `WHEEL_MISSING` (1), `WHEEL_HASH_MISMATCH` (1), those of the registry
 */
export function withBuiltWheels(
  store: WheelStore,
  keeper: Pick<Keeper, 'repository'>,
  source: Pick<WheelSource, 'fileOf'>,
  directory: string,
): WheelStore {
  const fetched = new Map<string, Promise<string>>();
  let bytes = 0;
  return {
    ...store,
    fetch(wheel) {
      if (!isBuiltUrl(wheel.url)) return store.fetch(wheel);
      const file = source.fileOf(wheel.sha256);
      if (file !== undefined) return Promise.resolve(file);
      const known =
        fetched.get(wheel.sha256) ??
        fetchKept(keeper, wheel, directory).then((path) => {
          bytes += wheel.size ?? 0;
          return path;
        });
      fetched.set(wheel.sha256, known);
      return known;
    },
    bytes: () => store.bytes() + bytes,
  };
}

async function fetchKept(
  { repository }: Pick<Keeper, 'repository'>,
  { filename, sha256 }: LockedWheel,
  directory: string,
): Promise<string> {
  const stream = await repository.openBlob(`sha256:${sha256}`);
  if (stream === undefined)
    throw new LayerwrightError(`${filename}, which was built once, is not in ${repository.name} any more`, {
      code: 'WHEEL_MISSING',
      exit: EXIT.failed,
      hint: 'Build once more with --no-cache: it is built again then.',
    });
  const path = join(directory, `${sha256.slice(0, 16)}-${filename}`);
  if (await saveChecked(path, stream as AsyncIterable<Uint8Array>, sha256)) return path;
  throw new LayerwrightError(`${filename} of ${repository.name} is not what was built`, {
    code: 'WHEEL_HASH_MISMATCH',
    exit: EXIT.failed,
  });
}
