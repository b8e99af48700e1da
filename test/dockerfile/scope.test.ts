import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BuildOptions, globalScope, readBuildArguments } from '../../src/dockerfile/arguments.ts';
import { baseOf } from '../../src/dockerfile/base.ts';
import { stageGraph, stageNodes } from '../../src/dockerfile/graph.ts';
import { parseDockerfile, type Stage } from '../../src/dockerfile/parse.ts';
import { readPlatform } from '../../src/dockerfile/platform.ts';
import { expandIn, stageScope } from '../../src/dockerfile/scope.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const NOTHING: BuildOptions = { buildArguments: new Map() };

function scopeAtEnd(text: string, options: BuildOptions = NOTHING, base: readonly string[] | 'unknown' = []) {
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const scope = stageScope(
    dockerfile,
    dockerfile.stages.at(-1) as Stage,
    options,
    base === 'unknown' ? undefined : base,
  ).at(-1);
  assert.ok(scope);
  return scope;
}

test('the scope of each instruction, from the base image on', () => {
  const dockerfile = parseDockerfile(
    'ARG G=g\nFROM x\nARG G A=1\nENV B=$A$G A=env\nRUN true\n',
    'Dockerfile',
  );
  const scopes = stageScope(dockerfile, dockerfile.stages[0] as Stage, NOTHING, ['BASE=b', 'A=base']);
  assert.deepEqual(
    scopes.map(({ environment }) => [environment.get('A'), environment.get('B'), environment.get('G')]),
    [
      ['base', undefined, undefined],
      ['1', undefined, 'g'],
      ['env', '1g', 'g'],
      ['env', '1g', 'g'],
    ],
  );
  const last = scopes.at(-1);
  assert.deepEqual(last?.declared, [
    { name: 'G', value: 'g' },
    { name: 'A', value: '1' },
  ]);
  assert.equal(last?.imageEnvironment[0], 'BASE=b');
  assert.deepEqual(last?.imageEnvironment.slice(1), [
    'A=env',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'B=1g',
  ]);
});

test('a child inherits ARG and ENV, and at its beginning ENV wins', () => {
  const { environment, declared } = scopeAtEnd('FROM x AS a\nENV V=env\nARG V=arg\nARG W=w\nFROM a\n');
  assert.deepEqual([environment.get('V'), environment.get('W')], ['env', 'w']);
  assert.deepEqual(
    declared.map(({ name }) => name),
    ['V', 'W'],
  );
});

test('what is given comes before what is written', () => {
  const options = {
    buildArguments: new Map([
      ['A', 'given'],
      ['HTTP_PROXY', 'p'],
    ]),
  };
  const { environment } = scopeAtEnd('ARG A=global\nFROM x\nARG A=stage\nARG B=$A\nARG C\n', options);
  assert.deepEqual([environment.get('A'), environment.get('B')], ['given', 'given']);
  assert.ok(!environment.has('C'));
  assert.ok(!environment.has('HTTP_PROXY'), 'a proxy is no variable unless it is declared');
});

test('the platforms and the stage are predefined, if they are declared', () => {
  const options = {
    buildArguments: new Map(),
    targetPlatform: { os: 'linux', architecture: 'arm', variant: 'v7' },
    buildPlatform: AMD64,
  };
  const { environment } = scopeAtEnd(
    'FROM x AS named\nARG TARGETPLATFORM TARGETVARIANT BUILDARCH BUILDVARIANT TARGETSTAGE\nENV X=$TARGETOS\n',
    options,
  );
  assert.equal(environment.get('TARGETPLATFORM'), 'linux/arm/v7');
  assert.equal(environment.get('TARGETVARIANT'), 'v7');
  assert.equal(environment.get('BUILDARCH'), 'amd64');
  assert.equal(environment.get('BUILDVARIANT'), '');
  assert.equal(environment.get('TARGETSTAGE'), 'named');
  assert.equal(environment.get('X'), '', 'not declared');
  const mine = { ...options, buildArguments: new Map([['TARGETPLATFORM', 'mine']]) };
  const { values } = globalScope(parseDockerfile('FROM x\n', 'Dockerfile'), mine);
  assert.equal(values.get('TARGETPLATFORM'), 'mine');
});

test('a value that is not known here spoils what is made of it, and nothing else', () => {
  const options = readBuildArguments(['GIVEN', 'B=2']);
  const text =
    'FROM x\nARG GIVEN=1 TARGETARCH\nENV A=$GIVEN C=$B D=ok\nARG B\nENV E=$B F=$BASE\nENV A=again\n';
  const scope = scopeAtEnd(text, options, 'unknown');
  assert.deepEqual([...scope.unknown].sort(), ['C', 'F', 'GIVEN', 'TARGETARCH']);
  assert.deepEqual(
    [scope.environment.get('E'), scope.environment.get('A'), scope.environment.get('D')],
    ['2', 'again', 'ok'],
  );
  assert.deepEqual(expandIn(scope, '$GIVEN-$D-$OTHER', 9).unknown, ['GIVEN', 'OTHER']);
  assert.deepEqual(expandIn(scopeAtEnd(text, options, []), '$D-$OTHER', 9).unknown, []);
});

test('a build argument without a value is that of the environment', () => {
  const { buildArguments } = readBuildArguments(['A', 'B', 'C=d=e'], { A: 'a' });
  assert.deepEqual(
    [...buildArguments],
    [
      ['A', 'a'],
      ['B', ''],
      ['C', 'd=e'],
    ],
  );
});

test('SOURCE_DATE_EPOCH is a number, nothing, or a name that BuildKit looks up', () => {
  const scope = (text: string, given?: string) =>
    globalScope(parseDockerfile(text, 'Dockerfile'), {
      buildArguments: new Map(given === undefined ? [] : [['SOURCE_DATE_EPOCH', given]]),
    });
  assert.equal(scope('FROM x\n', '+007').buildArguments.get('SOURCE_DATE_EPOCH'), '7');
  assert.equal(scope('FROM x\n', '').buildArguments.has('SOURCE_DATE_EPOCH'), false);
  assert.equal(scope('ARG SOURCE_DATE_EPOCH=05\nFROM x\n').values.get('SOURCE_DATE_EPOCH'), '5');
  assert.ok(scope('FROM x\n', 'context').unknownArguments.has('SOURCE_DATE_EPOCH'));
});

test('FROM: stages, images, arguments and platforms', () => {
  const text =
    'ARG V=3\nARG P=base\nFROM --platform=$BUILDPLATFORM "py:$V" AS base\nFROM $P AS Two\nFROM Two\nFROM scratch\n' +
    'FROM --platform=odd y\nFROM $NONE\nFROM 0\nARG V=9\n';
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const options: BuildOptions = { buildArguments: new Map([['V', '4']]), buildPlatform: AMD64 };
  const global = globalScope(dockerfile, options);
  const bases = dockerfile.stages.map((stage) => baseOf(dockerfile, stage, global, options));
  assert.deepEqual(bases[0], { kind: 'image', reference: 'py:4', platform: AMD64 });
  assert.deepEqual(bases[1], { kind: 'stage', index: 0, platform: undefined });
  assert.deepEqual(
    bases[2],
    { kind: 'image', reference: 'Two', platform: undefined },
    'names are found in lower case',
  );
  assert.equal(bases[3]?.kind, 'scratch');
  assert.match(bases[4]?.platformProblem ?? '', /not understood as a platform/);
  assert.equal(bases[5]?.kind, 'unresolved');
  assert.deepEqual(bases[6], { kind: 'image', reference: '0', platform: undefined });
  const [unknown] = stageNodes(dockerfile, NOTHING);
  assert.match(unknown?.base.platformProblem ?? '', /BUILDPLATFORM is not known/);
});

test('platforms in their usual form', () => {
  assert.deepEqual(readPlatform('linux/x86_64'), AMD64);
  assert.deepEqual(readPlatform('linux/arm64'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(readPlatform('linux/arm64/8'), { os: 'linux', architecture: 'arm64', variant: 'v8' });
  assert.deepEqual(readPlatform('linux/arm'), { os: 'linux', architecture: 'arm' });
  for (const text of ['linux', 'a/b/c/d', '', 'linux(1)/amd64']) assert.equal(readPlatform(text), undefined);
});

const GRAPH = `FROM python AS base
FROM golang AS tools
FROM base AS unused
COPY --from=other/image:1 /a /a
FROM base AS builder
RUN --mount=type=bind,from=tools,target=/t --mount=type=cache,target=/c --mount=from=uv:1,target=/u make
FROM base AS final
COPY --from=BUILDER /a /a
COPY --from=1 /b /b
COPY --from=ghcr.io/x/y:2 /c /c
`;

test('what a target is made from', () => {
  const graph = stageGraph(parseDockerfile(GRAPH, 'Dockerfile'), undefined, NOTHING);
  const names = (nodes: typeof graph.stages) => nodes.map(({ stage }) => stage.name);
  assert.deepEqual(names(graph.ancestry), ['base', 'final']);
  assert.deepEqual(names(graph.stages), ['base', 'tools', 'builder', 'final']);
  assert.deepEqual(graph.images, ['ghcr.io/x/y:2', 'golang', 'python', 'uv:1']);
  assert.deepEqual(graph.reasons, []);
  assert.deepEqual(
    graph.stages.at(-1)?.reads.map(({ instruction, how, source }) => [instruction, how, source]),
    [
      [0, 'copy', { kind: 'stage', index: 3 }],
      [1, 'copy', { kind: 'stage', index: 1 }],
      [2, 'copy', { kind: 'image', reference: 'ghcr.io/x/y:2' }],
    ],
  );
});

test('a build context stands for a stage, or for an image', () => {
  const contexts = new Set(['builder', 'golang', 'python:latest']);
  const graph = stageGraph(parseDockerfile(GRAPH, 'Dockerfile'), undefined, { ...NOTHING, contexts });
  assert.deepEqual(graph.images, ['ghcr.io/x/y:2']);
  assert.deepEqual(
    graph.stages.map(({ stage }) => stage.name),
    ['base', 'tools', 'final'],
  );
  const children = parseDockerfile('FROM x AS a\nFROM a\nCOPY --from=y / /\n', 'Dockerfile');
  const replaced = stageGraph(children, undefined, { ...NOTHING, contexts: new Set(['a']) });
  assert.deepEqual(
    replaced.ancestry.map(({ base }) => base.kind),
    ['context'],
  );
  assert.deepEqual(replaced.images, ['y']);
});

test('what leads nowhere is a reason, with its line', () => {
  for (const [text, line, reason] of [
    ['FROM x\nCOPY --from=1 / /\n', 2, /no earlier stage of this number/],
    ['FROM x AS a\nCOPY --from=a / /\n', 2, /does not stand before/],
    ['FROM x\nCOPY --from=$X / /\n', 2, /variables are not put into --from/],
    ['FROM x\nRUN --flag y\n', 2, /unknown flag/],
    ['FROM x AS a\nONBUILD RUN b\nFROM a\n', 3, /has ONBUILD/],
    ['FROM $X\n', 1, /it is empty/],
    ['FROM --platform=$TARGETPLATFORM x\n', 1, /TARGETPLATFORM is not known/],
  ] as const) {
    const [first, ...more] = stageGraph(parseDockerfile(text, 'Dockerfile'), undefined, NOTHING).reasons;
    assert.deepEqual([first?.line, more.length], [line, 0], text);
    assert.match(first?.text ?? '', reason);
  }
});
