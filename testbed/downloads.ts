import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath, readTextIfThere } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { type Bed, inBed } from './bed.ts';
import { provisionBrowsers } from './browsers.ts';
import { ownFile } from './kept.ts';
import { respondsWith, startServer } from './service.ts';

/** One answered request, as the server writes it down. */
export interface Download {
  /** `page` and `file` of the package index, or `browser`. */
  readonly kind: 'page' | 'file' | 'browser';
  /** Distribution or file name. */
  readonly name: string;
  readonly status: number;
  readonly bytes: number;
}

/**
 * Starts a server that stands between a build and what it downloads: Playwright's browsers, and the package index
 * (passed on to the machine's own, or PyPI). It writes down each request.
 */
export async function startDownloads(bed: Bed): Promise<void> {
  const archives = await provisionBrowsers(bed);
  const index = await packageIndex(bed.host);
  await bed.steps.step('Starting the download server', async () => {
    await mkdir(inBed(bed, 'downloads'), { recursive: true });
    const log = inBed(bed, 'downloads', 'requests.jsonl');
    const port = await startServer(
      bed,
      async (candidate) => ({
        name: 'downloads',
        command: [
          process.execPath,
          '--use-system-ca',
          ownFile('downloads-server.ts'),
          String(candidate),
          archives,
          log,
        ],
        // The index may have a login in its URL, which has no place in a command line.
        env: { UPSTREAM_INDEX: index },
      }),
      (candidate) => respondsWith(bed, `http://127.0.0.1:${candidate}/`, [200]),
    );
    await bed.state.change(({ env }) => ({
      env: {
        ...env,
        LW_BROWSER_HOST: `http://127.0.0.1:${port}/browsers`,
        LW_PACKAGE_INDEX: `http://127.0.0.1:${port}/simple`,
      },
    }));
  });
}

/** Everything that was asked of the download server of the testbed in a directory, in order. */
export async function downloadsOf(dir: string): Promise<readonly Download[]> {
  const text = (await readTextIfThere(join(dir, 'downloads', 'requests.jsonl'))) ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Download);
}

/** The index that this machine's pip uses. */
async function packageIndex(host: Host): Promise<string> {
  const fallback = 'https://pypi.org/simple';
  if (host.env.PIP_INDEX_URL) return host.env.PIP_INDEX_URL;
  if ((await findOnPath('python3', host.env)) === undefined) return fallback;
  const result = await host.run(['python3', '-m', 'pip', 'config', 'get', 'global.index-url'], {
    env: host.env,
    signal: host.signal,
  });
  return result.exitCode === 0 && result.stdout.trim() !== '' ? result.stdout.trim() : fallback;
}
