import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globalScope } from '../../src/dockerfile/arguments.ts';
import { parseDockerfile } from '../../src/dockerfile/parse.ts';
import { readInstruction } from '../../src/dockerfile/read.ts';
import { applyInstruction } from '../../src/image/config-apply.ts';
import { exposedPorts } from '../../src/image/config-ports.ts';
import {
  finalImage,
  type StageState,
  startFromImage,
  startFromScratch,
  startFromStage,
  workingDirectory,
} from '../../src/image/config-start.ts';
import { quotedList } from '../../src/image/config-text.ts';
import type { ImageConfig } from '../../src/image/oci.ts';

const BASE: ImageConfig = {
  created: '2026-01-01T00:00:00Z',
  architecture: 'amd64',
  os: 'linux',
  config: { Env: ['PATH=/bin', 'A=base'], Cmd: ['python3'], WorkingDir: 'rel', Labels: {} },
  rootfs: { type: 'layers', diff_ids: ['sha256:1'] },
  history: [
    { created: '2026-01-01T00:00:00Z', created_by: 'layer' },
    { created_by: 'CMD', empty_layer: true },
  ],
};
const AMD64 = { os: 'linux', architecture: 'amd64' };

function begin(text: string, base: ImageConfig = BASE) {
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const global = globalScope(dockerfile, { buildArguments: new Map() });
  return { dockerfile, global, started: startFromImage(dockerfile, global, base) };
}

function applied(lines: string): { state: StageState; reasons: readonly string[] } {
  const { dockerfile, started } = begin(`FROM x\n${lines}\n`);
  assert.ok(started.state, started.reason);
  let state = started.state;
  const reasons: string[] = [];
  for (const instruction of dockerfile.stages[0]?.instructions ?? []) {
    const after = applyInstruction(state, readInstruction(instruction, dockerfile.escape));
    if (after.state) state = after.state;
    else reasons.push(after.reason);
  }
  return { state, reasons };
}

const history = ({ image }: StageState) => (image.history ?? []).slice(2).map(({ created_by }) => created_by);

test('what an image begins with: what BuildKit knows of it, without its time', () => {
  const foreign = {
    ...BASE,
    docker_version: '1',
    config: { ...BASE.config, Hostname: 'x', Tty: false, Env: ['A=1'] },
  };
  const { started } = begin('FROM x\n', foreign as ImageConfig);
  assert.deepEqual(started.state?.image, {
    architecture: 'amd64',
    os: 'linux',
    config: {
      Env: ['A=1', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['python3'],
      WorkingDir: '/rel/rel',
    },
    rootfs: BASE.rootfs,
    history: BASE.history,
  });
});

test('a base that BuildKit must start from is a reason', () => {
  const reason = (base: Partial<ImageConfig>) => begin('FROM x\n', { ...BASE, ...base }).started.reason ?? '';
  assert.match(reason({ os: 'windows' }), /Linux/);
  assert.match(reason({ config: { OnBuild: ['RUN x'] } }), /ONBUILD/);
  assert.match(reason({ history: [] }), /does not fit its layers/);
  assert.match(reason({ 'os.version': '1' } as Partial<ImageConfig>), /Linux/);
});

test('each instruction leaves its line, and a layer or none', () => {
  const { state, reasons } = applied(
    'ARG B=1\nENV A=$A$B\nLABEL l="a b"\nRUN x $B\nCOPY --chown=1 --link a b /d\nWORKDIR e\nWORKDIR /\nUSER u\n' +
      'EXPOSE 2-3/udp 1\nVOLUME /v\nSTOPSIGNAL INT\nMAINTAINER m\nSHELL ["s"]\nCMD c\nENTRYPOINT ["e"]\nONBUILD RUN z',
  );
  assert.deepEqual(reasons, []);
  assert.deepEqual(history(state), [
    'ARG B=1',
    'ENV A=base1',
    'LABEL l=a b',
    'RUN |1 B=1 /bin/sh -c x $B # buildkit',
    'COPY --chown=1 a b /d # buildkit',
    'WORKDIR /rel/rel/e',
    'WORKDIR /',
    'USER u',
    'EXPOSE [1/tcp 2/udp 3/udp]',
    'VOLUME [/v]',
    'STOPSIGNAL INT',
    'MAINTAINER m',
    'SHELL [s]',
    'CMD ["s" "c"]',
    'ENTRYPOINT ["e"]',
  ]);
  const layers = state.image.history?.slice(2).filter((one) => one.empty_layer !== true);
  assert.deepEqual(
    layers?.map(({ created_by }) => created_by?.split(' ')[0]),
    ['RUN', 'COPY', 'WORKDIR'],
  );
  assert.equal(state.image.author, 'm');
  assert.deepEqual(state.image.config, {
    Env: ['PATH=/bin', 'A=base1'],
    Cmd: ['s', 'c'],
    Entrypoint: ['e'],
    WorkingDir: '/',
    Labels: { l: 'a b' },
    User: 'u',
    ExposedPorts: { '1/tcp': {}, '2/udp': {}, '3/udp': {} },
    Volumes: { '/v': {} },
    StopSignal: 'INT',
    Shell: ['s'],
    ArgsEscaped: true,
    OnBuild: ['RUN z'],
  });
});

test('a child stage keeps everything but ONBUILD, and ENTRYPOINT takes the CMD of its parent away', () => {
  const { state } = applied('CMD a\nENV A=2');
  const child = startFromStage(state);
  assert.ok(child.state);
  assert.equal(child.state.image.config.Cmd?.at(-1), 'a');
  const entry = applyInstruction(child.state, { kind: 'entrypoint', line: 1, form: 'exec', words: ['e'] });
  assert.equal(entry.state?.image.config.Cmd, undefined);
  assert.match(startFromStage(applied('ONBUILD RUN a').state).reason ?? '', /ONBUILD/);
});

test('what is not understood leaves the state as it is, and is a reason', () => {
  const lines =
    'EXPOSE 1.2.3.4:5:6\nSTOPSIGNAL NO\nCOPY https://x/y /\nADD --checksum=sha256:0 a /\nENV $N=1\nVOLUME $N\nCMD [1]';
  const { state, reasons } = applied(lines);
  assert.equal(reasons.length, 7);
  assert.deepEqual(history(state), []);
});

test('the options of the build come at the end', () => {
  const { dockerfile, global } = begin('FROM x\n');
  const scratch = startFromScratch(dockerfile, global, { os: 'linux', architecture: 'arm64', variant: 'v8' });
  assert.ok(scratch.state);
  assert.deepEqual(finalImage(scratch.state, { labels: { a: 'b' } }), {
    architecture: 'arm64',
    os: 'linux',
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      WorkingDir: '/',
      Labels: { a: 'b' },
    },
    rootfs: { type: 'layers', diff_ids: [] },
    history: [],
  });
  assert.equal(finalImage(scratch.state, { platform: AMD64 }).architecture, 'amd64');
});

test('ports, directories and quoted texts', () => {
  assert.deepEqual(exposedPorts('8000-8002/UDP'), ['8000/udp', '8001/udp', '8002/udp']);
  assert.deepEqual(exposedPorts('9-9:07'), ['7/tcp']);
  for (const word of ['', '1:2:3', '70000', '2-1', '1/x', 'a', '-1', '1-3:1-2', 'x:1'])
    assert.equal(exposedPorts(word), undefined, word);
  assert.equal(workingDirectory('/a', '../b/'), '/b');
  assert.equal(workingDirectory('/a', '/b//c/'), '/b//c/');
  assert.equal(workingDirectory('', ''), '/');
  assert.equal(quotedList(['é"\\\n\u0001\u200b😀\u{e0001}']), '["é\\"\\\\\\n\\x01\\u200b😀\\U000e0001"]');
});
