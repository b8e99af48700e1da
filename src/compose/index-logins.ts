import { withNetrcLogin } from '../python/netrc.ts';
import type { PipOptions } from '../python/pip-options.ts';

/** Options whose indexes have the logins of a netrc file. */
export function withLogins<T extends Pick<PipOptions, 'indexUrl' | 'extraIndexUrls'>>(
  options: T,
  netrc: string | undefined,
): T {
  if (netrc === undefined) return options;
  const { indexUrl, extraIndexUrls } = options;
  return {
    ...options,
    indexUrl: indexUrl === undefined ? undefined : withNetrcLogin(indexUrl, netrc),
    extraIndexUrls: extraIndexUrls.map((url) => withNetrcLogin(url, netrc)),
  };
}
