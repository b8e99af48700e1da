import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { globalScope } from '../../src/dockerfile/arguments.ts';
import { stageGraph } from '../../src/dockerfile/graph.ts';
import { parseDockerfile } from '../../src/dockerfile/parse.ts';
import { run } from '../../src/host/exec.ts';
import { applyInstruction } from '../../src/image/config-apply.ts';
import {
  finalImage,
  type StageState,
  startFromImage,
  startFromScratch,
  startFromStage,
} from '../../src/image/config-start.ts';
import type { ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { projectOf, testbedVariable } from '../commands/launch.ts';
import { BASE, type Case, LEFT, SAME } from './config-corpus.ts';

const registry = testbedVariable('LW_REGISTRY');
const AMD64 = { os: 'linux', architecture: 'amd64' };
const FILES = { a: 'a', b: 'b', 'with space': 's', 'd/e1': '1', 'd/x.md': 'x' };

async function baseConfig(): Promise<ImageConfig> {
  const fetched = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${registry}/v2/library/python/${path}`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
    assert.equal(response.status, 200, path);
    return await response.json();
  };
  const { config } = (await fetched('manifests/3.11-slim')) as ImageManifest;
  return (await fetched(`blobs/${config.digest}`)) as ImageConfig;
}

/** BuildKit's configuration; a text is its error. */
async function builtConfig(one: Case): Promise<ImageConfig | string> {
  await using project = await projectOf({ ...FILES, Dockerfile: one.dockerfile, '.dockerignore': 'out\n' });
  const out = join(project.path, 'out');
  const options = [
    ...Object.entries(one.arguments ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...Object.entries(one.labels ?? {}).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...(one.target === undefined ? [] : ['--target', one.target]),
    ...(one.platform ? ['--platform', `${one.platform.os}/${one.platform.architecture}`] : []),
  ];
  const result = await run([
    ...['buildx', 'build', '--provenance=false', '--output', `type=oci,tar=false,dest=${out}`],
    ...[...options, project.path],
  ]);
  if (result.exitCode !== 0) return result.stderr;
  const json = async (path: string) => JSON.parse(await readFile(join(out, path), 'utf8'));
  const blob = (digest: string) => json(join('blobs', digest.replace(':', '/')));
  const index = await json('index.json');
  const manifest = await blob(index.manifests[0].digest);
  return await blob(manifest.config.digest);
}

/** Our configuration; a text says why it is left to BuildKit. */
function ourConfig(one: Case, base: ImageConfig): ImageConfig | string {
  const dockerfile = parseDockerfile(one.dockerfile, 'Dockerfile');
  const options = {
    buildArguments: new Map(Object.entries(one.arguments ?? {})),
    targetPlatform: one.platform ?? AMD64,
    buildPlatform: AMD64,
    target: one.target,
  };
  const graph = stageGraph(dockerfile, one.target, options);
  if (graph.reasons[0]) return graph.reasons[0].text;
  const global = globalScope(dockerfile, options);
  let state: StageState | undefined;
  for (const { base: from, instructions } of graph.ancestry) {
    if (from.kind === 'image' && from.reference !== BASE) return `${from.reference} is not a stage`;
    const started =
      state !== undefined
        ? startFromStage(state)
        : from.kind === 'scratch'
          ? startFromScratch(dockerfile, global, options.targetPlatform)
          : startFromImage(dockerfile, global, base);
    if (started.state === undefined) return started.reason;
    state = started.state;
    for (const instruction of instructions) {
      const applied = applyInstruction(state, instruction);
      if (applied.state === undefined) return applied.reason;
      state = applied.state;
    }
  }
  return finalImage(state as StageState, one);
}

/** Without times and layers; a history that is null is one without lines. */
function comparable({ history, created: _created, rootfs: _rootfs, ...image }: ImageConfig) {
  return { ...image, history: (history ?? []).map(({ created: _at, ...entry }) => entry) };
}

const base = await baseConfig();

for (const [name, one] of Object.entries(SAME))
  test(`the configuration and history are BuildKit's: ${name}`, async () => {
    const full = typeof one === 'string' ? { dockerfile: one } : one;
    const theirs = await builtConfig(full);
    assert.ok(typeof theirs !== 'string', String(theirs));
    const ours = ourConfig(full, base);
    assert.ok(typeof ours !== 'string', String(ours));
    assert.deepEqual(comparable(ours), comparable(theirs));
    const layers = (theirs.history ?? []).filter((entry) => entry.empty_layer !== true).length;
    assert.equal(
      layers,
      theirs.rootfs.diff_ids?.length ?? 0,
      'each history line without empty_layer has a layer',
    );
  });

for (const { dockerfile, reason, refused } of LEFT)
  test(`left to BuildKit: ${JSON.stringify(dockerfile)}`, async () => {
    const ours = ourConfig({ dockerfile }, base);
    assert.equal(typeof ours, 'string');
    assert.match(String(ours), reason);
    const theirs = await builtConfig({ dockerfile });
    if (refused) assert.match(String(theirs), refused);
    else assert.equal(typeof theirs, 'object', String(theirs));
  });
