import { parse } from 'smol-toml';
import type { Applicable } from '../../lock/applicable.ts';
import { chooseWheel } from '../../lock/choose-wheel.ts';
import { withoutCredentials } from '../../lock/index-url.ts';
import type { NotLocked } from '../../lock/lock-input.ts';
import type { LockedDistribution, LockedWheel } from '../../python/lock.ts';
import { normaliseName } from '../../python/names.ts';

interface PipItem {
  readonly download_info?: {
    readonly url?: unknown;
    readonly archive_info?: { readonly hash?: unknown; readonly hashes?: { readonly sha256?: unknown } };
  };
  readonly is_direct?: unknown;
  readonly requested?: unknown;
  readonly metadata?: { readonly name?: unknown; readonly version?: unknown };
}

/** What pip would install (https://pip.pypa.io/en/stable/reference/installation-report/). */
export function parsePipReport(text: string): readonly LockedDistribution[] | NotLocked {
  const { install = [] } = JSON.parse(text) as { readonly install?: readonly PipItem[] };
  const found: LockedDistribution[] = [];
  for (const { download_info, is_direct, requested, metadata } of install) {
    const { name, version } = metadata ?? {};
    if (typeof name !== 'string' || typeof version !== 'string')
      return { reason: 'pip wrote a report that is not understood' };
    if (is_direct !== false) return { reason: `${name} comes from an address of its own` };
    const hash = download_info?.archive_info?.hash;
    const file = fileOf(download_info?.url, [
      download_info?.archive_info?.hashes?.sha256,
      typeof hash === 'string' ? hash.replace(/^sha256=/, '') : undefined,
    ]);
    if (file === undefined) return { reason: `the index gives no SHA-256 or address for ${name}` };
    found.push(distributionOf({ name, version, requested: requested === true }, file));
  }
  return found;
}

interface TomlFile {
  readonly name?: unknown;
  readonly url?: unknown;
  readonly size?: unknown;
  readonly hashes?: { readonly sha256?: unknown };
}

interface TomlPackage {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly wheels?: readonly TomlFile[];
  readonly sdist?: TomlFile;
}

/** A pylock.toml of uv for one environment, source distributions taken where no wheel fits. */
export function parseUvLock(text: string, applying: Applicable): readonly LockedDistribution[] | NotLocked {
  const document = parse(text) as { readonly packages?: readonly TomlPackage[] };
  const found: LockedDistribution[] = [];
  for (const { name, version, wheels = [], sdist } of document.packages ?? []) {
    if (typeof name !== 'string') return { reason: 'uv wrote a lock that is not understood' };
    if (typeof version !== 'string') return { reason: `${name} comes from an address of its own` };
    const files = wheels.map((one) => fileOf(one.url, [one.hashes?.sha256], one.size));
    const known = files.filter((one) => one !== undefined);
    if (known.length < files.length) return { reason: `the index gives no SHA-256 or address for ${name}` };
    const choice = chooseWheel(normaliseName(name), known, applying);
    const source = fileOf(sdist?.url, [sdist?.hashes?.sha256], sdist?.size);
    const wheel = 'reason' in choice ? undefined : choice.wheel;
    const file = wheel ?? source;
    if (file === undefined)
      return 'reason' in choice ? choice : { reason: `there is nothing to install of ${name} ${version}` };
    found.push(distributionOf({ name, version, requested: applying.named.has(normaliseName(name)) }, file));
  }
  return found;
}

function distributionOf(
  {
    name,
    version,
    requested,
  }: { readonly name: string; readonly version: string; readonly requested: boolean },
  file: LockedWheel,
): LockedDistribution {
  const { url, sha256, filename } = file;
  const known = { name: normaliseName(name), version, requested };
  if (filename.endsWith('.whl')) return { ...known, wheel: file };
  return { ...known, wheel: undefined, source: { kind: 'archive', url, sha256, subdirectory: undefined } };
}

function fileOf(url: unknown, hashes: readonly unknown[], size?: unknown): LockedWheel | undefined {
  const sha256 = hashes.find((one): one is string => typeof one === 'string' && /^[0-9a-f]{64}$/.test(one));
  if (typeof url !== 'string' || sha256 === undefined || !URL.canParse(url)) return undefined;
  const address = withoutCredentials(new URL(url));
  if (!/^https?:$/.test(address.protocol)) return undefined;
  const filename = decodeURIComponent(address.pathname.split('/').at(-1) as string);
  return { url: address.href, filename, sha256, size: typeof size === 'number' ? size : undefined };
}
