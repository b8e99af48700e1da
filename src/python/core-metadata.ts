import { parseHeaders } from './wheel-metadata.ts';

/** What of a distribution's METADATA decides a resolution. */
export interface CoreMetadata {
  readonly name: string;
  readonly version: string;
  /** Requires-Dist lines, on one line each. */
  readonly requiresDist: readonly string[];
  readonly requiresPython: string | undefined;
}

/** Parses METADATA (https://packaging.python.org/en/latest/specifications/core-metadata/); undefined if name or version is missing. */
export function parseCoreMetadata(text: string): CoreMetadata | undefined {
  const headers = parseHeaders(text);
  const [name] = headers.get('name') ?? [];
  const [version] = headers.get('version') ?? [];
  if (!name || !version) return undefined;
  return {
    ...{ name: name.trim(), version: version.trim() },
    requiresDist: (headers.get('requires-dist') ?? []).map((line) =>
      line.replaceAll(/\s*\n\s*/g, ' ').trim(),
    ),
    requiresPython: headers.get('requires-python')?.[0]?.trim(),
  };
}
