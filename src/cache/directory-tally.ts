/** What has been moved so far. */
export interface Tally {
  bytesUploaded: number;
  bytesDownloaded: number;
  files: number;
  skipped: number;
}

export function newTally(): Tally {
  return { bytesUploaded: 0, bytesDownloaded: 0, files: 0, skipped: 0 };
}

/** Adds what was read from a store. */
export function downloadsInto(tally: Tally): (bytes: number) => void {
  return (bytes) => {
    tally.bytesDownloaded += bytes;
  };
}
