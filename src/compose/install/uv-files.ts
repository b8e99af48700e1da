import { refusedUvConfiguration, uvConfigurationFiles } from '../../python/recognise/uv-configuration.ts';
import { homeOf } from '../copy-step.ts';
import type { ImageState } from '../state.ts';
import { readImageFile } from './image-files.ts';
import type { InstallPlace, InstallWorld } from './installation.ts';

/** What uv is told where it runs. */
interface UvCall {
  readonly workdir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configured: boolean;
}

/**
 * Sees that no file of the image configures uv in a way that changes what it installs.
 *
 * @throws NotComposable
 */
export async function refuseUvFiles(
  world: InstallWorld,
  state: ImageState,
  { workdir, env, configured }: UvCall,
  command: 'sync' | 'pip',
  { binds, refuse }: InstallPlace,
): Promise<void> {
  if (!configured) return;
  for (const path of uvConfigurationFiles(workdir, env, homeOf(state.files, state.stage))) {
    const bytes = await readImageFile(world, state, binds, path);
    if (bytes === undefined) {
      if (state.files.index.resolve(path).entry !== undefined)
        throw refuse(`${path} of the image configures uv, and was not read`);
      continue;
    }
    const refused = refusedUvConfiguration(Buffer.from(bytes).toString('utf8'), path, command);
    if (refused !== undefined) throw refuse(refused.reason, refused.hint);
  }
}
