/** Seconds since 1970: as of all files of dependency layers. */
const TIME = { secs_since_epoch: 315_532_800, nanos_since_epoch: 0 };

/**
 * The text of a `uv_cache.json` as it is laid out: uv writes into it when files of the project changed last, and numbers of its
 * directories in the file system (inodes), by which it knows later whether it has to install again. Neither is the same in any two
 * builds, nor outlives a layer; the rest (commits, tags, variables) stays.
 *
 * @returns undefined if it is no such text
 */
export function pinnedUvCacheInfo(text: string): string | undefined {
  try {
    const info: unknown = JSON.parse(text);
    return isRecord(info) ? JSON.stringify(pinned(info)) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function pinned(info: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { timestamp, directories } = info;
  return {
    ...info,
    ...(isTime(timestamp) && { timestamp: TIME }),
    ...(isRecord(directories) && {
      directories: Object.fromEntries(
        Object.entries(directories).map(([name, value]) => [name, pinnedDirectory(value)]),
      ),
    }),
  };
}

function pinnedDirectory(value: unknown): unknown {
  if (typeof value === 'number') return 0;
  return isTime(value) ? TIME : value;
}

function isTime(value: unknown): boolean {
  return isRecord(value) && typeof value.secs_since_epoch === 'number';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
