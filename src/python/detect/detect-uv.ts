import { contentOf, type DetectedImage, variableOf } from './detect-files.ts';

/** Settings that say whom uv believes, and nothing of what it installs. */
const HARMLESS = /^(?:#.*|(?:native-tls|system-certs)\s*=\s*(?:true|false)\s*(?:#.*)?)?$/;

/**
 * Configuration files of uv that are in an image and may change what it does, absolute: the user's and the machine's
 * (https://docs.astral.sh/uv/concepts/configuration-files/). Those of a project are not looked at here.
 *
 * @param home the user's home directory
 */
export function uvConfigurations(image: DetectedImage, home: string): readonly string[] {
  const variable = (name: string, fallback: string) => variableOf(image.env, name) || fallback;
  const directories = [
    variable('XDG_CONFIG_HOME', `${home === '/' ? '' : home}/.config`),
    ...variable('XDG_CONFIG_DIRS', '/etc/xdg').split(':'),
    '/etc',
  ];
  return directories
    .filter((directory) => directory !== '')
    .map((directory) => `${directory}/uv/uv.toml`)
    .filter((path) => image.index.resolve(path).entry !== undefined && !isHarmless(image, path));
}

function isHarmless(image: DetectedImage, path: string): boolean {
  const lines = contentOf(image, path)?.split('\n');
  return lines?.every((line) => HARMLESS.test(line.trim())) ?? false;
}
