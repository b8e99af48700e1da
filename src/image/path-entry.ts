/** One path of a layer or of an image's file system. */
export interface PathEntry {
  /** Without a leading or trailing slash, parts divided by `/`: `usr/local/bin/python3`. `''` is the root directory. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';
  /** Permission bits with set-user-ID, set-group-ID and sticky: at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 unless it is a file. */
  readonly size: number;
  /** Where a symbolic link leads, as written; for a hard link the path (as in `path`) of the file; else `''`. */
  readonly link: string;
}
