import assert from 'node:assert/strict';
import { chmod, chown, cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { LAUNCHER } from '../commands/launch.ts';
import { plainDockerfile, type ReadImage, type Workshop, workshop } from './workshop.ts';

/** `--no-cache`, so that each build makes all of its layers itself. */
const ANEW = ['--no-cache', '--source-date-epoch', '1700000000'];
const DEMO = { name: 'demo', entryPoints: '[console_scripts]\nhello = demo:hello\n' };
const MEMBERS = [
  { name: 'demo.py', content: 'def hello():\n    print("hello")\n' },
  { name: 'demo-1.0.data/scripts/tool', content: '#!python\nprint(1)\n' },
];

async function withDemo(files: Readonly<Record<string, string>> = {}): Promise<Workshop> {
  const place = await workshop(files);
  place.index.add(DEMO, MEMBERS);
  return place;
}

/** By what is in it: the diffID of the layer of the distribution, and of those of the context. */
function layersOf({ tree, config }: ReadImage): {
  readonly demo: string | undefined;
  readonly all: readonly string[];
} {
  const demo = [...tree.entries].find(([path]) => path.endsWith('site-packages/demo.py'));
  return { demo: config.rootfs.diff_ids[demo?.[1].layer ?? -1], all: config.rootfs.diff_ids };
}

async function everyFile(directory: string, work: (path: string) => Promise<void>): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    await work(join(entry.parentPath, entry.name));
}

for (const [platform, mode] of [
  ['darwin', 0o644],
  ['win32', 0o755],
] as const)
  test(`a process that takes itself for one on ${platform} makes the same dependencies`, async () => {
    await using place = await withDemo();
    await place.built(ANEW);
    const first = layersOf(await place.image());
    const pretends = `Object.defineProperty(process, 'platform', { value: '${platform}' })`;
    const option = `--import=data:text/javascript,${encodeURIComponent(pretends)}`;
    await place.built(ANEW, { env: { NODE_OPTIONS: option, TEMP: place.temporary } });
    const image = await place.image();
    assert.ok(first.demo);
    assert.equal(layersOf(image).demo, first.demo);
    assert.equal(image.tree.entries.get('app/app.py')?.mode, mode);
    if (platform === 'darwin') assert.deepEqual(layersOf(image).all, first.all);
  });

test('the umask of the build decides nothing', async () => {
  await using place = await withDemo();
  await place.built(ANEW);
  const usual = layersOf(await place.image());
  const before = process.umask(0o077);
  try {
    await place.built(ANEW);
  } finally {
    process.umask(before);
  }
  assert.deepEqual(layersOf(await place.image()), usual);
});

test('a context that shows 0777 for all: dependencies are the same, and COPY takes the modes as BuildKit does', async () => {
  await using place = await withDemo();
  await place.built(ANEW);
  const first = await place.image();
  await everyFile(place.project.path, (path) => chmod(path, 0o777));
  await place.built(ANEW);
  const second = await place.image();
  assert.ok(layersOf(first).demo);
  assert.equal(layersOf(second).demo, layersOf(first).demo);
  const mode = ({ tree }: ReadImage) => tree.entries.get('app/app.py')?.mode;
  assert.deepEqual([mode(first), mode(second)], [0o644, 0o777]);
});

test('--chmod makes the whole image the same whatever modes a host has', async () => {
  await using place = await withDemo();
  const text = plainDockerfile(place.base, place.index.url).replaceAll('COPY ', 'COPY --chmod=644 ');
  await place.project.write({ Dockerfile: text });
  await place.built(ANEW);
  const first = layersOf(await place.image());
  await everyFile(place.project.path, (path) => chmod(path, 0o777));
  await place.built(ANEW);
  assert.deepEqual(layersOf(await place.image()), first);
});

test('line ends of Windows in the Dockerfile and the requirements make the same dependencies', async () => {
  await using place = await withDemo();
  await place.built(ANEW);
  const first = layersOf(await place.image());
  const dockerfile = plainDockerfile(place.base, place.index.url);
  await place.project.write({
    Dockerfile: dockerfile.replaceAll('\n', '\r\n'),
    'requirements.txt': 'demo==1.0\r\n',
    '.dockerignore': 'nothing\r\n*.log\r\n',
    'build.log': 'x',
  });
  await place.built(ANEW);
  const image = await place.image();
  assert.equal(layersOf(image).demo, first.demo);
  assert.ok(image.holds('app/requirements.txt', 'demo==1.0\r\n'), 'a file is what was checked out');
});

test('a link is a link, and one that git wrote as a file is that file', async () => {
  await using place = await withDemo();
  const text = `${plainDockerfile(place.base, place.index.url)}COPY links/ /links/\n`;
  const link = join(place.project.path, 'links', 'current');
  await place.project.write({ Dockerfile: text, 'links/one.txt': '1\n' });
  await symlink('one.txt', link);
  await place.built(ANEW);
  const linked = await place.image();
  assert.equal(linked.tree.entries.get('links/current')?.link, 'one.txt');
  await rm(link);
  await writeFile(link, 'one.txt');
  await place.built(ANEW);
  const written = await place.image();
  assert.ok(written.holds('links/current', 'one.txt'));
  assert.equal(layersOf(written).demo, layersOf(linked).demo);
});

test('names are told apart by case, also where the file system does not', async () => {
  await using place = await withDemo();
  const text = `${plainDockerfile(place.base, place.index.url)}COPY APP.py /\n`;
  await place.project.write({ Dockerfile: text });
  const { exitCode, stderr } = await place.build(ANEW);
  assert.notEqual(exitCode, 0);
  assert.match(stderr, /APP\.py/);
});

test('another directory, another temporary directory and another order of files make the same image', async () => {
  await using place = await withDemo({ 'b/two.txt': '2\n', 'a/one.txt': '1\n' });
  const text = `${plainDockerfile(place.base, place.index.url)}COPY . /all/\n`;
  await place.project.write({ Dockerfile: text });
  await place.built(ANEW);
  const first = layersOf(await place.image());
  await using elsewhere = await temporaryDirectory('lw-other-place-');
  const copy = join(elsewhere.path, 'deep', 'er');
  await mkdir(join(elsewhere.path, 'deep'), { recursive: true });
  await cp(place.project.path, copy, { recursive: true });
  await rm(place.project.path, { recursive: true });
  await cp(copy, place.project.path, { recursive: true });
  await place.built(ANEW, { env: { TMPDIR: elsewhere.path } });
  assert.deepEqual(layersOf(await place.image()).all, first.all);
});

test('a build without root makes the same image as one of root', async () => {
  await using place = await withDemo();
  await place.built(ANEW);
  const first = layersOf(await place.image());
  if (process.getuid?.() !== 0) return;
  await using home = await temporaryDirectory('lw-no-root-');
  await chmod(home.path, 0o755);
  // Files of the context stay those of root: who owns them decides nothing.
  await chmod(place.project.path, 0o755);
  const own = join(home.path, 'own');
  await mkdir(own);
  await chown(own, 65_534, 65_534);
  const node = await nodeForAll(home.path);
  const args = ['build', '--json', '--push', '--way', 'composed', '-t', `${place.app}:1`, ...ANEW];
  const result = await run(
    [
      '/usr/bin/setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      node,
      LAUNCHER,
      ...args,
      place.project.path,
    ],
    {
      cwd: own,
      env: {
        ...process.env,
        ...place.env,
        HOME: own,
        TMPDIR: own,
        LAYERWRIGHT_CACHE_DIR: join(own, 'cache'),
        PATH: await programsForAll(place, home.path),
      },
    },
  );
  assert.equal(result.exitCode, 0, result.stderr);
  assert.deepEqual(layersOf(await place.image()), first);
});

/** Node may be where only root looks. */
async function nodeForAll(directory: string): Promise<string> {
  const copy = join(directory, 'node');
  await cp(process.execPath, copy);
  await chmod(copy, 0o755);
  return copy;
}

async function programsForAll({ env }: Workshop, directory: string): Promise<string> {
  const bin = join(directory, 'bin');
  await cp(env.PATH as string, bin, { recursive: true, dereference: true });
  await everyFile(bin, (path) => chmod(path, 0o755));
  return `${bin}:/usr/bin`;
}
