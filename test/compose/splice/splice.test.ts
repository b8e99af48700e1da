import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBelow } from '../../../src/compose/paths-below.ts';
import { planSplice } from '../../../src/compose/splice/splice.ts';
import { originsOf } from '../../../src/compose/splice/splice-origins.ts';
import { spliceShape } from '../../../src/compose/splice/splice-shape.ts';
import type { StageCopyRequest } from '../../../src/compose/splice/stage-copy.ts';
import type { ImageState } from '../../../src/compose/state.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex, type PathIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { givenImage } from '../given.ts';
import { readStage } from '../stages.ts';

const SITE = 'venv/lib/python3.11/site-packages';

function entry(path: string, rest: Partial<PathEntry> = {}): PathEntry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '', ...rest };
}

const file = (path: string, rest: Partial<PathEntry> = {}) => entry(path, { type: 'file', ...rest });
const indexOf = (...entries: readonly PathEntry[]) => withLayer(emptyIndex(), entries);

/** A stage that solved a virtual environment, installed `demo` into it, and copied `app.py`. */
function stage(rest: Partial<ImageState> = {}, ...more: readonly PathEntry[]): ImageState {
  const solved = indexOf(
    entry('venv'),
    file('venv/pyvenv.cfg'),
    entry('venv/bin'),
    ...['venv/lib', 'venv/lib/python3.11', SITE].map((path) => entry(path)),
    file(`${SITE}/given.py`),
    entry('venv/bin/python', { type: 'symlink', link: '/usr/bin/python3' }),
  );
  const written = [
    ...['demo', 'demo-1.0.dist-info'].map((name) => entry(`${SITE}/${name}`)),
    ...['demo/__init__.py', 'single.py', 'demo-1.0.dist-info/METADATA'].map((name) =>
      file(`${SITE}/${name}`),
    ),
    ...['INSTALLER', 'REQUESTED', 'RECORD'].map((name) => file(`${SITE}/demo-1.0.dist-info/${name}`)),
    file('venv/bin/run'),
  ];
  const index = withLayer(solved, [...written, file('venv/app.py'), entry('venv/made'), ...more]);
  const files = (one: PathIndex) => ({
    ...{ index: one, layers: [], contents: new Map(), architecture: 'amd64', os: 'linux' },
  });
  const [first] = readStage('FROM base\n').states;
  assert.ok(first);
  return {
    ...{ stage: first, layers: [], files: files(index), assumed: false },
    given: { image: 'x', config: first.image, layers: [], files: files(solved), below: undefined },
    copied: new Map([['venv/app.py', { kind: 'bytes', bytes: Buffer.from('x') }]]),
    installs: [
      {
        files: solved,
        given: givenImage(solved),
        python: {
          ...{ executable: '/venv/bin/python', version: '3.11.2', cacheTag: 'cpython-311', pip: '24.0' },
          scheme: {
            ...{ purelib: `/${SITE}`, platlib: `/${SITE}`, scripts: '/venv/bin', data: '/venv' },
            headers: '/venv/include',
          },
          ...{ libc: { kind: 'glibc', version: '2.36' }, architecture: 'amd64', installed: [] },
          ...{ externallyManaged: false, venv: '/venv' },
        },
        distributions: [
          {
            locked: { name: 'demo', version: '1.0', requested: true, wheel: undefined },
            facts: {
              ...{ sha256: 'a', name: 'demo', version: '1.0', bytes: 1, purelib: true, scripts: ['run'] },
              ...{ requiresDist: [], requiresPython: undefined, extras: [] },
              paths: ['demo/__init__.py', 'single.py', 'demo-1.0.dist-info/METADATA'],
            },
          },
        ],
        ...{ installer: { tool: 'pip' }, bytecode: true, uid: 0, gid: 0, umask: 0o022, keep: undefined },
        ...{ compression: 'zstd', mtime: 1 },
      },
    ],
    ...rest,
  };
}

function copy(sources: string | readonly string[], destination: string, rest = {}): StageCopyRequest {
  return {
    ...{ sources: [sources].flat(), destination, workdir: '/', chown: undefined, chmod: undefined },
    ...{ link: false, parents: false, excludes: [], ...rest },
  };
}

function planned(copies: readonly StageCopyRequest[], source = stage(), before = indexOf()) {
  const origins = originsOf(source);
  assert.ok(!('reason' in origins), 'reason' in origins ? origins.reason : '');
  return planSplice(copies, source.files.index, origins, before);
}

function troubleOf(...args: Parameters<typeof planned>) {
  const plan = planned(...args);
  return 'reason' in plan ? plan : { reason: '', isShared: false };
}

test('each path that is copied comes from an image, a wheel, the build context or an instruction', () => {
  const plan = planned([copy('/venv', '/opt/venv')]);
  assert.ok('entries' in plan);
  const kinds = Object.fromEntries(plan.entries.map(({ entry: { path }, origin }) => [path, origin?.kind]));
  assert.deepEqual(kinds, {
    opt: undefined,
    'opt/venv': 'given',
    'opt/venv/app.py': 'context',
    'opt/venv/bin': 'given',
    'opt/venv/bin/python': 'given',
    'opt/venv/bin/run': 'installed',
    'opt/venv/lib': 'given',
    'opt/venv/lib/python3.11': 'given',
    [`opt/${SITE}`]: 'given',
    [`opt/${SITE}/demo`]: 'installed',
    [`opt/${SITE}/demo-1.0.dist-info`]: 'installed',
    ...Object.fromEntries(
      ['INSTALLER', 'METADATA', 'RECORD', 'REQUESTED'].map((name) => [
        `opt/${SITE}/demo-1.0.dist-info/${name}`,
        'installed',
      ]),
    ),
    [`opt/${SITE}/demo/__init__.py`]: 'installed',
    [`opt/${SITE}/given.py`]: 'given',
    [`opt/${SITE}/single.py`]: 'installed',
    'opt/venv/made': 'made',
    'opt/venv/pyvenv.cfg': 'given',
  });
  assert.deepEqual(plan.moves, [{ from: '/venv', to: '/opt/venv' }]);
});

test('directories above are those of the image that is copied to, also below a changed owner', () => {
  const plan = planned([copy('/venv', '/opt/venv')], stage(), indexOf(entry('opt', { uid: 7, mode: 0o700 })));
  assert.ok('after' in plan);
  assert.deepEqual(plan.after.get('opt'), entry('opt', { uid: 7, mode: 0o700 }));
});

test('several copies, one after the other; what comes to a path twice has to be done one by one', () => {
  const plan = planned([
    copy('/venv/lib', '/a/lib'),
    copy('/venv/bin/run', '/a/bin/', { chmod: '700', chown: { uid: 1, gid: 2 } }),
  ]);
  assert.ok('moves' in plan);
  assert.deepEqual(plan.moves, [
    { from: '/venv/lib', to: '/a/lib' },
    { from: '/venv/bin/run', to: '/a/bin/run', mode: 0o700, owner: { uid: 1, gid: 2 } },
  ]);
  const twice = [copy('/venv/lib', '/a'), copy('/venv/lib', '/b')];
  assert.equal(troubleOf(twice).isShared, true);
  assert.match(troubleOf([copy('/venv/app.py', '/a/single.py'), copy(`/${SITE}`, '/a')]).reason, /^$/);
  const over = troubleOf([copy(`/${SITE}`, '/a'), copy('/venv/app.py', '/a/single.py')]);
  assert.match(over.reason, /\/a\/single.py is copied from two places/);
});

test('where layers may not do what the copy does, it is not spliced', () => {
  const whole = stage();
  const index = withLayer(whole.files.index, [file(`${SITE}/.wh.single.py`)]);
  const gone = { ...whole, files: { ...whole.files, index } };
  const copied = new Map([[`${SITE}/single.py`, { kind: 'bytes', bytes: Buffer.from('') } as const]]);
  const cases: readonly (readonly [string, ReturnType<typeof troubleOf>])[] = [
    ['/none is not in the stage', troubleOf([copy('/none', '/x')])],
    ['was installed in the stage and removed again', troubleOf([copy('/venv', '/x')], gone)],
    ['was installed in the stage and copied too', troubleOf([copy('/venv', '/x')], stage({ copied }))],
    [
      'before something ran in the stage',
      troubleOf([copy('/venv', '/x')], { ...whole, installs: [], hidden: whole.installs }),
    ],
    ['neither copied nor installed', troubleOf([copy('/venv', '/x')], stage({}, file('venv/odd')))],
    ['by letters', troubleOf([copy('/venv', '/x', { chmod: 'g=rX' })])],
    ['may mean bytecode', troubleOf([copy(`/${SITE}/d*`, '/x/')])],
    ['a directory would be copied over', troubleOf([copy('/venv', '/x')], stage(), indexOf(file('x')))],
    ['--parents or --exclude', troubleOf([copy('/venv', '/x', { excludes: ['x'] })])],
  ];
  for (const [reason, trouble] of cases)
    assert.ok(trouble.reason.includes(reason), `${reason}: ${trouble.reason}`);
  for (const fine of [copy('/venv/py*', '/x/'), copy('/venv/pyvenv.cfg', '/x', { chmod: 'g=rX' })])
    assert.equal(troubleOf([fine]).reason, '');
});

test('what was taken out of an image is known where it was copied on, until something replaces it', () => {
  const other = stage().given;
  const extracted = new Map([['venv/app.py', { image: other, path: 'venv/pyvenv.cfg' }]]);
  const origin = (state: ImageState) => {
    const origins = originsOf(state);
    return 'of' in origins ? origins.of('venv/app.py') : undefined;
  };
  const taken = stage({ copied: new Map(), extracted });
  assert.deepEqual(origin(taken), { kind: 'given', image: other, path: 'venv/pyvenv.cfg' });
  const link = entry('venv/app.py', { type: 'symlink', link: 'x' });
  assert.deepEqual(origin(stage({ copied: new Map(), extracted }, link)), { kind: 'made' });
});

test('a part of a stage, all of it, and heredocs have to run', () => {
  const shapes = {
    'COPY --from=b --exclude=*.pyc /opt /opt': /--exclude/,
    'COPY --from=b --parents /opt/x /opt/': /--parents/,
    'COPY --from=b / /': /all of another stage/,
    'COPY --from=b ./ /x': /all of another stage/,
    'COPY --from=b --chown=app --chmod=755 --link /opt /x/* /srv/': undefined,
  };
  for (const [line, reason] of Object.entries(shapes)) {
    const [instruction] = readStage(`FROM base AS b\nFROM base\n${line}\n`).node.instructions;
    assert.ok(instruction?.kind === 'copy');
    const found = spliceShape(instruction)?.reason;
    if (reason === undefined) assert.equal(found, undefined, line);
    else assert.match(found ?? '', reason, line);
  }
});

test('what is at or below a path', () => {
  assert.ok(isBelow('opt/venv/x', ['/srv', '/opt/venv']) && isBelow('opt/venv', ['/opt/venv']));
  assert.ok(!isBelow('opt/venv2', ['/opt/venv']));
});
