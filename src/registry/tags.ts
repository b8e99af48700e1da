import type { Host } from '../host/host.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../host/http.ts';
import { jsonAnswer, unexpectedAnswer } from './answers.ts';
import { registryConnection } from './connection.ts';

/** Most that are asked for at a time: ECR's limit. */
const PAGE = 1000;
/** A registry that always names another page ends here. */
const MOST_PAGES = 10_000;

/**
 * All tags of a repository, in the registry's order.
 *
 * @param domain the registry's host
 * @param path the repository below it
 * @throws LayerwrightError `REPOSITORY_UNKNOWN` (2) if the registry does not have the repository, and what a
 *   `RegistryConnection` throws
 */
export async function listTags(
  host: Host,
  domain: string,
  path: string,
  policy: RetryPolicy = DEFAULT_RETRY,
): Promise<readonly string[]> {
  const connection = registryConnection(host, domain, policy);
  const tags: string[] = [];
  let next: string | undefined = `${path}/tags/list?n=${PAGE}`;
  for (let page = 0; next !== undefined; page++) {
    if (page === MOST_PAGES) throw unexpectedAnswer(`${domain}/${path}: the list of tags has no end`);
    const request = { method: 'GET', repository: path, action: 'pull', path: next, expected: [200] } as const;
    const response = await connection.ask(request);
    tags.push(...tagsIn(await response.text(), `${domain}/${path}`));
    next = nextPage(response.headers.get('link'));
  }
  return tags;
}

function tagsIn(text: string, place: string): readonly string[] {
  const wrong = `${place}: the registry answers with something that is no list of tags`;
  const { tags = null } = (jsonAnswer(text, wrong) ?? {}) as { tags?: unknown };
  // A repository without tags has null there.
  if (tags === null) return [];
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  throw unexpectedAnswer(wrong);
}

/** `<URL>; rel="next"` (RFC 5988), where the URL may be relative. */
function nextPage(link: string | null): string | undefined {
  return /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(link ?? '')?.[1];
}
