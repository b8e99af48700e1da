import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Launcher } from '../../src/python/entry-points.ts';
import { launcherText } from '../../src/python/launcher.ts';
import { compareTrees } from '../../src/verify/compare-trees.ts';
import type { TreeComparison } from '../../src/verify/difference.ts';
import {
  altered,
  bytecode,
  PATHS,
  pipLauncher,
  RECORD_LINES,
  SAMPLE,
  SOURCE,
  treeOf,
  uvLauncher,
} from './sample.ts';
import type { TarLine } from './tar.ts';

const STRICT = { solveNoise: false, homes: [] };

/** The image is the altered one; it is compared with the sample. */
async function compared(
  image: readonly TarLine[],
  rules: Parameters<typeof compareTrees>[2] = STRICT,
  plain: readonly TarLine[] = SAMPLE,
): Promise<TreeComparison> {
  return compareTrees(await treeOf(image), await treeOf(plain), rules);
}

/** What differs in few words: `KIND PATH: IMAGE | PLAIN`. */
async function told(...given: Parameters<typeof compared>): Promise<readonly string[]> {
  const { differences, excused } = await compared(...given);
  assert.deepEqual(excused, {}, 'nothing is excused on the way');
  return differences.map(({ kind, path, image, plain }) => `${kind} ${path}: ${image} | ${plain}`);
}

test('a file system is the same as itself, and every path of it is counted', async () => {
  const { differences, excused, paths } = await compared(SAMPLE);
  assert.deepEqual({ differences, excused }, { differences: [], excused: {} });
  // The lines, and the directories above them that have none of their own.
  const implied = ['', 'srv', 'usr', 'usr/bin', 'usr/local', 'usr/local/bin', 'usr/local/lib', 'var'];
  const packages = ['', '/demo', '/demo/__pycache__', '/demo-1.0.dist-info', '/pip'];
  assert.equal(paths, SAMPLE.length + implied.length + packages.length + 1);
});

test('a path that is another type of file is found', async () => {
  assert.deepEqual(await told(altered({ 'usr/bin/python3': { type: 'file', link: '', content: 'x' } })), [
    'type /usr/bin/python3: file | symlink',
  ]);
});

test('another mode is found, down to the sticky bit and set-user-ID', async () => {
  assert.deepEqual(await told(altered({ [PATHS.source]: { mode: 0o664 } })), [
    `mode /${PATHS.source}: 0664 | 0644`,
  ]);
  assert.deepEqual(await told(altered({ tmp: { mode: 0o777 } })), ['mode /tmp: 0777 | 1777']);
  assert.deepEqual(await told(altered({ 'usr/bin/ping': { mode: 0o755 } })), [
    'mode /usr/bin/ping: 0755 | 4755',
  ]);
});

test('another owner and another group are found, each by itself', async () => {
  assert.deepEqual(await told(altered({ 'srv/web': { uid: 0 } })), ['owner /srv/web: 0 | 1000']);
  assert.deepEqual(await told(altered({ 'srv/web': { gid: 0 } })), ['group /srv/web: 0 | 1000']);
});

test('a symbolic link that leads elsewhere is found', async () => {
  assert.deepEqual(await told(altered({ 'usr/bin/python3': { link: '/usr/bin/python3.11' } })), [
    'link /usr/bin/python3: /usr/bin/python3.11 | python3.11',
  ]);
});

test('one other byte is found, with the layer that the path is from', async () => {
  const image = await treeOf(SAMPLE, [{ path: PATHS.source, content: SOURCE.replace('hello', 'hellO') }]);
  const { differences } = compareTrees(image, await treeOf(SAMPLE), STRICT);
  assert.deepEqual(differences, [
    {
      path: `/${PATHS.source}`,
      kind: 'content',
      image: 'file of 17 B, sha256:ee5001707872',
      plain: 'file of 17 B, sha256:233a94ec7e38',
      layer: 1,
    },
  ]);
});

test('another, a missing and an added extended attribute are found', async () => {
  const capability = (last: number) => ({ 'security.capability': Buffer.from([1, 0, 0, 2, 0, last]) });
  assert.deepEqual(await told(altered({ 'usr/bin/ping': { xattrs: capability(33) } })), [
    'xattr /usr/bin/ping: security.capability=0x010000020021 | security.capability=0x010000020020',
  ]);
  assert.deepEqual(await told(altered({ 'usr/bin/ping': { xattrs: {} } })), [
    'xattr /usr/bin/ping:  | security.capability=0x010000020020',
  ]);
  assert.deepEqual(await told(altered({ 'usr/bin/one': { xattrs: { 'user.x': Buffer.from('1') } } })), [
    'xattr /usr/bin/one: user.x=0x31 | ',
    // The other name of the same file.
    'xattr /usr/bin/two: user.x=0x31 | ',
  ]);
});

test('a device of another number is found', async () => {
  assert.deepEqual(await told(altered({ 'usr/null': { device: [1, 5] } })), ['device /usr/null: 1:5 | 1:3']);
});

test('a path that the image lacks, and one that it has beside, are found', async () => {
  const missing = await compared(altered({ [PATHS.installer]: undefined }));
  assert.deepEqual(
    missing.differences.map(({ kind, path, image, layer }) => ({ kind, path, image, layer })),
    [{ kind: 'missing', path: `/${PATHS.installer}`, image: null, layer: null }],
  );
  assert.deepEqual(await told(altered({}, [{ path: 'usr/bin/more', content: 'x' }])), [
    'added /usr/bin/more: file of 1 B, sha256:2d711642b726 | null',
  ]);
});

test('a hard link is the file that it leads to', async () => {
  const copy: Partial<TarLine> = { type: 'file', link: '', content: 'linked' };
  assert.deepEqual(await told(altered({ 'usr/bin/two': copy })), []);
  assert.equal((await told(altered({ 'usr/bin/two': { ...copy, content: 'linkeD' } }))).length, 1);
});

test('bytecode of other code is found', async () => {
  const { differences, excused } = await compared(
    altered({ [PATHS.bytecode]: { content: bytecode('other') } }),
  );
  assert.deepEqual(
    differences.map(({ kind, path }) => [kind, path]),
    [['bytecode', `/${PATHS.bytecode}`]],
  );
  assert.deepEqual(excused, {});
});

test('bytecode that only shares its objects otherwise is excused, and so is a valid header for another source time', async () => {
  const unshared = await compared(altered({ [PATHS.bytecode]: { content: bytecode('unshared') } }));
  assert.deepEqual([unshared.differences, unshared.excused], [[], { 'bytecode-sharing': 1 }]);
  const later = { mtime: 1_700_000_001 };
  const both = { [PATHS.source]: later, [PATHS.bytecode]: { content: bytecode('shared', later) } };
  const header = await compared(altered(both));
  assert.deepEqual([header.differences, header.excused], [[], { 'bytecode-header': 1, mtime: 1 }]);
});

test('bytecode that Python would not use, because its source has another time or size, is found', async () => {
  const line = (given: Parameters<typeof bytecode>[1]) =>
    altered({ [PATHS.bytecode]: { content: bytecode('shared', given) } });
  const stale = `bytecode /${PATHS.bytecode}: not used: its source has another time or size | used if its source is the same`;
  assert.deepEqual(await told(line({ mtime: 1_700_000_001 })), [stale]);
  assert.deepEqual(await told(line({ size: 18 })), [stale]);
  // The bytecode itself is the same.
  const { differences } = await compared(altered({ [PATHS.source]: { mtime: 1 } }));
  assert.deepEqual(
    differences.map(({ kind, path }) => `${kind} ${path}`),
    [`bytecode /${PATHS.bytecode}`],
  );
});

test('bytecode that hides later changes of its source is found', async () => {
  assert.deepEqual(await told(altered({ [PATHS.bytecode]: { content: bytecode('shared', { flags: 1 }) } })), [
    `bytecode /${PATHS.bytecode}: used whatever its source says | used if its source is the same`,
  ]);
});

test('bytecode of another Python is found, and what this version cannot read is never taken for the same', async () => {
  const other = { content: bytecode('shared', { magic: 3531 }) };
  assert.deepEqual(await told(altered({ [PATHS.bytecode]: other })), [
    `bytecode /${PATHS.bytecode}: magic number 3531 | magic number 3495`,
  ]);
  const future = (code: 'shared' | 'unshared') =>
    altered({ [PATHS.bytecode]: { content: bytecode(code, { magic: 4000 }) } });
  const [unknown] = await told(future('unshared'), STRICT, future('shared'));
  assert.match(unknown ?? '', /^bytecode .*: unread code \w+ \| unread code \w+; not compared/);
});

/** The sample, and files that are on one side only. */
const withMore = (...added: readonly TarLine[]) => altered({}, added);

test("bytecode of Python's own library and of pip may be on either side alone, directory and all", async () => {
  const left = withMore(
    { path: PATHS.libraryBytecode, content: bytecode('shared') },
    { path: PATHS.pipBytecode, content: bytecode('shared') },
  );
  for (const [image, plain] of [
    [left, SAMPLE],
    [SAMPLE, left],
  ] as const) {
    const { differences, excused } = await compared(image, STRICT, plain);
    assert.deepEqual([differences, excused], [[], { 'bytecode-of-pip-run': 4 }]);
  }
});

test('no other file there, no bytecode without its source, and no bytecode of another distribution is excused', async () => {
  const kinds = async (...added: TarLine[]) =>
    (await compared(withMore(...added))).differences.map(({ path }) => path);
  const beside = PATHS.libraryBytecode.replace('os.', 'gone.');
  assert.deepEqual(await kinds({ path: beside, content: bytecode('shared') }), [
    '/usr/local/lib/python3.11/__pycache__',
    `/${beside}`,
  ]);
  assert.deepEqual(await kinds({ path: 'usr/local/lib/python3.11/new.py' }), [
    '/usr/local/lib/python3.11/new.py',
  ]);
  const missing = await told(altered({ [PATHS.bytecode]: undefined }));
  assert.deepEqual(
    missing.map((one) => one.split(':')[0]),
    [`missing /${PATHS.bytecode.replace(/\/[^/]*$/, '')}`, `missing /${PATHS.bytecode}`],
  );
});

test('an empty directory of the library, and bytecode whose source differs, are not left by pip', async () => {
  const empty = await told(withMore({ path: 'usr/local/lib/python3.11/new', type: 'directory' }));
  assert.deepEqual(empty, ['added /usr/local/lib/python3.11/new: directory | null']);
  const image = altered({ [PATHS.library]: { content: 'other\n' } }, [
    { path: PATHS.libraryBytecode, content: bytecode('shared') },
  ]);
  const { differences } = await compared(image);
  assert.deepEqual(
    differences.map(({ kind, path }) => `${kind} ${path}`),
    [
      'added /usr/local/lib/python3.11/__pycache__',
      `added /${PATHS.libraryBytecode}`,
      `content /${PATHS.library}`,
    ],
  );
});

test('a launcher by other words is excused, with the hash of it in RECORD', async () => {
  const record = RECORD_LINES.map((line) => line.replace('aaaa,230', 'cccc,300')).join('\n');
  const { differences, excused } = await compared(
    altered({ [PATHS.launcher]: { content: uvLauncher() }, [PATHS.record]: { content: record } }),
  );
  assert.deepEqual([differences, excused], [[], { launcher: 1, record: 1 }]);
});

test('a launcher of another entry point, interpreter or mode is found', async () => {
  const line = (content: string, mode = 0o755) => altered({ [PATHS.launcher]: { content, mode } });
  const at = `launcher /${PATHS.launcher}`;
  const usual = '/usr/local/bin/python3.11 demo:hello';
  assert.deepEqual(await told(line(uvLauncher(undefined, 'demo.cli'))), [
    `${at}: /usr/local/bin/python3.11 demo.cli:hello | ${usual}`,
  ]);
  assert.deepEqual(await told(line(uvLauncher(undefined, 'demo', 'Greeter.run'))), [
    `${at}: /usr/local/bin/python3.11 demo:Greeter.run | ${usual}`,
  ]);
  assert.deepEqual(await told(line(pipLauncher('/opt/venv/bin/python'))), [
    `${at}: /opt/venv/bin/python demo:hello | ${usual}`,
  ]);
  assert.deepEqual(await told(line(uvLauncher(), 0o775)), [
    `mode /${PATHS.launcher}: 0775 | 0755`,
    `${at}: ${usual} | ${usual}`,
  ]);
});

test('a launcher of our own is known as one, and so are those of pip after a long path', async () => {
  const own = launcherText({ module: 'demo', object: 'hello' } as Launcher, '/usr/local/bin/python3.11');
  const { differences, excused } = await compared(altered({ [PATHS.launcher]: { content: own } }));
  assert.deepEqual([differences, excused], [[], { launcher: 1 }]);
  const long = `/opt/${'x'.repeat(130)}/bin/python`;
  const shell = pipLauncher().replace(/^.*\n/, `#!/bin/sh\n'''exec' ${long} "$0" "$@"\n' '''\n`);
  assert.deepEqual(await told(altered({ [PATHS.launcher]: { content: shell } })), [
    `launcher /${PATHS.launcher}: ${long} demo:hello | /usr/local/bin/python3.11 demo:hello`,
  ]);
});

test('a program that does one thing more than a launcher is found', async () => {
  const more = pipLauncher().replace('import sys\n', 'import sys\nimport demo.evil\n');
  const { differences } = await compared(altered({ [PATHS.launcher]: { content: more } }));
  assert.deepEqual(
    differences.map(({ kind }) => kind),
    ['content'],
  );
});

test('RECORD may be in another order and without bytecode', async () => {
  const lines = RECORD_LINES.filter((line) => !line.includes('.pyc')).toReversed();
  const { differences, excused } = await compared(
    altered({ [PATHS.record]: { content: `${lines.join('\r\n')}\r\n` } }),
  );
  assert.deepEqual([differences, excused], [[], { record: 1 }]);
});

test('a RECORD that lacks a path, has one beside, or another hash, is found', async () => {
  const record = async (edit: (text: string) => string) =>
    (await told(altered({ [PATHS.record]: { content: edit(RECORD_LINES.join('\n')) } })))[0];
  const at = `record /${PATHS.record}`;
  assert.equal(
    await record((text) => text.replace('demo/__init__.py,sha256=bbbb,17\n', '')),
    `${at}: lacks ${PATHS.source} | 4 files`,
  );
  assert.equal(
    await record((text) => `${text}\n"demo/a ""b"".py",sha256=x,1`),
    `${at}: has beside ${PATHS.source.replace('__init__', 'a "b"')} | 4 files`,
  );
  assert.equal(
    await record((text) => text.replace('bbbb', 'cccc')),
    `${at}: has another hash or size for ${PATHS.source} | 4 files`,
  );
  // The launcher is the same file on both sides, so its hash must be the same.
  assert.equal(
    await record((text) => text.replace('aaaa', 'cccc')),
    `${at}: has another hash or size for ${PATHS.launcher} | 4 files`,
  );
});

test('a RECORD that is none is compared byte by byte', async () => {
  const [one] = await told(altered({ [PATHS.record]: { content: 'no csv of three' } }));
  assert.match(one ?? '', /^content /);
});

test('another INSTALLER is found', async () => {
  assert.equal((await told(altered({ [PATHS.installer]: { content: 'uv\n' } }))).length, 1);
});

test('times are no difference, and are counted', async () => {
  const { differences, excused } = await compared(
    altered({ tmp: { mtime: 1 }, 'usr/bin/one': { mtime: 2 } }),
  );
  assert.deepEqual([differences, excused], [[], { mtime: 3 }], 'a hard link has the time of its file');
});

test('caches below home directories are excused: of root, of the users of /etc/passwd, of HOME, and of nobody else', async () => {
  const cached = (home: string): TarLine => ({ path: `${home}/.cache/pip/http/x`, content: home });
  const own = await compared(withMore(cached('root'), cached('srv/web'), cached('data')), {
    solveNoise: false,
    homes: ['/data'],
  });
  assert.deepEqual(
    own.differences.map(({ path }) => path),
    ['/data'],
  );
  assert.equal(own.excused['home-cache'], 12);
  const cache = (content: string): TarLine => ({ path: 'root/.cache/x', content });
  const both = await compared(withMore(cache('1')), STRICT, withMore(cache('2')));
  assert.deepEqual([both.differences, both.excused], [[], { 'home-cache': 1 }]);
  const others = await compared(withMore(cached('opt'), { path: 'root/.cached', content: '' }));
  assert.deepEqual(others.excused, {});
  assert.equal(others.differences.length, 6);
});

test('what any RUN leaves behind is excused only where a RUN was run on both sides, and only as content', async () => {
  const image = altered({ 'var/log/apt.log': { content: 'second' }, 'etc/resolv.conf': undefined }, [
    { path: 'proc', type: 'directory' },
  ]);
  const noisy = await compared(image, { solveNoise: true, homes: [] });
  assert.deepEqual([noisy.differences, noisy.excused], [[], { 'solve-noise': 3 }]);
  assert.equal((await compared(image)).differences.length, 3);
  const mode = altered({ 'var/log/apt.log': { mode: 0o600 } });
  assert.equal((await compared(mode, { solveNoise: true, homes: [] })).differences.length, 1);
  const other = withMore({ path: 'var/lib/dpkg/status', content: '' });
  assert.equal((await compared(other, { solveNoise: true, homes: [] })).differences.length, 3);
});

test('times of a uv_cache.json are excused, also in RECORD, and nothing else of it', async () => {
  const path = 'usr/lib/python3/dist-packages/own-1.0.dist-info';
  const side = (seconds: number, commit = 'null', record = seconds): readonly TarLine[] => [
    ...SAMPLE,
    {
      path: `${path}/uv_cache.json`,
      content: `{"timestamp":{"secs_since_epoch":${seconds},"nanos_since_epoch":1},"commit":${commit},"directories":{"src":${seconds}}}`,
    },
    { path: `${path}/RECORD`, content: `own-1.0.dist-info/uv_cache.json,sha256=${record},9\n` },
  ];
  const same = await compared(side(1), STRICT, side(2));
  assert.deepEqual([same.differences, same.excused], [[], { 'uv-cache': 1, record: 1 }]);
  const other = await compared(side(1), STRICT, side(2, '"abc"'));
  assert.deepEqual(
    other.differences.map(({ kind }) => kind),
    ['record', 'content'],
  );
});

test('the empty lock files of uv in /tmp are excused, and no other file', async () => {
  const lock: TarLine = { path: 'tmp/uv-6c2078bb75587c01.lock', content: '' };
  for (const [image, plain] of [
    [withMore(lock), SAMPLE],
    [SAMPLE, withMore(lock)],
  ] as const) {
    const { differences, excused } = await compared(image, STRICT, plain);
    assert.deepEqual([differences, excused], [[], { 'uv-lock': 1 }]);
  }
  for (const more of [{ content: 'x' }, { path: 'tmp/uv-6c2078bb75587c0.lock' }, { path: 'srv/uv.lock' }])
    assert.equal((await compared(withMore({ ...lock, ...more }))).differences.length, 1);
});
