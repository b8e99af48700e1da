import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutStage } from '../../src/compose/cut.ts';
import { fileStep, housekeeping } from '../../src/compose/file-step.ts';
import { stateOf } from '../../src/compose/solve/stage-states.ts';
import { type ImageState, NotComposable } from '../../src/compose/state.ts';
import type { ComposeRequest } from '../../src/compose/walk.ts';
import type { CopyContent } from '../../src/context/copy-tree.ts';
import { readContext } from '../../src/context/read.ts';
import type { RunInstruction } from '../../src/dockerfile/instruction.ts';
import { withLayerFacts } from '../../src/facts/image-facts.ts';
import { applyInstruction } from '../../src/image/config-apply.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { projectOf } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { givenImage } from './given.ts';
import { readStage, shapeOf, stageOf } from './stages.ts';

const FROM = 'FROM python:3.11-slim\n';

/** `bin/` a directory, `a -> b` a link, the rest files; modes behind a space: `app/x 4755`. */
function entryOf(text: string): PathEntry {
  const [name = '', link] = text.split(' -> ');
  const [path = '', mode] = name.split(' ');
  const type = link !== undefined ? 'symlink' : path.endsWith('/') ? 'directory' : 'file';
  const usual = type === 'directory' ? '755' : '644';
  return {
    ...{ path: path.replace(/\/$/, ''), type, mode: Number.parseInt(mode ?? usual, 8) },
    ...{ uid: 0, gid: 0, size: 0, link: link ?? '' },
  };
}

const SYSTEM = ['bin/', 'bin/sh', 'bin/mkdir', 'bin/chmod', 'bin/chown', 'etc/', 'etc/passwd', 'etc/group'];
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nshop:x:7:8::/home/shop:/bin/sh\n';

/** What a RUN makes of an image with these paths, the files of `app` being of the build context: `mode uid:gid path`. */
async function ran(command: string, paths: readonly string[], system: readonly string[] = SYSTEM) {
  await using project = await projectOf({ Dockerfile: '' });
  const { dockerfile, graph, node, states } = readStage(`${FROM}WORKDIR /app\nRUN ${command}\n`);
  const run = node.instructions[1] as RunInstruction;
  const contents = new Map([
    ['etc/passwd', Buffer.from(PASSWD)],
    ['etc/group', Buffer.from('root:x:0:\nstaff:x:9:\n')],
  ]);
  const entries = [...system, 'app/', ...paths]
    .map(entryOf)
    .map((entry) => ({ ...entry, size: contents.get(entry.path)?.length ?? 0 }));
  const given = givenImage();
  const files = withLayerFacts(given.files, { entries, diffId: '', contents });
  const content: CopyContent = { kind: 'bytes', bytes: Buffer.alloc(0) };
  const copied = new Map(
    entries
      .filter(({ path, type }) => path.startsWith('app/') && type === 'file')
      .map(({ path }) => [path, content]),
  );
  const stage = states[1] as ImageState['stage'];
  const before = { ...stateOf(given, stage), files, copied };
  const after = applyInstruction(stage, run);
  assert.ok(after.state);
  const request = { dockerfile, graph, compression: 'zstd', mtime: 1 } as unknown as ComposeRequest;
  const context = readContext(testHost(), project.path, { dockerfile: undefined });
  const made = await fileStep(request, () => context, before, { ...before, stage: after.state }, run);
  const [layer, ...more] = made.layers.slice(before.layers.length);
  assert.deepEqual(more, []);
  const changed = [...made.files.index.entries()].flatMap(({ path, mode, uid, gid }) => {
    const old = files.index.get(path);
    const same = old?.mode === mode && old.uid === uid && old.gid === gid;
    return same ? [] : `${mode.toString(8)} ${uid}:${gid} ${path}`;
  });
  return { layer, changed, history: made.stage.image.history?.at(-1) };
}

test('such a step stands for itself, and what follows an installation is composed', () => {
  const text = `${FROM}RUN pip install a==1\nCOPY . /app\nRUN mkdir -p /data && chmod +x /app/run\nCMD ["x"]\n`;
  assert.deepEqual(shapeOf(text), ['install 0', 'plain 1', 'plain 2', 'plain 3']);
});

test('a step that somebody else runs, that has mounts or another shell, is left to BuildKit', () => {
  const shapes = ['USER 7\nRUN mkdir /x', 'RUN --mount=type=tmpfs,target=/t mkdir /x', 'RUN ["mkdir", "/x"]'];
  for (const text of [
    ...shapes,
    'SHELL ["/usr/bin/fish", "-c"]\nRUN mkdir /x',
    'ENV LD_PRELOAD=/x\nRUN mkdir /x',
  ])
    assert.equal(shapeOf(`${FROM}${text}\n`).filter((one) => one.startsWith('solved')).length, 1, text);
});

test('what was found out not to be composable is solved', () => {
  const stage = stageOf(`${FROM}RUN mkdir /x\n`);
  const forced = new Map([[2, { reason: 'so', hint: undefined }]]);
  assert.deepEqual(
    cutStage({ ...stage, forced }).map(({ kind }) => kind),
    ['solved'],
  );
});

test('arguments are put in as the shell does it', () => {
  const { node, states } = readStage(`${FROM}ARG A=/data\nRUN mkdir $A\n`, { A: '/other' });
  const commands = housekeeping(node.instructions[1] as RunInstruction, states[1] as ImageState['stage']);
  assert.deepEqual(commands?.[0]?.paths, [{ path: '/other', pattern: false }]);
});

test('directories are made, with those above, and none that is there', async () => {
  const { changed, layer } = await ran('mkdir -p /data/a/b logs /bin', []);
  assert.deepEqual(changed, ['755 0:0 app/logs', '755 0:0 data', '755 0:0 data/a', '755 0:0 data/a/b']);
  assert.equal(layer?.kind, 'directory');
});

test('a step that changes nothing makes no layer', async () => {
  const { layer, history } = await ran('mkdir -p /app && chmod 644 x && chown 0:0 x', ['app/x']);
  assert.equal(layer, undefined);
  assert.equal(history?.empty_layer, true);
});

test('links above are followed', async () => {
  assert.deepEqual((await ran('mkdir /l/x', ['l -> app'])).changed, ['755 0:0 app/x']);
});

test('modes of copied files and of directories are changed; names that begin with a dot fit no pattern', async () => {
  const { changed, layer } = await ran('chmod +x bin/*.sh && chmod 750 bin', [
    ...['app/bin/', 'app/bin/a.sh', 'app/bin/.b.sh', 'app/bin/c.txt'],
  ]);
  assert.deepEqual(changed, ['750 0:0 app/bin', '755 0:0 app/bin/a.sh']);
  assert.equal(layer?.kind, 'copy');
});

test('owners of everything below, what the same step made too', async () => {
  const { changed } = await ran('mkdir -p up && chown -R shop:staff /app && chown :5 x', [
    'app/x',
    'app/d/',
    'app/d/y',
  ]);
  assert.deepEqual(changed, [
    '755 7:9 app',
    '755 7:9 app/d',
    '644 7:9 app/d/y',
    '755 7:9 app/up',
    '644 7:5 app/x',
  ]);
  assert.deepEqual((await ran('chown shop x', ['app/x'])).changed, ['644 7:0 app/x']);
});

const REFUSED: readonly (readonly [
  command: string,
  paths: readonly string[],
  reason: RegExp,
  system?: readonly string[],
])[] = [
  ['mkdir /app', [], /is there already/],
  ['mkdir /a/b', [], /is not there/],
  ['mkdir -p x', ['app/x'], /is no directory/],
  ['mkdir -p x/y', ['app/x -> /nowhere'], /leads nowhere/],
  ['mkdir x', ['app/ 2755'], /set-group-ID/],
  ['chmod +x x', [], /is not there/],
  ['chmod +x x', ['app/x -> y', 'app/y'], /is a link/],
  ['chmod +x /etc/passwd', [], /no file of the build context/],
  ['chmod +x x', ['app/x 4755'], /set-user-ID/],
  ['chmod +x *.sh', ['app/x'], /is not known/],
  ['chown -R shop .', ['app/x -> y'], /is a link/],
  ['chown -R shop /', [], /root directory/],
  ['chown nobody x', ['app/x'], /cannot be told/],
  ['mkdir x', [], /what mkdir is/, ['bin/', 'bin/sh']],
  [
    'mkdir x',
    [],
    /what mkdir is/,
    ['usr/', 'usr/local/', 'usr/local/bin/', 'usr/local/bin/mkdir', ...SYSTEM],
  ],
  ['mkdir x', [], /no \/bin\/sh/, ['bin/', 'bin/mkdir']],
  ['mkdir -p /dev/shm/x', ['dev/'], /not the image's own/],
  ['mkdir /l/x', ['l -> /proc', 'proc/'], /not the image's own/],
  ['chmod 700 /sys', ['sys/'], /not the image's own/],
];

test('what would fail, or is not surely known, is left to BuildKit with its line', async () => {
  for (const [command, paths, reason, system] of REFUSED)
    await assert.rejects(ran(command, paths, system), (error) => {
      assert.ok(error instanceof NotComposable, command);
      assert.match(error.reason, reason, command);
      assert.equal(error.line, 3);
      return true;
    });
});
