import { posix } from 'node:path';
import { parse, type TomlTable } from 'smol-toml';
import { contentFacts, hashBytes } from '../../context/content.ts';
import type { Context } from '../../context/context.ts';
import type { CopyContent } from '../../context/copy-tree.ts';
import type { KeyValue } from '../../plan/key.ts';
import { bytesOf } from '../copy-step.ts';
import type { ImageState } from '../state.ts';

/** Backends whose editable wheel of a project without hooks only names where its modules are: they read none of them. */
const NAMING = /^(?:hatchling\.build|uv_build|flit_core\.buildapi|poetry\.core\.masonry\.api)$/;

/** Settings with which a backend runs or reads something of the project all the same. */
const READING = /hooks|backend-path|\bbuild\s*=|tool\.poetry\.build|\bcmdclass\b/;

/**
 * What decides the editable wheel of a project, where that is less than all of its files: pyproject.toml and everything else but what
 * stands in its modules. They are looked up where they are when the program runs, so that a changed line makes no other wheel.
 *
 * @param path the project's directory in the image, absolute
 * @returns undefined if everything may count: another backend, a version that is read from a module, hooks
 */
export async function editableInputs(
  context: Context,
  { copied, files }: Pick<ImageState, 'copied' | 'files'>,
  path: string,
): Promise<KeyValue | undefined> {
  const root = path.replace(/^\/+|\/+$/g, '');
  const own = copied.get(`${root}/pyproject.toml`);
  if (own === undefined) return undefined;
  const text = Buffer.from(await bytesOf(context, own)).toString('utf8');
  if (!isNaming(text)) return undefined;
  const entries = [...copied].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const isModule = (one: string) =>
    one.startsWith(`${root}/`) && one.endsWith('.py') && !text.includes(posix.basename(one));
  const read = entries.filter(([one]) => !isModule(one));
  const hashes = await hashesOf(
    context,
    read.map(([, content]) => content),
  );
  return entries.map(([one, content]) => [
    one,
    files.index.get(one)?.mode,
    isModule(one) ? undefined : hashes.get(content),
  ]);
}

function isNaming(text: string): boolean {
  let toml: TomlTable;
  try {
    toml = parse(text);
  } catch {
    return false;
  }
  const { 'build-backend': backend } = (toml['build-system'] ?? {}) as { 'build-backend'?: unknown };
  const { dynamic = [] } = (toml.project ?? {}) as { dynamic?: unknown };
  const isStatic = toml.project !== undefined && Array.isArray(dynamic) && dynamic.length === 0;
  return typeof backend === 'string' && NAMING.test(backend) && isStatic && !READING.test(text);
}

async function hashesOf(
  context: Context,
  contents: readonly CopyContent[],
): Promise<ReadonlyMap<CopyContent, string>> {
  const entries = contents.flatMap((one) => (one.kind === 'context' ? [one.entry] : []));
  const facts = await contentFacts(context, entries);
  return new Map(
    contents.map((one) => [
      one,
      one.kind === 'bytes' ? hashBytes(one.bytes) : (facts.get(one.entry.path)?.sha256 ?? ''),
    ]),
  );
}
