import { posix } from 'node:path';
import { variableLogin, withLogin } from './netrc.ts';
import type { LockedInstall, NotRecognised } from './recognise.ts';
import type { ShellState } from './recognise-state.ts';
import { allValues, type GivenOption, lastValue } from './tool-options.ts';

/** The directory in which a command works: uv goes to `--directory` first of all. */
export function uvDirectory(given: readonly GivenOption[], { cwd }: ShellState): string {
  return posix.resolve(cwd, lastValue(given, '--directory') ?? '.');
}

/** A Python as uv is told, in a form that can be compared with the image's; a reason for others. */
export function uvPython(
  given: readonly GivenOption[],
): { readonly python: string | undefined } | NotRecognised {
  const python = lastValue(given, '--python');
  if (
    python === undefined ||
    /^(?:\/[^/\s]+)+$|^(?:python|cpython-?|cpython@)?3(?:\.\d+){0,2}$|^python3?$/.test(python)
  )
    return { python: python?.replace(/^cpython[-@]?/, '') };
  return {
    reason: `uv is told to take the Python "${python}", which is not understood`,
    hint: "Name the image's own Python by its version or path, or leave --python out.",
  };
}

/** Of link modes only one leaves something else behind: links into the cache. */
export function refusedLinkMode(given: readonly GivenOption[]): NotRecognised | undefined {
  const mode = lastValue(given, '--link-mode');
  if (mode === undefined || /^(?:copy|hardlink|clone)$/.test(mode)) return undefined;
  return { reason: `uv's link mode ${mode}`, hint: 'Leave UV_LINK_MODE out, or set it to copy.' };
}

/** Logins that the image's keyring holds are not known. */
export function refusedKeyring(given: readonly GivenOption[]): NotRecognised | undefined {
  const provider = lastValue(given, '--keyring-provider');
  return provider === undefined || provider === 'disabled'
    ? undefined
    : {
        reason: 'uv takes logins from a keyring',
        hint: 'Give logins by UV_INDEX_NAME_USERNAME and _PASSWORD.',
      };
}

/** `NAME=URL` or a URL; the first one has the say, the default comes last. */
export function uvIndexes(given: readonly GivenOption[], env: ShellState['env']): LockedInstall['indexes'] {
  const plain = (text: string) => {
    const [, name, url = text] = /^([A-Za-z0-9_.-]+)=(.*)$/.exec(text) ?? [];
    const login = name === undefined ? undefined : variableLogin('UV_INDEX_', name, env);
    return login === undefined ? url : withLogin(url, login);
  };
  const first = allValues(given, '--index')
    .flatMap((text) => text.split(/\s+/))
    .map(plain);
  return {
    indexUrl:
      plain(lastValue(given, '--default-index') ?? lastValue(given, '--index-url') ?? '') || undefined,
    extraIndexUrls: [...first, ...allValues(given, '--extra-index-url')],
    trustedHosts: allValues(given, '--allow-insecure-host'),
  };
}

/** Words that `uv build` takes as well. */
export function uvBuildOptions(given: readonly GivenOption[]): readonly string[] {
  return given.flatMap(({ name, value }) => {
    if (name === '--no-build-isolation') return [name];
    if (name === '--config-setting' || name === '--build-constraints') return [`${name}=${value}`];
    return [];
  });
}
