import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Context } from '../../src/context/context.ts';
import { writeCopyLayer } from '../../src/context/copy-layer.ts';
import { planCopy } from '../../src/context/plan-copy.ts';
import { readContext } from '../../src/context/read.ts';
import { planWorkdir } from '../../src/context/workdir.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { emptyIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { testHost } from '../support/host.ts';
import { BASE, type Case, CONTEXT } from './copy-cases.ts';
import { over, type Seen, seenInTar, tarOf, writeTree } from './trees.ts';

/** A context on disk with a base image in it, and room for layers and builds. */
export interface Workshop extends AsyncDisposable {
  readonly path: string;
  readonly context: Context;
}

/** Writes the context of all cases. */
export async function openWorkshop(): Promise<Workshop> {
  const scratch = await temporaryDirectory('lw-copy-');
  for (const name of ['context', 'layers']) await mkdir(join(scratch.path, name));
  const directory = join(scratch.path, 'context');
  await writeTree(directory, CONTEXT);
  await writeFile(join(directory, 'base.tar'), tarOf(BASE));
  await chmod(join(directory, 'base.tar'), 0o644);
  const context = await readContext(testHost(), directory, { dockerfile: undefined });
  return { ...scratch, context };
}

const lower = withLayer(
  emptyIndex(),
  BASE.map(({ entry }) => entry),
);

/** What our layers of `WORKDIR` and `COPY` make of the base image, or why they are not ours to make. */
export async function composed(
  { path, context }: Workshop,
  { request, user }: Case,
): Promise<{ readonly reason: string } | { readonly seen: Map<string, Seen> }> {
  const workdir = planWorkdir(request.workdir, lower, user === undefined ? undefined : ownerOf(user));
  if (workdir.reason !== undefined) return { reason: workdir.reason };
  try {
    const plan = await planCopy(
      { ...request, place: 'Dockerfile:7' },
      context,
      withLayer(lower, workdir.entries),
    );
    if (plan.reason !== undefined) return { reason: plan.reason };
    const layer = await writeCopyLayer(plan, {
      ...{ directory: join(path, 'layers'), compression: 'zstd', mtime: 1_600_000_000 },
    });
    assert.deepEqual(
      layer.entries,
      plan.entries.map(({ entry }) => entry),
    );
    const start = over(seenInTar(tarOf(BASE)), seenInTar(tarOf(workdir.entries.map((entry) => ({ entry })))));
    return { seen: over(start, seenInTar(zstdDecompressSync(await readFile(layer.file)))) };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

function ownerOf(user: string): { uid: number; gid: number } {
  // A number alone is the group's too.
  const [uid = 0, gid = uid] = user.split(':').map(Number);
  return { uid, gid };
}

/** One stage a case that is not refused, and one that collects them all. */
export function dockerfileOf(cases: readonly Case[]): string {
  const wanted = [...cases.entries()].filter(([, one]) => one.refused === undefined);
  return [
    'FROM scratch AS unpacked',
    'ADD base.tar /',
    ...wanted.flatMap(([number, one]) => [
      `FROM unpacked AS stage${number}`,
      ...(one.user === undefined ? [] : [`USER ${one.user}`]),
      `WORKDIR ${one.request.workdir}`,
      instructionOf(one.request),
    ]),
    'FROM scratch',
    ...wanted.map(([number]) => `COPY --from=stage${number} / /case${number}/`),
  ].join('\n');
}

/** The instruction as it stands in a Dockerfile. */
export function instructionOf(request: Case['request']): string {
  const { keyword, sources, heredocs, destination, chown, chmod, link, parents, excludes } = request;
  const flags = [
    ...(chown === undefined ? [] : [`--chown=${chown.uid}:${chown.gid}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
    ...(link ? ['--link'] : []),
    ...(parents ? ['--parents'] : []),
    ...excludes.map((pattern) => `--exclude=${pattern}`),
  ];
  if (heredocs.length === 0) return [keyword, ...flags, JSON.stringify([...sources, destination])].join(' ');
  return [
    [keyword, ...flags, ...sources, ...heredocs.map(({ path }) => `<<${path}`), destination].join(' '),
    ...heredocs.map(({ path, content }) => `${content}${path}`),
    '',
  ].join('\n');
}
