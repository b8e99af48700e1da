/**
 * SHA-256 of the pinned release files, by their path below the download base.
 * Written by `node scripts/pin-releases.ts`, which must run where github.com is reachable; a file without an
 * entry is only used if the operator vouches for it (`LAYERWRIGHT_DOWNLOAD_SHA256SUMS`).
 */
export const RELEASE_SHA256: Readonly<Record<string, string>> = {};
