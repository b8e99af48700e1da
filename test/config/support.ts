import { type ConfigFile, parseConfig } from '../../src/config/file.ts';
import { resolveConfiguration, type Sources } from '../../src/config/resolve.ts';
import { nameOf, originText } from '../../src/config/setting.ts';
import { LayerwrightError } from '../../src/errors.ts';

/** The settings of a file's text as `name=value`, in the order of the file. */
export async function settingsOf(text: string): Promise<string[]> {
  const settings = await parseConfig(text, 'layerwright.yml');
  return settings.map((setting) => `${nameOf(setting)}=${JSON.stringify(setting.value)}`);
}

/** What is wrong with a file's text: the lines of the message. */
export async function problemsOf(text: string): Promise<string[]> {
  try {
    await parseConfig(text, 'layerwright.yml');
  } catch (error) {
    if (error instanceof LayerwrightError && error.code === 'CONFIG_INVALID' && error.exit === 2)
      return error.message.split('\n').map((line) => line.trim());
    throw error;
  }
  return [];
}

/** What comes out, as `name=value <- origin`. */
export async function resolvedFrom(
  sources: Partial<Omit<Sources, 'file'>> & { file?: string },
): Promise<string[]> {
  const { file, ...others } = sources;
  const configuration = resolveConfiguration({
    flags: {},
    env: {},
    trusted: true,
    ...others,
    file: file === undefined ? undefined : await fileOf(file),
  });
  return configuration.settings
    .filter(({ origin }) => origin.from !== 'default')
    .map((one) => `${nameOf(one)}=${JSON.stringify(one.value)} <- ${originText(one.origin)}`);
}

export async function fileOf(text: string): Promise<ConfigFile> {
  return { path: '/project/layerwright.yml', settings: await parseConfig(text, 'layerwright.yml') };
}
