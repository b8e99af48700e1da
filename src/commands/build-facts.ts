import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { type SourceContext, sourceContext } from '../ci/context.ts';
import { expandTag } from '../ci/tags.ts';
import {
  type Dockerfile,
  isStandardSyntax,
  parseDockerfile,
  syntaxOf,
  targetStage,
} from '../dockerfile/parse.ts';
import { usageError } from '../errors.ts';
import { kindOf } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import type { BuildFacts } from '../plan/build-plan.ts';
import type { BuildRequest } from './build-request.ts';

/** Facts, and what was found on the way. */
export interface GatheredFacts extends BuildFacts {
  readonly source: SourceContext;
  /** `-f` for buildx; undefined for its own default. */
  readonly file: string | undefined;
}

/**
 * Reads everything that planning needs and that can be known without a builder or registry.
 *
 * @throws LayerwrightError `NO_CONTEXT`, `NO_DOCKERFILE` (2), those of the Dockerfile (1), of tags and references (2)
 */
export async function gatherBuildFacts(host: Host, request: BuildRequest): Promise<GatheredFacts> {
  const local = !isRemote(request.context);
  if (local) await requireContext(host, request.context);
  const file = local ? await findDockerfile(host, request) : request.file;
  const dockerfile =
    local && file !== undefined && file !== '-'
      ? await readDockerfile(host, file, request.fileName)
      : undefined;
  const source = await sourceContext(host, local ? resolve(host.cwd, request.context) : host.cwd);
  return {
    dockerfile,
    target: dockerfile && targetStage(dockerfile, request.wishes.targetName),
    tags: request.tags.map((tag) => parseTag(expandTag(tag, source, host.clock.now()))),
    source,
    file,
  };
}

/** A context that buildx fetches or reads itself: a git or HTTP URL, or standard input. */
export function isRemote(context: string): boolean {
  return context === '-' || /^(?:https?|git|ssh):\/\/|^git@|^github\.com\//.test(context);
}

function parseTag(tag: string) {
  const reference = parseReference(tag);
  if (reference.digest !== undefined)
    throw usageError(
      'BAD_REFERENCE',
      `"${tag}": an image cannot be named by digest before it is built`,
      'Use a tag: name:tag.',
    );
  return reference;
}

async function requireContext(host: Host, context: string): Promise<void> {
  const path = resolve(host.cwd, context);
  const kind = await kindOf(path);
  if (kind === 'directory') return;
  throw usageError(
    'NO_CONTEXT',
    kind === undefined ? `no build context at ${path}` : `the build context ${path} is no directory`,
    'Give the directory that COPY reads from, e.g. layerwright build -t NAME .',
  );
}

async function findDockerfile(host: Host, request: BuildRequest): Promise<string> {
  if (request.file === '-') return '-';
  const context = resolve(host.cwd, request.context);
  const candidates =
    request.file === undefined
      ? [join(context, 'Dockerfile'), join(context, 'dockerfile')]
      : [resolve(host.cwd, request.file)];
  for (const candidate of candidates) if ((await kindOf(candidate)) === 'file') return candidate;
  const wanted = candidates[0] as string;
  const others = (await readdir(context)).filter((name) => /dockerfile|containerfile/i.test(name)).sort();
  throw usageError(
    'NO_DOCKERFILE',
    `no Dockerfile at ${wanted}`,
    others.length > 0
      ? `There is ${others.join(', ')}: name it with -f ${relative(host.cwd, join(context, others[0] as string))}`
      : 'Write one, or name it with -f.',
  );
}

async function readDockerfile(
  host: Host,
  file: string,
  name: string | undefined,
): Promise<Dockerfile | undefined> {
  const text = await readFile(file, 'utf8');
  // A frontend of somebody else may read another language than ours: BuildKit alone decides then.
  if (!isStandardSyntax(syntaxOf(text))) return undefined;
  const shown = relative(host.cwd, file);
  return parseDockerfile(text, name ?? (shown.startsWith('..') ? file : shown));
}
