import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Keeper } from '../../../src/compose/keep/keeper.ts';
import type { ImageState, WrittenLayer } from '../../../src/compose/state.ts';
import { mountTargets, type WheelBuild, wheelKey } from '../../../src/compose/wheels/wheel-build.ts';
import { wheelDockerfile } from '../../../src/compose/wheels/wheel-dockerfile.ts';
import { leftLayer } from '../../../src/compose/wheels/wheel-left.ts';
import { outOf, wheelOrder } from '../../../src/compose/wheels/wheel-order.ts';
import { parsePipReport, parseUvLock } from '../../../src/compose/wheels/wheel-report.ts';
import { readWheelResult } from '../../../src/compose/wheels/wheel-result.ts';
import { withoutCopies } from '../../../src/compose/wheels/wheel-state.ts';
import { withBuiltWheels } from '../../../src/compose/wheels/wheel-store.ts';
import { parseDockerfile } from '../../../src/dockerfile/parse.ts';
import type { StageState } from '../../../src/image/config-start.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { applicable } from '../../../src/lock/applicable.ts';
import type { SourceDistribution } from '../../../src/python/lock.ts';
import { DEFAULT_PIP_OPTIONS } from '../../../src/python/recognise/pip-options.ts';
import { FACTS, lockInput } from '../../lock/support.ts';
import { sha256 } from '../../support/package-index.ts';
import { wheelParts } from '../../support/wheel.ts';
import { zipOf } from '../../support/zip.ts';
import { readStage } from '../stages.ts';

const STAGE = `FROM base
ENV LANG=C
WORKDIR /app
ARG TOKEN
ARG SIZE
RUN --mount=type=cache,target=/cache pip install .
`;

const SDIST: Extract<SourceDistribution, { kind: 'archive' }> = {
  ...{ kind: 'archive', url: 'https://files.example/demo-1.0.tar.gz', sha256: 'a'.repeat(64) },
  subdirectory: undefined,
};

const file = (path: string): PathEntry => ({
  ...{ path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 1, link: '' },
});

interface Given {
  readonly arguments?: Readonly<Record<string, string>>;
  readonly text?: string;
}

/** The build of an sdist in the last instruction of a stage. */
function buildOf(more: Partial<WheelBuild> = {}, given: Given = {}): WheelBuild {
  const { node, states } = readStage(given.text ?? STAGE, given.arguments);
  const at = node.instructions.length - 1;
  const files = { index: emptyIndex(), layers: [], contents: new Map() } as unknown as ImageState['files'];
  const state: ImageState = {
    ...{
      stage: states[at] as StageState,
      layers: [],
      files,
      installs: [],
      copied: new Map(),
      assumed: false,
    },
    given: { image: 'base', config: {} as never, layers: [], files, below: undefined },
  };
  return {
    ...{ name: 'demo', version: '1.0', source: SDIST, python: FACTS, tool: { kind: 'pip' }, options: [] },
    ...{ indexes: DEFAULT_PIP_OPTIONS, env: {}, inputs: [], runFlags: [], state },
    place: { node, at, line: node.instructions[at]?.line ?? 0 },
    ...more,
  };
}

test('a key covers what decides the wheel', () => {
  const key = wheelKey(buildOf());
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.equal(wheelKey(buildOf()), key);
  const { state } = buildOf();
  const others: readonly WheelBuild[] = [
    buildOf({ source: { ...SDIST, sha256: 'b'.repeat(64) } }),
    buildOf({ source: { ...SDIST, subdirectory: 'lib' } }),
    buildOf({
      source: { kind: 'git', url: 'https://h/r', revision: 'c'.repeat(40), subdirectory: undefined },
    }),
    buildOf({ source: { kind: 'directory', path: '/app', editable: false } }),
    buildOf({ source: { kind: 'directory', path: '/app', editable: true } }),
    buildOf({ tool: { kind: 'uv', program: 'uv' } }),
    buildOf({ options: ['--no-build-isolation'] }),
    buildOf({ env: { CFLAGS: '-O3' } }),
    buildOf({ inputs: ['another file'] }),
    buildOf({ runFlags: ['--network=host'] }),
    buildOf({ python: { ...FACTS, executable: '/opt/venv/bin/python' } }),
    buildOf({ indexes: { ...DEFAULT_PIP_OPTIONS, indexUrl: 'https://other.example/simple' } }),
    buildOf({ state: { ...state, layers: [LAYER] } }),
    buildOf({}, { text: STAGE.replace('LANG=C', 'LANG=D') }),
    buildOf({}, { text: STAGE.replace('/cache', '/other') }),
    buildOf({}, { arguments: { SIZE: '2' } }),
  ];
  const keys = others.map(wheelKey);
  assert.equal(new Set([key, ...keys]).size, others.length + 1, 'each is another key');
});

const LAYER: WrittenLayer = {
  ...{ kind: 'copy', key: 'k', title: 'COPY', line: 1, bytes: 1 },
  write: () => Promise.reject(new Error('not made')),
};

test('a key does not cover what the programs do not see, nor logins', () => {
  const key = wheelKey(buildOf());
  const same: readonly WheelBuild[] = [
    buildOf({}, { text: STAGE.replace('WORKDIR', 'LABEL a=b\nEXPOSE 80\nCMD ["x"]\nWORKDIR') }),
    buildOf({}, { text: STAGE.replace('pip install .', 'pip install . other==2') }),
    buildOf({ name: undefined, version: undefined }),
  ];
  for (const one of same) assert.equal(wheelKey(one), key);
  const withToken = (token: string) =>
    wheelKey(
      buildOf(
        {
          env: { PIP_INDEX_URL: `https://aws:${token}@index.example/simple`, API_TOKEN: token },
          indexes: { ...DEFAULT_PIP_OPTIONS, indexUrl: `https://aws:${token}@index.example/simple` },
        },
        { arguments: { TOKEN: token } },
      ),
    );
  assert.equal(withToken('monday'), withToken('tuesday'));
});

test('what the program is told: addresses with logins only in secret', () => {
  const indexUrl = 'https://aws:word@files.example/simple';
  const { order, secret } = wheelOrder(buildOf({ indexes: { ...DEFAULT_PIP_OPTIONS, indexUrl } }));
  assert.deepEqual(secret, { PIP_INDEX_URL: indexUrl });
  assert.equal(JSON.stringify(order).includes('word'), false);
  const odd = wheelOrder(buildOf({ env: { API_TOKEN: 'word', URL: 'https://a:word@h/', WORKERS: '2' } }));
  assert.equal(odd.order.env.WORKERS, '2');
  assert.equal(odd.order.env.URL, 'https://h/');
  assert.equal(JSON.stringify(odd.order).includes('word'), false);
  assert.deepEqual(odd.secret, { API_TOKEN: 'word', URL: 'https://a:word@h/' });
  assert.deepEqual(order.indexes, ['https://files.example/simple']);
  assert.deepEqual(order.files, { 'requirements.txt': `demo==1.0 --hash=sha256:${SDIST.sha256}\n` });
  assert.ok(order.passedOver.includes('/cache'));
  const plain = wheelOrder(buildOf()).order;
  assert.equal(plain.command.at(-1), `demo @ ${SDIST.url}#sha256=${SDIST.sha256}`);
  const git = buildOf({
    source: { kind: 'git', url: 'https://h/r.git', revision: 'main', subdirectory: 'lib' },
  });
  assert.equal(wheelOrder(git).order.command.at(-1), 'demo @ git+https://h/r.git@main#subdirectory=lib');
  const editable = buildOf({ source: { kind: 'directory', path: '/app', editable: true } });
  assert.deepEqual(wheelOrder(editable).order.command.slice(-2), ['--editable', '/app']);
  const uv = wheelOrder(buildOf({ tool: { kind: 'uv', program: '/bin/uv' } })).order;
  assert.deepEqual(uv.command.slice(0, 3), ['/bin/uv', 'pip', 'install']);
  assert.deepEqual(uv.files, { 'requirements.txt': `demo @ ${SDIST.url} --hash=sha256:${SDIST.sha256}\n` });
});

test('a generated Dockerfile runs as the step runs, and holds nothing but the results', () => {
  const { dockerfile } = readStage(STAGE);
  const image = `reg.example/app@sha256:${'d'.repeat(64)}`;
  const generated = wheelDockerfile(dockerfile, buildOf(), { image, out: '/out', hasSecret: true });
  assert.ok('text' in generated, JSON.stringify(generated));
  assert.equal(
    generated.text,
    `FROM --platform=linux/amd64 ${image}
ARG TOKEN
ARG SIZE
RUN --mount=type=bind,from=layerwright-job,target=/run/layerwright/job --mount=type=secret,id=layerwright-index,target=/run/layerwright/index.json,mode=0444,required=true --mount=type=cache,target=/cache /usr/local/bin/python3.11 /run/layerwright/job/job.py
FROM scratch
COPY --from=0 /out /
`,
  );
  assert.equal(parseDockerfile(generated.text, 'Dockerfile').stages.length, 2);
  assert.deepEqual(wheelDockerfile(dockerfile, buildOf(), { image, out: '/cache/x', hasSecret: false }), {
    reason: 'its mount at /cache is in the way of building wheels',
  });
  assert.deepEqual(
    [outOf(undefined), outOf('0:0'), outOf('app')],
    ['/layerwright-out', '/layerwright-out', '/tmp/layerwright-out'],
  );
});

test('where mounts stand', () => {
  const text = STAGE.replace(
    '--mount=type=cache,target=/cache',
    '--mount=type=bind,target=. --mount=type=secret,id=pip --mount=type=tmpfs,target=/tmp/x',
  );
  const { state, place } = buildOf({}, { text });
  assert.deepEqual(mountTargets(state, place), ['/app', '/run/secrets/pip', '/tmp/x']);
});

test('what an index has is built without the application, unless copies may configure the build', () => {
  const { state } = buildOf();
  const line = { created_by: 'COPY' };
  const image = { ...state.stage.image, history: [...(state.stage.image.history ?? []), line] };
  const base = { kind: 'given', blob: { diffId: 'sha256:b' } } as ImageState['layers'][number];
  const made: WrittenLayer = { ...LAYER, kind: 'directory' };
  const with_ = (paths: readonly PathEntry[], more: Partial<ImageState> = {}): ImageState => ({
    ...state,
    stage: { ...state.stage, image },
    layers: [base, made, LAYER],
    copied: new Map(paths.filter(({ type }) => type === 'file').map(({ path }) => [path, {} as never])),
    files: { ...state.files, index: withLayer(emptyIndex(), paths) },
    ...more,
  });
  const without = withoutCopies(with_([file('app/main.py')]));
  assert.deepEqual(without.layers, [base, made]);
  assert.equal(without.stage.image.history?.filter(({ empty_layer }) => !empty_layer).length, 2);
  const kept: readonly ImageState[] = [
    with_([file('app/main.py'), file('etc/pip.conf')]),
    with_([file('app/main.py'), { ...file('usr/bin/gcc'), type: 'symlink', link: '/x' }]),
  ];
  for (const one of kept) assert.equal(withoutCopies(one), one);
  const named = buildOf({}, { text: STAGE.replace('LANG=C', 'PYTHONPATH=/app') }).state;
  const asNamed = with_([file('app/main.py')], {
    stage: { ...named.stage, image: { ...named.stage.image, history: image.history } },
  });
  assert.equal(withoutCopies(asNamed), asNamed);
});

test('what comes out of the image is checked', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lw-wheel-'));
  try {
    const read = async (result: object, files: Readonly<Record<string, Buffer>> = {}, build = buildOf()) => {
      await writeFile(join(directory, 'result.json'), JSON.stringify(result));
      for (const [name, bytes] of Object.entries(files)) await writeFile(join(directory, name), bytes);
      const found = await readWheelResult(directory, build);
      return 'reason' in found ? found.reason : found.kept;
    };
    const wheel = zipOf(wheelParts([{ name: 'demo.py', content: 'x\n' }]));
    const filename = 'demo-1.0-py3-none-any.whl';
    const files = { 'direct_url.json': '{}', 'uv_build.json': '{}' };
    const kept = await read({ filename, files }, { [filename]: wheel });
    assert.ok(typeof kept === 'object');
    assert.deepEqual([kept.facts.name, kept.files], ['demo', { 'uv_build.json': '{}' }]);
    const own = buildOf({ source: { kind: 'directory', path: '/app', editable: false } });
    const project = await read({ filename, files }, {}, own);
    assert.deepEqual((project as typeof kept).files, files);
    assert.equal(await read({ problem: 'it is none' }), 'it is none');
    assert.equal(await read({ filename: '../demo-1.0-py3-none-any.whl' }), 'no wheel came out of it');
    assert.equal(await read({ filename: 'demo-1.0-py2-none-any.whl' }), 'no wheel came out of it');
    const named = async (name: string, words: RegExp, build?: WheelBuild) => {
      const said = await read({ filename: name }, { [name]: wheel }, build);
      assert.match(String(said), words);
    };
    await named('other-1.0-py3-none-any.whl', /built to other-1\.0-py3-none-any\.whl, not to demo 1\.0/);
    await named('demo-2.0-py3-none-any.whl', /not to demo 1\.0/);
    await named('demo-2.0-py3-none-any.whl', /is not that of demo 2\.0/, {
      ...own,
      name: undefined,
      version: undefined,
    });
    const left = { ...file('app/build/a'), size: 1 };
    assert.match(String(await read({ filename, left: [left] })), /leaves at \/app\/build\/a is gone/);
    for (const strange of [{ path: '../a' }, { path: '/a' }, { mode: -1 }, { type: 'fifo' }, { link: 'x' }])
      assert.match(String(await read({ filename, left: [{ ...left, ...strange }] })), /not understood/);
    assert.match(String(await read({ filename, files: { '../x': '' } })), /not understood/);
    // A link would be followed on this machine.
    await rm(join(directory, filename));
    await symlink(join(directory, 'other-1.0-py3-none-any.whl'), join(directory, filename));
    assert.equal(await read({ filename }), 'no wheel came out of it');
    await named('demo-1.0-cp312-cp312-linux_x86_64.whl', /does not fit the image's Python/);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('what a build leaves is a layer, with the directories above as they are', async () => {
  const directory = { ...file('app'), type: 'directory', mode: 0o2775, gid: 7, size: 0 } as const;
  const files = { index: withLayer(emptyIndex(), [directory]) } as ImageState['files'];
  const left = [
    { entry: { ...file('app/build'), type: 'directory' as const, mode: 0o755, size: 0 }, sha256: undefined },
    { entry: { ...file('app/build/a'), size: 2 }, sha256: 'e'.repeat(64) },
  ];
  const content = async () => new Map([['e'.repeat(64), Buffer.from('a\n')]]);
  const options = { compression: 'gzip', mtime: 1_700_000_000 } as const;
  const layer = leftLayer({ entries: left, content }, 'left by demo', 3, { files }, options);
  assert.ok(layer);
  const target = await mkdtemp(join(tmpdir(), 'lw-left-'));
  try {
    const made = await layer.write(target);
    assert.deepEqual(
      made.entries.map(({ path, mode, gid }) => [path, mode, gid]),
      [
        ['app', 0o2775, 7],
        ['app/build', 0o755, 0],
        ['app/build/a', 0o644, 0],
      ],
    );
  } finally {
    await rm(target, { recursive: true });
  }
  assert.equal(leftLayer({ entries: [], content }, 'nothing', 3, { files }, options), undefined);
});

const HASH = 'f'.repeat(64);

test("pip's report as a lock", () => {
  const item = (url: string, more: object = {}) => ({
    download_info: { url, archive_info: { hash: `sha256=${HASH}` } },
    ...{ is_direct: false, requested: true, metadata: { name: 'De.mo', version: '1.0' } },
    ...more,
  });
  const read = (...install: readonly object[]) => parsePipReport(JSON.stringify({ install }));
  const url = 'https://i.example/De.mo-1.0.tar.gz';
  assert.deepEqual(read(item(url)), [
    {
      ...{ name: 'de-mo', version: '1.0', requested: true, wheel: undefined },
      source: { kind: 'archive', url, sha256: HASH, subdirectory: undefined },
    },
  ]);
  assert.deepEqual(read(item('file:///wheels/a.whl')), {
    reason: 'the index gives no SHA-256 or address for De.mo',
  });
  assert.deepEqual(read(item(url, { is_direct: true })), {
    reason: 'De.mo comes from an address of its own',
  });
  assert.ok('reason' in read({ metadata: {} }));
});

test("uv's lock: a wheel that fits, else the source distribution", () => {
  const applying = applicable(lockInput('demo\n'));
  assert.ok(!('reason' in applying));
  const entry = (name: string) => `{ url = "https://i.example/${name}", hashes = { sha256 = "${HASH}" } }`;
  const read = (wheel: string) =>
    parseUvLock(
      `[[packages]]\nname = "demo"\nversion = "1.0"\nsdist = ${entry('demo-1.0.tar.gz')}\nwheels = [${entry(wheel)}]\n`,
      applying,
    );
  const [fitting] = read('demo-1.0-py3-none-any.whl') as readonly { wheel?: { filename: string } }[];
  assert.equal(fitting?.wheel?.filename, 'demo-1.0-py3-none-any.whl');
  const [built] = read('demo-1.0-cp312-cp312-win_amd64.whl') as readonly { source?: { kind: string } }[];
  assert.equal(built?.source?.kind, 'archive');
});

test('a built wheel is read from the cache repository, checked', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lw-store-'));
  const bytes = Buffer.from('a wheel');
  const digest = sha256(bytes);
  const blobs = new Map([[`sha256:${digest}`, bytes]]);
  const openBlob = async (name: string) =>
    blobs.has(name) ? ReadableStream.from([blobs.get(name) as Uint8Array]) : undefined;
  const repository = { name: 'reg.example/app', openBlob } as unknown as Keeper['repository'];
  const below = { fetch: async () => '/of/the/index', trust: () => {}, bytes: () => 1 };
  const none = { fileOf: () => undefined };
  const store = withBuiltWheels(below, { repository }, none, directory);
  const wheel = {
    url: 'layerwright:wheel/k',
    filename: 'demo-1.0-py3-none-any.whl',
    sha256: digest,
    size: 7,
  };
  try {
    const path = await store.fetch(wheel);
    assert.equal((await readFile(path)).toString(), 'a wheel');
    assert.equal(await store.fetch(wheel), path);
    assert.equal(store.bytes(), 8);
    assert.equal(await store.fetch({ ...wheel, url: 'https://i.example/demo.whl' }), '/of/the/index');
    const now = withBuiltWheels(below, { repository }, { fileOf: () => '/built/now' }, directory);
    assert.equal(await now.fetch(wheel), '/built/now');
    const gone = { ...wheel, sha256: '0'.repeat(64) };
    await assert.rejects(store.fetch(gone), { code: 'WHEEL_MISSING' });
    blobs.set(`sha256:${gone.sha256}`, bytes);
    const other = withBuiltWheels(below, { repository }, none, directory);
    await assert.rejects(other.fetch(gone), { code: 'WHEEL_HASH_MISMATCH' });
    assert.equal((await readdir(directory)).length, 1, 'nothing of it stays');
  } finally {
    await rm(directory, { recursive: true });
  }
});
