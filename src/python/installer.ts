/** The programs that leave something of their own behind; pipenv's work is pip's. */
export type InstallerTool = 'pip' | 'uv' | 'poetry';

/** The program that installs, with its version where it leaves that behind (`Poetry 2.1.0`). */
export interface Installer {
  readonly tool: InstallerTool;
  /** `2.1.0`. */
  readonly version?: string;
}

/** The content of `INSTALLER`. */
export function installerText({ tool, version = '' }: Installer): string {
  return tool === 'pip' ? 'pip\n' : tool === 'uv' ? 'uv' : `Poetry ${version}`;
}

/** Whether `REQUESTED` is written: by uv for every distribution, by Poetry for none. */
export function writesRequested({ tool }: Installer, requested: boolean): boolean {
  return tool === 'uv' || (tool === 'pip' && requested);
}
