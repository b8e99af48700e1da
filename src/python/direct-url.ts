import type { InstallerTool } from './installer.ts';

/** A wheel that was named by its address. */
export interface AddressedFile {
  /** Without a fragment. */
  readonly url: string;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Whether the address named the hash. */
  readonly isNamed: boolean;
}

/**
 * The text of `direct_url.json` (PEP 610) for a wheel at an address (`https:`, of a file `file:`), as its installer writes it: what is said of the hash differs
 * between versions of pip (measured with 20.3 to 26.3).
 *
 * @param pip its version; nothing for uv
 * @returns undefined where that is not surely known
 */
export function directUrlText(
  tool: InstallerTool,
  pip: string | undefined,
  { url, sha256, isNamed }: AddressedFile,
): string | undefined {
  // pip quotes an address anew: these parts stay what they are.
  if (!/^(?:https:\/\/[a-z0-9.-]+(?::\d+)?|file:\/\/)(?:\/(?:[\w.~-]|%2B)+)+$/.test(url)) return undefined;
  const isFile = url.startsWith('file:');
  if (tool === 'uv' && !isFile) return JSON.stringify({ url, archive_info: {} });
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(pip ?? '') ?? [];
  const version = Number(major) * 100 + Number(minor);
  // Between them the hash is said in one form and another.
  const isKnown = (version >= 2003 && version < 2300) || version > 2300;
  if (tool !== 'pip' || !isKnown) return undefined;
  return `{"archive_info": {${hashText(version, sha256, isNamed)}}, "url": "${url}"}`;
}

function hashText(version: number, sha256: string, isNamed: boolean): string {
  const hash = `"hash": "sha256=${sha256}"`;
  if (version < 2300) return isNamed ? hash : '';
  return `${hash}, "hashes": {"sha256": "${sha256}"}`;
}
