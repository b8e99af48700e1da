import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { SITE } from './base-image.ts';
import { codeOf, leftIn, plainDockerfile, type Workshop, workshop } from './workshop.ts';

const MODULE = { name: 'demo.py', content: 'version = "1.0"\n' };

async function shopWith(files: Readonly<Record<string, string>> = {}): Promise<Workshop> {
  const shop = await workshop(files);
  shop.index.add({ name: 'demo' }, [MODULE]);
  return shop;
}

async function fails(shop: Workshop, code: string, words: RegExp): Promise<void> {
  const { exitCode, stderr } = await shop.build();
  assert.deepEqual([exitCode, codeOf({ stderr })], [1, code], stderr);
  assert.match(stderr, words);
  assert.deepEqual(await leftIn(shop), []);
}

test('a requirement file that is not there: the name that was meant is told', async () => {
  await using shop = await shopWith();
  await rename(join(shop.project.path, 'requirements.txt'), join(shop.project.path, 'requirement.txt'));
  await fails(shop, 'CONTEXT_FILE_MISSING', /Dockerfile:3: COPY: .*\n.*Did you mean requirement\.txt\?/);
  await shop.project.write({
    'requirements.txt': 'demo==1.0\n',
    Dockerfile: plainDockerfile(shop.base, shop.index.url).replace('-r requirements', '-r requirement'),
  });
  await fails(shop, 'REQUIREMENT_FILE_MISSING', /requirement\.txt.*\n.*Did you mean requirements\.txt\?/);
  await shop.project.write({
    'requirements.txt': '-r base.txt\n',
    Dockerfile: plainDockerfile(shop.base, shop.index.url),
  });
  await fails(shop, 'REQUIREMENT_FILE_MISSING', /requirements\.txt:1 reads base\.txt/);
});

test('what .dockerignore leaves out is not there, and that is why', async () => {
  await using shop = await shopWith({ '.dockerignore': 'req*\n' });
  await fails(shop, 'CONTEXT_FILE_MISSING', /dockerignore leaves it out/);
});

const TEXTS: Readonly<Record<string, string>> = {
  'a byte order mark': '\ufeffdemo==1.0\n',
  'the line ends of Windows': '# one\r\ndemo==1.0\r\n',
  'no line end': 'demo==1.0',
  'lines that go on': 'demo \\\n  == \\\n  1.0\n',
  'comments, blanks and an option': '  # why\n\n--prefer-binary\ndemo==1.0   # because\n',
  'a marker': 'demo==1.0 ; python_version >= "3.8"\n',
};

for (const [what, text] of Object.entries(TEXTS))
  test(`a requirement file with ${what}`, async () => {
    await using shop = await shopWith({ 'requirements.txt': text });
    await shop.built();
    const image = await shop.image();
    assert.ok(image.holds(`${SITE}/demo.py`, MODULE.content));
    assert.ok(image.holds('app/requirements.txt', text), 'the file itself stays as it is');
  });

test('an empty requirement file installs nothing, and its line of history says so', async () => {
  for (const text of ['', '\n\n# nothing yet\n']) {
    await using shop = await shopWith({ 'requirements.txt': text });
    await shop.built();
    const { tree, config } = await shop.image();
    assert.equal(tree.entries.get(`${SITE}/demo.py`), undefined);
    const line = config.history?.find(({ created_by = '' }) => created_by.includes('pip install'));
    assert.equal(line?.empty_layer, true);
  }
});

test('a requirement file that is no text, or makes no sense', async () => {
  await using shop = await shopWith({ 'requirements.txt': 'demo=1.0\n' });
  await fails(shop, 'REQUIREMENT_INVALID', /requirements\.txt:1/);
  await writeFile(
    join(shop.project.path, 'requirements.txt'),
    Buffer.from('# caf\xe9\ndemo==1.0\n', 'latin1'),
  );
  await fails(shop, 'NOT_COMPOSABLE', /requirements\.txt is not in UTF-8/);
});

test('a link of the context leads nowhere but into the context', async () => {
  await using shop = await shopWith();
  const outside = join(shop.temporary, '..', 'outside.txt');
  await writeFile(outside, 'demo==1.0\n');
  for (const target of [outside, '../../../../../../../../etc/passwd', '/etc/passwd']) {
    await rm(join(shop.project.path, 'app.py'));
    await symlink(target, join(shop.project.path, 'app.py'));
    await fails(shop, 'CONTEXT_FILE_MISSING', /app\.py/);
  }
  await rm(join(shop.project.path, 'app.py'));
  await shop.project.write({ 'src/real.py': 'real = True\n' });
  await symlink('/src/real.py', join(shop.project.path, 'app.py'));
  await shop.built();
  assert.ok((await shop.image()).holds('app/app.py', 'real = True\n'), 'the root of the context is its root');
});

test('a link in a directory that is copied stays a link, wherever it leads', async () => {
  await using shop = await shopWith();
  await mkdir(join(shop.project.path, 'data'));
  await symlink('/etc/passwd', join(shop.project.path, 'data', 'link'));
  await shop.project.write({
    Dockerfile: plainDockerfile(shop.base, shop.index.url).replace('COPY app.py .', 'COPY data /data/'),
  });
  await shop.built();
  const { tree } = await shop.image();
  assert.equal(tree.entries.get('data/link')?.link, '/etc/passwd');
});

/** Of gzip or zstd. */
function unpacked(bytes: Buffer): Buffer {
  if (bytes.readUInt16BE(0) === 0x1f8b) return gunzipSync(bytes);
  return bytes.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(bytes) : bytes;
}

test('the login of an index comes into no layer, and into nothing that is kept', async () => {
  await using shop = await shopWith();
  const login = shop.index.url.replace('http://', 'http://user:s3cr3t@');
  await shop.project.write({
    Dockerfile: `FROM ${shop.base}\nARG INDEX\nCOPY requirements.txt .\nRUN pip install --index-url $INDEX -r requirements.txt\n`,
  });
  await shop.built(['--build-arg', `INDEX=${login}`]);
  const image = await shop.image();
  assert.ok(image.holds(`${SITE}/demo.py`, MODULE.content));
  assert.doesNotMatch(JSON.stringify(image.config.config), /s3cr3t/);
  for (const { path, method } of shop.registry.requests) assert.doesNotMatch(`${method} ${path}`, /s3cr3t/);
  // As with Docker, the history tells what arguments a command was given.
  const digests = await shop.registry.blobs.digests();
  const kept = digests.filter((digest) => digest !== image.manifest.config.digest);
  for (const digest of kept) {
    const bytes = Buffer.from((await shop.registry.blobs.read(digest)) as Uint8Array);
    assert.ok(!unpacked(bytes).includes('s3cr3t'), digest);
  }
});

test('--way composed insists: all that would have to run is named, and nothing is built', async () => {
  await using shop = await shopWith();
  await shop.project.write({
    Dockerfile: `FROM ${shop.base} AS tools
RUN apt-get update

FROM ${shop.base}
COPY requirements.txt .
RUN pip install --index-url ${shop.index.url} -r requirements.txt
COPY --from=tools /usr/bin/tool /usr/bin/other
RUN python -m compileall /app
COPY app.py .
`,
  });
  const start = shop.registry.requests.length;
  const { exitCode, stderr } = await shop.build();
  assert.deepEqual([exitCode, codeOf({ stderr })], [1, 'NOT_COMPOSABLE'], stderr);
  assert.match(stderr, /Dockerfile:2: RUN: /, 'a stage that files are taken from');
  assert.match(stderr, /Dockerfile:8: RUN: /);
  assert.doesNotMatch(stderr, /:[13-7]: /, 'what is composed');
  const layers = shop.registry.requests
    .slice(start)
    .filter(
      ({ method, path }) => method === 'PUT' && /manifests\/(?:1|lw-[0-9a-f]{64}|lw-solved)/.test(path),
    );
  assert.deepEqual(layers, []);
  assert.deepEqual(await leftIn(shop), []);
});

test('--way composed says what keeps the whole build from being composed', async () => {
  await using shop = await shopWith();
  const ways: Readonly<Record<string, readonly [text: string, RegExp]>> = {
    scratch: [
      'FROM scratch\nCOPY app.py /\n',
      /:1: the image cannot be composed: the stage starts from scratch/,
    ],
    onbuild: [
      `FROM ${shop.base}\nONBUILD RUN x\nFROM ${shop.base}\nRUN <<E python\nprint()\nE\n`,
      /Dockerfile:4: RUN: /,
    ],
  };
  for (const [what, [Dockerfile, words]] of Object.entries(ways)) {
    await shop.project.write({ Dockerfile });
    const { exitCode, stderr } = await shop.build();
    assert.equal(exitCode, 1, what);
    assert.match(stderr, words, what);
  }
  const platforms = await shop.build(['--platform', 'linux/amd64,linux/arm64']);
  assert.deepEqual([platforms.exitCode, codeOf(platforms)], [1, 'NOT_COMPOSABLE'], platforms.stderr);
});
