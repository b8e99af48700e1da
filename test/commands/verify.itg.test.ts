import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { VerifyRecord } from '../../src/commands/verify.ts';
import { packageIndex } from '../support/package-index.ts';
import { built, layerwright, projectOf, testbedVariable } from './launch.ts';

const registry = testbedVariable('LW_REGISTRY');
const own = `verify-${randomUUID().slice(0, 8)}`;

/** A wheel of the user's own, so that nothing is fetched: pip installs it, with a console script, and compiles it. */
const PROJECT: Readonly<Record<string, string>> = {
  Dockerfile: `FROM python:3.11-slim
WORKDIR /srv
COPY wheel.py .
RUN python wheel.py && pip install --no-cache-dir --no-index /tmp/greeting-1.0-py3-none-any.whl && date +%N >/var/log/built.log
COPY --chown=1000:1000 app.py .
ENV MODE=prod
USER 1000
CMD ["python", "app.py"]
`,
  'app.py': 'print("hello")\n',
  'wheel.py': `from zipfile import ZipFile, ZipInfo
INFO = 'greeting-1.0.dist-info'
FILES = {
    'greeting/__init__.py': 'NAMES = frozenset({"a", "b"})\\n\\n\\ndef greet():\\n    print("hello")\\n',
    INFO + '/METADATA': 'Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n',
    INFO + '/WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    INFO + '/entry_points.txt': '[console_scripts]\\ngreet = greeting:greet\\n',
}
RECORD = INFO + '/RECORD'
FILES[RECORD] = ''.join(name + ',,\\n' for name in [*FILES, RECORD])
with ZipFile('/tmp/greeting-1.0-py3-none-any.whl', 'w') as wheel:
    for name, text in FILES.items():
        wheel.writestr(ZipInfo(name), text)
`,
};

async function verified(args: readonly string[], cwd: string): Promise<VerifyRecord & { exit: number }> {
  const { stdout, stderr, exitCode } = await layerwright(['verify', '--json', ...args], { cwd });
  assert.ok(exitCode < 2, stderr);
  return { ...(JSON.parse(stdout) as VerifyRecord), exit: exitCode };
}

test('an image by BuildKit is the same as a plain build of its Dockerfile, held to constraints or not', async () => {
  await using project = await projectOf({ ...PROJECT, 'constraints.txt': 'greeting==1.0 # ours\n' });
  const image = `${registry}/${own}/app:1`;
  await built(['--push', '--way', 'solved', '-t', image, '.'], { cwd: project.path });
  for (const constraints of [[], ['--constraints', 'constraints.txt']]) {
    const { exit, outcome, differences, settings, excused, paths, sharedLayers } = await verified(
      [image, '.', ...constraints],
      project.path,
    );
    assert.deepEqual([exit, outcome, differences, settings], [0, 'same', [], []]);
    assert.ok(paths > 5000 && sharedLayers > 0);
    // The plain build's source is younger, and so is what the RUN wrote.
    assert.ok(
      (excused['bytecode-header'] ?? 0) > 0 && (excused['solve-noise'] ?? 0) > 0,
      JSON.stringify(excused),
    );
    assert.deepEqual(
      Object.keys(excused).filter((rule) => !['bytecode-header', 'mtime', 'solve-noise'].includes(rule)),
      [],
    );
  }
});

test('a composed image is held to its lock, though there are newer versions today', async () => {
  await using index = await packageIndex();
  index.add({ name: 'greeting' });
  await using project = await projectOf({
    Dockerfile: [
      'FROM python:3.11-slim',
      'COPY requirements.txt .',
      `RUN pip install --no-cache-dir --index-url ${index.url} -r requirements.txt`,
      'COPY app.py .',
      '',
    ].join('\n'),
    'requirements.txt': 'greeting\n',
    'app.py': 'import greeting\n',
  });
  const image = `${registry}/${own}/locked:1`;
  const { way } = await built(['--push', '-t', image, '.'], { cwd: project.path });
  assert.equal(way, 'composed');
  index.add({ name: 'greeting', version: '2.0' });
  const { exit, differences, constraints, excused } = await verified([image, '.'], project.path);
  assert.deepEqual([exit, differences], [0, []]);
  assert.deepEqual(constraints, { from: 'lock', versions: 1, why: null });
  assert.equal(excused['solve-noise'], undefined, 'nothing was run for it');

  const other = ['--cache-repo', `${registry}/${own}/another-cache`];
  const moved = await verified([image, '.', ...other], project.path);
  assert.equal(moved.exit, 1, 'without its lock it is compared with what is newest');
  assert.ok(moved.differences.some(({ path }) => path.includes('greeting-2.0')));
});

test('where the image cannot be composed, the plain build is held to nothing, and the result says why', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY app.py /\n', 'app.py': '1\n' });
  const image = `${registry}/${own}/scratch:1`;
  await built(['--push', '-t', image, '.'], { cwd: project.path });
  const { exit, constraints } = await verified([image, '.'], project.path);
  assert.equal(exit, 0);
  assert.deepEqual(constraints, { from: null, versions: 0, why: 'the stage starts from scratch' });
});

test('one other byte, another user and another owner are found in an image by BuildKit: exit 1', async () => {
  await using project = await projectOf(PROJECT);
  const image = `${registry}/${own}/altered:1`;
  await built(['--push', '-t', image, '.'], { cwd: project.path });
  await project.write({ 'app.py': 'print("hellO")\n' });
  const { exit, differences, settings } = await verified([image, '.'], project.path);
  assert.equal(exit, 1);
  assert.deepEqual(
    differences.map(({ path, kind }) => [path, kind]),
    [['/srv/app.py', 'content']],
  );
  assert.deepEqual(settings, []);
  await project.write({
    'app.py': 'print("hello")\n',
    Dockerfile: (PROJECT.Dockerfile ?? '')
      .replace('USER 1000', 'USER 1001')
      .replace('1000:1000', '1001:1000'),
  });
  const other = await verified([image, '.'], project.path);
  assert.deepEqual(other.settings, [{ field: 'User', image: '"1000"', plain: '"1001"' }]);
  assert.deepEqual(
    other.differences.map(({ path, kind, image: ours, plain }) => [path, kind, ours, plain]),
    [['/srv/app.py', 'owner', '1000', '1001']],
  );
});

test('constraints that cannot be kept, or are none, are errors: exit 1 and 2', async () => {
  await using project = await projectOf({
    ...PROJECT,
    'other.txt': 'greeting==2.0\n',
    'wrong.txt': 'greeting>=1\n',
  });
  const image = `${registry}/${own}/app:1`;
  const kept = await layerwright(['verify', image, '.', '--constraints', 'other.txt'], { cwd: project.path });
  assert.equal(kept.exitCode, 1);
  assert.match(kept.stderr, /\[RUN_FAILED\]/);
  const wrong = await layerwright(['verify', image, '.', '--constraints', 'wrong.txt'], {
    cwd: project.path,
  });
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /wrong\.txt:1: "greeting>=1" is no NAME==VERSION \[CONSTRAINTS_INVALID\]/);
});

test('an image that is not there ends verify before anything is built: exit 2', async () => {
  await using project = await projectOf(PROJECT);
  const { exitCode, stderr, stdout } = await layerwright(['verify', `${registry}/${own}/none:1`, '.'], {
    cwd: project.path,
  });
  assert.deepEqual([exitCode, stdout], [2, '']);
  assert.match(stderr, /^error: .*: there is no such image \[IMAGE_MISSING\]/);
});

test('a cache repository is verified by the command, as configured or as named', async () => {
  const repository = `${registry}/${own}/app`;
  const named = await layerwright(['cache', 'verify', repository, '--json']);
  assert.equal(named.exitCode, 0, named.stderr);
  const record = JSON.parse(named.stdout) as { outcome: string };
  assert.equal(record.outcome, 'sound');
  const configured = await layerwright(['cache', 'verify'], { env: { LAYERWRIGHT_CACHE_REPO: repository } });
  assert.match(configured.stdout, /^✓ nothing is wrong in /);
  const unset = await layerwright(['cache', 'verify'], { env: { LAYERWRIGHT_CACHE_REPO: undefined } });
  assert.equal(unset.exitCode, 2);
  assert.match(unset.stderr, /\[CACHE_REPOSITORY_UNSET\]/);
});
