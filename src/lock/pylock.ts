import { parse } from 'smol-toml';
import type { LockedWheel } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { withoutCredentials } from './index-url.ts';
import type { NotLocked } from './lock-input.ts';

/** One package of a pylock.toml with the wheels that uv thinks to fit. */
export interface PylockPackage {
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  readonly wheels: readonly LockedWheel[];
}

interface TomlPackage {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly wheels?: readonly TomlWheel[];
  readonly vcs?: unknown;
  readonly directory?: unknown;
  readonly archive?: unknown;
}

interface TomlWheel {
  readonly name?: unknown;
  readonly url?: unknown;
  readonly size?: unknown;
  readonly hashes?: Readonly<Record<string, unknown>>;
}

/** Reads what of a pylock.toml (version 1) is needed; markers are not: uv was asked for one environment. */
export function parsePylock(text: string): readonly PylockPackage[] | NotLocked {
  const document = parse(text) as { 'lock-version'?: unknown; packages?: readonly TomlPackage[] };
  if (!String(document['lock-version']).startsWith('1.'))
    return { reason: 'uv wrote a lock of another version' };
  const packages: PylockPackage[] = [];
  for (const one of document.packages ?? []) {
    if (typeof one.name !== 'string') return { reason: 'uv wrote a lock that is not understood' };
    if (typeof one.version !== 'string' || one.vcs || one.directory || one.archive)
      return { reason: `${one.name} comes from an address of its own` };
    const wheels = (one.wheels ?? []).map(wheelOf);
    if (wheels.some((wheel) => wheel === undefined))
      return { reason: `the index gives no SHA-256 or address for ${one.name}` };
    packages.push({ name: normaliseName(one.name), version: one.version, wheels: wheels as LockedWheel[] });
  }
  return packages;
}

function wheelOf({ name, url, size, hashes }: TomlWheel): LockedWheel | undefined {
  const sha256 = hashes?.sha256;
  if (typeof url !== 'string' || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
    return undefined;
  if (!URL.canParse(url)) return undefined;
  const address = withoutCredentials(new URL(url));
  const filename =
    typeof name === 'string' ? name : decodeURIComponent(address.pathname.split('/').at(-1) as string);
  return { url: address.href, filename, sha256, size: typeof size === 'number' ? size : undefined };
}
