import { sizeOfFile } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { fetchAddressed, fetchWheel } from '../../lock/fetch-wheel.ts';
import type { IndexCredential } from '../../lock/index-url.ts';
import type { LockedWheel } from '../../python/lock.ts';

/** The wheels of a run on disk, each fetched once. */
export interface WheelStore {
  /** The path of a wheel, its hash checked. */
  readonly fetch: (wheel: LockedWheel) => Promise<string>;
  /** What later fetches may show to the origins of indexes. */
  readonly trust: (credentials: readonly IndexCredential[]) => void;
  /** Bytes that were downloaded. */
  readonly bytes: () => number;
}

/** A store that finds wheels by their addresses alone, too. */
export interface AddressStore extends WheelStore {
  /** The wheel at an address, which is fetched for its hash if that is not known. */
  readonly locate: (wheel: AddressedWheel) => Promise<LockedWheel>;
}

/** A wheel as far as its address tells it. */
interface AddressedWheel extends Pick<LockedWheel, 'url' | 'filename'> {
  /** 64 hex digits, where they are known. */
  readonly sha256: string | undefined;
}

/** @param directory where they are kept while the run lasts */
export function wheelStore(host: Host, directory: string): AddressStore {
  const wheels = new Map<string, Promise<string>>();
  const credentials: IndexCredential[] = [];
  let bytes = 0;
  const located = new Map<string, Promise<LockedWheel>>();
  const locate = async ({ url, filename }: AddressedWheel): Promise<LockedWheel> => {
    const { path, wheel } = await fetchAddressed(host, { url, filename }, directory);
    bytes += wheel.size as number;
    wheels.set(wheel.sha256, Promise.resolve(path));
    return wheel;
  };
  return {
    async locate(wheel) {
      const { url, filename, sha256 } = wheel;
      if (sha256 !== undefined) return { url, filename, sha256, size: undefined };
      const known = located.get(url) ?? locate(wheel);
      located.set(url, known);
      return await known;
    },
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
