import assert from 'node:assert/strict';
import { chmod, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { prefixKey, prefixPoint } from '../../../src/compose/keep/prefix.ts';
import { solveRequest } from '../../../src/compose/solve/solve-request.ts';
import { stateOf } from '../../../src/compose/solve/stage-states.ts';
import { type GivenImage, type ImageState, NotComposable } from '../../../src/compose/state.ts';
import type { ComposeRequest } from '../../../src/compose/walk.ts';
import { readContext } from '../../../src/context/read.ts';
import type { ContainerConfig } from '../../../src/image/oci.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { projectOf } from '../../commands/launch.ts';
import { testHost } from '../../support/host.ts';
import { configOf, readStage } from '../stages.ts';

/** A build, as far as it decides what a segment comes to. */
interface Build {
  readonly text: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Changes the context before it is read. */
  readonly prepare?: (directory: string) => Promise<unknown>;
  readonly arguments?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly config?: ContainerConfig;
  /** Of the base's layer, one hex digit. */
  readonly layer?: string;
  /** Digests of images by their reference. */
  readonly images?: Readonly<Record<string, string>>;
  readonly compression?: 'zstd' | 'gzip';
}

const FILES = { 'a.txt': 'a', 'lib/b.txt': 'b', 'lib/c.txt': 'c', Dockerfile: '' };

async function setUp(build: Build) {
  const { dockerfile, graph, node } = readStage(build.text, build.arguments);
  const project = await projectOf({ ...FILES, ...build.files });
  await build.prepare?.(project.path);
  const started = readStage(build.text, build.arguments).states[0] as ImageState['stage'];
  const config = configOf(build.config);
  const diffId = `sha256:${(build.layer ?? 'a').repeat(64)}`;
  const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: diffId, size: 1 };
  const given: GivenImage = {
    ...{ image: `r/p@sha256:${'0'.repeat(64)}`, config, below: undefined },
    layers: [{ kind: 'given', blob: { descriptor, diffId, repository: 'r/p' } }],
    files: {
      ...{ layers: [], architecture: 'amd64', os: 'linux' },
      ...{ index: emptyIndex(), contents: new Map() },
    },
  };
  const state = stateOf(given, { ...started, image: { ...started.image, config: config.config } });
  const request: ComposeRequest = {
    ...{ dockerfile, graph, platform: { os: 'linux', architecture: 'amd64' }, mtime: 1, forced: new Map() },
    ...{ composes: true, secrets: new Map() },
    options: { buildArguments: new Map(Object.entries(build.arguments ?? {})) },
    ...{ runFlags: build.flags ?? [], compression: build.compression ?? 'zstd' },
    openLayer: () => Promise.reject(new Error('no layer is read')),
  };
  const context = readContext(testHost(), project.path, { dockerfile: undefined });
  const world = {
    context: () => context,
    digest: async (reference: string) => `${reference}@${build.images?.[reference] ?? 'sha256:1'}`,
  };
  return { request, world, state, node, project };
}

async function solved(build: Build) {
  const { request, world, state, node, project } = await setUp(build);
  await using _ = project;
  const to = node.instructions.length - 1;
  return await solveRequest(request, world, state, node, {
    ...{ kind: 'solved', from: 0, to, command: undefined },
    why: [{ place: '', line: 1, instruction: 'RUN', reason: 'so', hint: undefined }],
  });
}

async function keyOfPrefix(build: Build): Promise<string | undefined> {
  const { request, world, project } = await setUp(build);
  await using _ = project;
  const point = prefixPoint(request.graph);
  return point && (await prefixKey(request, world, point));
}

const FROM = 'FROM python:3.11-slim\n';
const PLAIN: Build = { text: `${FROM}ARG A=1\nENV B=2\nCOPY lib /lib\nRUN make $A\n` };

/** Builds that come to something else than the first one, and builds that do not. */
const CASES: Readonly<
  Record<
    string,
    {
      readonly first: Build;
      readonly others: Readonly<Record<string, Build>>;
      readonly same?: Readonly<Record<string, Build>>;
    }
  >
> = {
  instructions: {
    first: PLAIN,
    others: {
      'the text of a command': { text: PLAIN.text.replace('make', 'make -j') },
      'the name of an argument': { text: PLAIN.text.replace('ARG A=1', 'ARG A=1 C') },
      'the default of an argument': { text: PLAIN.text.replace('A=1', 'A=2') },
      'the value of an argument': { ...PLAIN, arguments: { A: '2' } },
      'a variable': { text: PLAIN.text.replace('B=2', 'B=3') },
      'where files go': { text: PLAIN.text.replace('/lib', '/lib2') },
      'the order of instructions': { text: `${FROM}ENV B=2\nARG A=1\nCOPY lib /lib\nRUN make $A\n` },
      'how files are owned': { text: PLAIN.text.replace('COPY lib', 'COPY --chown=1:1 lib') },
      'the network of a command': { text: PLAIN.text.replace('RUN make', 'RUN --network=none make') },
      'the lines of a heredoc': { text: `${FROM}RUN <<E\none\nE\n` },
      'other lines of a heredoc': { text: `${FROM}RUN <<E\ntwo\nE\n` },
    },
    same: {
      'an argument that nobody declares': { ...PLAIN, arguments: { OTHER: 'x' } },
      'a proxy, as with BuildKit': { ...PLAIN, arguments: { HTTP_PROXY: 'http://p' } },
      'a comment': { text: PLAIN.text.replace('ENV', '# why\nENV') },
    },
  },
  'what it starts from': {
    first: PLAIN,
    others: {
      'a layer of the base': { ...PLAIN, layer: 'b' },
      'the environment of the base': { ...PLAIN, config: { Env: ['PATH=/bin'] } },
      'the shell': { ...PLAIN, config: { Shell: ['/bin/bash', '-c'] } },
      'the user': { ...PLAIN, config: { User: '1000' } },
      'the directory': { ...PLAIN, config: { WorkingDir: '/srv' } },
      'the compression of what is made': { ...PLAIN, compression: 'gzip' },
      'the network of the build': { ...PLAIN, flags: ['--network', 'host'] },
      'a host of the build': { ...PLAIN, flags: ['--add-host', 'db:10.0.0.1'] },
    },
  },
  'the context': {
    first: PLAIN,
    others: {
      'the content of a file': { ...PLAIN, files: { 'lib/b.txt': 'other' } },
      'one more file': { ...PLAIN, files: { 'lib/new.txt': '' } },
      'a file that may be executed': { ...PLAIN, prepare: (at) => chmod(join(at, 'lib/b.txt'), 0o755) },
      'a link': { ...PLAIN, prepare: (at) => symlink('b.txt', join(at, 'lib/link')) },
      'what is left out': { ...PLAIN, files: { '.dockerignore': 'lib/c.txt\n' } },
    },
    same: {
      'times of files': { ...PLAIN, prepare: (at) => utimes(join(at, 'lib/b.txt'), 1, 1) },
      'a file that nobody copies': { ...PLAIN, files: { 'a.txt': 'other', 'more.txt': 'x' } },
    },
  },
  'a bind mount': {
    first: { text: `${FROM}RUN --mount=type=bind,source=lib,target=/lib make\n` },
    others: {
      'the content of a file': {
        text: `${FROM}RUN --mount=type=bind,source=lib,target=/lib make\n`,
        files: { 'lib/b.txt': 'other' },
      },
      'all of the context': { text: `${FROM}RUN --mount=type=bind,target=/lib make\n` },
    },
    same: {
      'a file beside it': {
        text: `${FROM}RUN --mount=type=bind,source=lib,target=/lib make\n`,
        files: { 'a.txt': 'other' },
      },
    },
  },
};

for (const [what, { first, others, same = {} }] of Object.entries(CASES))
  test(`the key of a segment: ${what}`, async () => {
    const before = await solved(first);
    const keys = new Map([[before.key, 'the first one']]);
    for (const [change, build] of Object.entries(others)) {
      const { key } = await solved(build);
      assert.equal(keys.get(key), undefined, `${change}: the key of ${keys.get(key)}`);
      keys.set(key, change);
    }
    for (const [change, build] of Object.entries(same))
      assert.equal((await solved(build)).key, before.key, change);
  });

const TWO = `FROM alpine:3 AS other
ARG A=1
COPY a.txt /
RUN make $A
FROM python:3.11-slim
COPY --from=other /x /y
`;

test('a stage that is read decides with all that it reads itself', async () => {
  const before = await solved({ text: TWO });
  const others: Readonly<Record<string, Build>> = {
    'its base': { text: TWO, images: { 'alpine:3': 'sha256:2' } },
    'its command': { text: TWO.replace('make', 'make -j') },
    'its argument': { text: TWO, arguments: { A: '2' } },
    'a file that it copies': { text: TWO, files: { 'a.txt': 'other' } },
  };
  const keys = new Set([before.key]);
  for (const [change, build] of Object.entries(others)) {
    const { key } = await solved(build);
    assert.ok(!keys.has(key), change);
    keys.add(key);
  }
  assert.equal((await solved({ text: TWO, files: { 'lib/b.txt': 'other' } })).key, before.key);
});

test('an image that is read decides by its digest, whichever way it is read', async () => {
  for (const line of ['COPY --from=busybox:1 /x /x', 'RUN --mount=from=busybox:1,target=/x make']) {
    const text = `${FROM}${line}\n`;
    const one = await solved({ text });
    const other = await solved({ text, images: { 'busybox:1': 'sha256:2' } });
    assert.notEqual(one.key, other.key, line);
  }
});

test('what is downloaded may be another thing next time, unless its checksum is told', async () => {
  const volatile = async (line: string) => (await solved({ text: `${FROM}${line}\n` })).volatile;
  assert.equal(await volatile('ADD https://example.com/x /x'), true);
  assert.equal(await volatile(`ADD --checksum=sha256:${'1'.repeat(64)} https://example.com/x /x`), false);
  assert.equal(await volatile('ADD a.txt /x'), false);
  const below = `FROM alpine AS o\nADD https://example.com/x /x\n${FROM}COPY --from=o /x /x\n`;
  assert.equal((await solved({ text: below })).volatile, true, 'in a stage that is read');
});

test('a mount of what is not there names RUN, and the name that was meant', async () => {
  const text = `${FROM}RUN --mount=type=bind,source=lib/b.tx,target=/r make\n`;
  await assert.rejects(solved({ text }), (error: Error & { hint?: string }) => {
    assert.match(error.message, /Dockerfile:2: RUN: "lib\/b\.tx" not found/);
    assert.equal(error.hint, 'Did you mean lib/b.txt?');
    return true;
  });
});

test('a copy whose variables are not known is not composable', async () => {
  const text = `FROM alpine AS o\nCOPY $SOME /x\n${FROM}COPY --from=o /x /x\n`;
  await assert.rejects(solved({ text }), NotComposable);
});

test('the value of an argument that is hidden afterwards decides all the same', async () => {
  const text = `${FROM}ARG A\nRUN make $A\nENV A=x\nRUN make\n`;
  const keys = [undefined, '1', '2'].map((A) => solved({ text, ...(A && { arguments: { A } }) }));
  assert.equal(new Set((await Promise.all(keys)).map(({ key }) => key)).size, 3);
  const stage = `FROM alpine AS o\nARG A\nRUN make $A\nENV A=x\n${FROM}COPY --from=o /x /x\n`;
  const others = [undefined, '1', '2'].map((A) => solved({ text: stage, ...(A && { arguments: { A } }) }));
  assert.equal(new Set((await Promise.all(others)).map(({ key }) => key)).size, 3);
});

test('where a build may begin: the key covers all up to the last costly instruction, and nothing behind it', async () => {
  const text = `${PLAIN.text}COPY a.txt /\nENV LAST=1\n`;
  const before = await keyOfPrefix({ text });
  assert.ok(before);
  assert.equal(await keyOfPrefix({ text, files: { 'a.txt': 'other' } }), before);
  assert.equal(await keyOfPrefix({ text: text.replace('LAST=1', 'LAST=2') }), before);
  const others: Readonly<Record<string, Build>> = {
    'a file': { text, files: { 'lib/b.txt': 'other' } },
    'a command': { text: text.replace('make', 'make -j') },
    'an argument': { text, arguments: { A: '2' } },
    'the base': { text, images: { 'python:3.11-slim': 'sha256:2' } },
    'a flag of the build': { text, flags: ['--network', 'none'] },
    compression: { text, compression: 'gzip' },
  };
  const keys = new Set([before]);
  for (const [change, build] of Object.entries(others)) {
    const key = await keyOfPrefix(build);
    assert.ok(key !== undefined && !keys.has(key), change);
    keys.add(key);
  }
  assert.equal(await keyOfPrefix({ text: `${FROM}COPY . /\nCMD ["x"]\n` }), undefined, 'nothing is costly');
  assert.equal(
    await keyOfPrefix({ text: `${FROM}ADD https://example.com/x /x\n` }),
    undefined,
    'it is volatile',
  );
});
