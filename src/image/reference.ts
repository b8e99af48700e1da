import { usageError } from '../errors.ts';

/**
 * An image reference after the grammar of the OCI distribution specification and Docker's short names:
 * `[domain/]path[:tag][@digest]`.
 */
export interface Reference {
  /** Registry host with port, as written or `docker.io`. */
  readonly domain: string;
  /** Repository below the domain, e.g. `library/python`. */
  readonly path: string;
  readonly tag: string | undefined;
  /** `sha256:<64 hex digits>` or another registered algorithm. */
  readonly digest: string | undefined;
}

const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:\\[[0-9a-fA-F:]+\\]|${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*)(?::[0-9]+)?$`);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/**
 * Parses and normalises a reference (`python` becomes `docker.io/library/python`).
 *
 * @throws LayerwrightError `BAD_REFERENCE` (2) that names the part that is wrong
 */
export function parseReference(text: string): Reference {
  const refuse = (why: string, hint?: string) =>
    usageError('BAD_REFERENCE', `"${text}" is no image reference: ${why}`, hint);
  if (text === '') throw refuse('it is empty');
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(text))
    throw refuse(
      'it starts with a URL scheme',
      'Write the registry host without https://, e.g. registry.example.com/team/app:1.',
    );

  const [beforeDigest, digest, ...more] = text.split('@') as [string, ...string[]];
  if (more.length > 0) throw refuse('it has more than one @');
  if (digest !== undefined && !DIGEST.test(digest)) throw refuse(`"${digest}" is no digest`);

  const slash = beforeDigest.lastIndexOf('/');
  const colon = beforeDigest.lastIndexOf(':');
  const hasTag = colon > slash;
  const name = hasTag ? beforeDigest.slice(0, colon) : beforeDigest;
  const tag = hasTag ? beforeDigest.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag))
    throw refuse(
      tag === '' ? 'the tag after ":" is empty' : `the tag "${tag}" is not allowed`,
      'A tag has 1 to 128 of the characters A-Z a-z 0-9 _ . - and begins with a letter, digit or underscore.',
    );

  const [first = '', ...rest] = name.split('/');
  const hasDomain =
    rest.length > 0 && (/[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = hasDomain ? first : 'docker.io';
  if (hasDomain && !DOMAIN.test(domain)) throw refuse(`"${domain}" is no registry host`);
  const components = hasDomain ? rest : [first, ...rest];
  for (const component of components) {
    if (PATH_COMPONENT.test(component)) continue;
    throw refuse(
      component === ''
        ? 'it has an empty path component'
        : `"${component}" is not allowed in a repository name`,
      /[A-Z]/.test(component) ? `Repository names are lower case: ${text.toLowerCase()}` : undefined,
    );
  }
  const isHub = domain === 'docker.io' || domain === 'index.docker.io';
  const path = isHub && components.length === 1 ? `library/${components[0]}` : components.join('/');
  if (domain.length + 1 + path.length > 255)
    throw refuse('the repository name is longer than 255 characters');
  return { domain: isHub ? 'docker.io' : domain, path, tag, digest };
}

/** `domain/path`, without tag or digest. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The reference as text, complete: `domain/path[:tag][@digest]`. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${repositoryOf(reference)}${tag}${digest}`;
}
