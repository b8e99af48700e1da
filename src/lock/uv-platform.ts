import type { PythonFacts } from '../python/facts.ts';
import { MACHINES } from '../python/markers.ts';

/** The versions of glibc that uv has a platform for (`--python-platform` of uv 0.13). */
const GLIBC = [17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40];

/**
 * What uv calls the platform of an image; the newest that it knows below the image's glibc, so that no wheel is taken
 * that does not run there.
 */
export function uvPlatform(facts: Pick<PythonFacts, 'libc' | 'architecture'>): string | undefined {
  const machine = MACHINES[facts.architecture];
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(facts.libc.version) ?? [];
  if (machine === undefined || major === undefined) return undefined;
  // uv's platform for musl takes wheels for musl up to 1.2.
  if (facts.libc.kind === 'musl')
    return major === '1' && Number(minor) >= 2 ? `${machine}-unknown-linux-musl` : undefined;
  const known = GLIBC.findLast((one) => major === '2' && one <= Number(minor));
  return known === undefined ? undefined : `${machine}-manylinux_2_${known}`;
}
