import { sizeOfFile } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { fetchWheel } from '../lock/fetch-wheel.ts';
import type { IndexCredential } from '../lock/index-url.ts';
import type { LockedWheel } from '../python/lock.ts';

/** The wheels of a run on disk, each fetched once. */
export interface WheelStore {
  /** The path of a wheel, its hash checked. */
  readonly fetch: (wheel: LockedWheel) => Promise<string>;
  /** What later fetches may show to the origins of indexes. */
  readonly trust: (credentials: readonly IndexCredential[]) => void;
  /** Bytes that were downloaded. */
  readonly bytes: () => number;
}

/** @param directory where they are kept while the run lasts */
export function wheelStore(host: Host, directory: string): WheelStore {
  const wheels = new Map<string, Promise<string>>();
  const credentials: IndexCredential[] = [];
  let bytes = 0;
  return {
    fetch(wheel) {
      const known = wheels.get(wheel.sha256);
      if (known) return known;
      const fetched = fetchWheel(host, wheel, directory, credentials).then(async (path) => {
        bytes += await sizeOfFile(path);
        return path;
      });
      wheels.set(wheel.sha256, fetched);
      return fetched;
    },
    trust: (more) => void credentials.push(...more),
    bytes: () => bytes,
  };
}
