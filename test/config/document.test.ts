import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/file.ts';
import { problemsOf, settingsOf } from './support.ts';

test('every kind of value', async () => {
  const text = [
    'build:',
    '  file: docker/Dockerfile',
    '  platforms: [linux/amd64, linux/arm64]',
    '  buildArgs: { PYTHON: 3.10, DEBUG: true, EMPTY: "", URL: "a=b" }',
    '  push: true',
    '  compression: gzip',
    '  provenance: mode=max',
    '  sbom: true',
    'network:',
    '  mirrors:',
    '    docker.io: [a.example.com, b.example.com]',
    'store: s3://bucket/prefix',
  ].join('\n');
  assert.deepEqual(await settingsOf(text), [
    'build.file="docker/Dockerfile"',
    'build.platforms=["linux/amd64","linux/arm64"]',
    'build.buildArgs.PYTHON="3.10"',
    'build.buildArgs.DEBUG="true"',
    'build.buildArgs.EMPTY=""',
    'build.buildArgs.URL="a=b"',
    'build.push=true',
    'build.compression="gzip"',
    'build.provenance="mode=max"',
    'build.sbom="true"',
    'network.mirrors.docker.io=["a.example.com","b.example.com"]',
    'store="s3://bucket/prefix"',
  ]);
});

test('each value knows its line; with a BOM too', async () => {
  const settings = await parseConfig(
    '\uFEFFbuild:\n  tags:\n    - a:1\n  labels:\n    a: x\n    b: y\n',
    'f.yml',
  );
  assert.deepEqual(
    settings.map(({ origin }) => origin),
    [2, 5, 6].map((line) => ({ from: 'file', file: 'f.yml', line })),
  );
});

test('a file without a word, and sections whose keys are all commented out', async () => {
  for (const text of ['', '# nothing\n', '---\n', 'build:\n  # push: true\nnetwork: {}\n', '\uFEFF'])
    assert.deepEqual(await settingsOf(text), [], JSON.stringify(text));
});

test('anchors: of a list, of a text in it, of a map', async () => {
  const text =
    'build:\n  cacheFrom: &c [a:1, &t b:2]\n  cacheTo: *c\n  tags: [*t]\n  buildArgs: &m { A: x }\n  labels: *m\n';
  assert.deepEqual((await settingsOf(text)).slice(1), [
    'build.cacheTo=["a:1","b:2"]',
    'build.tags=["b:2"]',
    'build.buildArgs.A="x"',
    'build.labels.A="x"',
  ]);
});

for (const [title, text, problems] of [
  [
    'an unknown key near a known one',
    'build:\n  tag: [a]\n',
    ['2:3: unknown key "tag" in build; did you mean tags?'],
  ],
  [
    'another spelling',
    'build:\n  cache-repo: a\n',
    ['2:3: unknown key "cache-repo" in build; did you mean cacheRepo?'],
  ],
  ['a key of another section', 'push: true\n', ['1:1: unknown key "push"; did you mean build.push?']],
  ['an unknown section', 'zzz: 1\n', ['1:1: unknown key "zzz"; expected one of build, network, store, ci']],
  [
    'a name of every object',
    'build:\n  toString: x\n  __proto__: y\n',
    [/^2:3: unknown key "toString" in build; /, /^3:3: unknown key "__proto__" in build; /],
  ],
  [
    'a text for a switch',
    'build: { push: yes }\n',
    ['1:16: build.push: expected true or false, found "yes"'],
  ],
  [
    'nothing for a switch',
    'build:\n  push:\n',
    [/^2:\d+: build\.push: expected true or false, found nothing$/],
  ],
  [
    'a key alone',
    '{store}\n',
    ['1:2: store: expected s3://BUCKET/PREFIX or file:///DIRECTORY, found nothing'],
  ],
  ['another store', 'store: http://x\n', [/^1:8: store: expected s3:\/\/BUCKET.*, found "http:\/\/x"$/]],
  [
    'another choice',
    'build:\n  compression: lz4\n',
    ['2:16: build.compression: expected one of zstd, gzip, found "lz4"'],
  ],
  ['a number for a text', 'build:\n  target: 1\n', ['2:11: build.target: expected text, found 1']],
  [
    'a text for a list',
    'build:\n  tags: a:1\n',
    ['2:9: build.tags: expected a list of texts, found "a:1"; write "- " before it, on a line of its own'],
  ],
  [
    'items that are no texts',
    'build:\n  tags:\n    - a:1\n    - [b]\n    - ""\n    -\n',
    [
      '4:7: build.tags: expected a text, found a list',
      '5:7: build.tags: expected a text, found an empty text',
      /^6:\d: build\.tags: expected a text, found nothing$/,
    ],
  ],
  [
    'a list for a map',
    'build:\n  labels: [a]\n',
    ['2:11: build.labels: expected names, each with a text, found a list'],
  ],
  [
    'nothing for a build argument',
    'build:\n  buildArgs:\n    TOKEN:\n',
    [/^3:\d+: build\.buildArgs\.TOKEN: expected text, true or false, found nothing$/],
  ],
  [
    'a list for a section',
    'build: [a]\n',
    [/^1:8: build: expected keys \(file, target, .*\), found a list$/],
  ],
  [
    'a list for the file',
    '- a\n',
    ['1:1: the file: expected keys (build, network, store, ci), found a list'],
  ],
  [
    'a duplicate',
    'store: s3://a\nstore: s3://b\n',
    ['2:1: the file: duplicate key "store", which line 1 has already'],
  ],
  [
    'a duplicate in a map',
    'build:\n  labels:\n    a: x\n    a: y\n',
    ['4:5: build.labels: duplicate key "a", which line 3 has already'],
  ],
  ['a name that is none', 'build:\n  ? [a]\n  : b\n', ['2:5: build: expected a name, found a list']],
  ['a tab', 'build:\n\tpush: true\n', ['2:1: a tab; expected spaces for indentation']],
  [
    'two documents',
    'store: s3://a\n---\nstore: s3://b\n',
    ['2:1: a second document begins; expected a single one'],
  ],
  ['an alias of nothing', 'build:\n  tags: *t\n', ['2:9: *t stands for nothing: there is no &t before it']],
  ['a tag of somebody else', 'store: !secret x\n', ['1:8: unresolved tag: !secret']],
  ['no YAML', 'build: "x\n', [/^2:1: missing closing/]],
] as const)
  test(`refused with its place: ${title}`, async () => {
    const found = await problemsOf(text);
    const told = found.length > 1 ? found.slice(1) : found;
    assert.equal(told.length, problems.length, told.join('\n'));
    for (const [index, problem] of problems.entries()) {
      const line = (told[index] ?? '').replace('layerwright.yml:', '');
      if (typeof problem === 'string') assert.equal(line, problem);
      else assert.match(line, problem);
    }
  });

test('all problems at once, in the order of the file, and not too many', async () => {
  const [title, ...lines] = await problemsOf('stor: x\nbuild:\n  tags: 1\nbuild: 1\n');
  assert.equal(title, '3 problems in layerwright.yml');
  assert.deepEqual(
    lines.map((line) => line.split(':').slice(1, 3).join(':')),
    ['1:1', '3:9', '4:1'],
  );
  const many = await problemsOf(Array.from({ length: 20 }, (_, index) => `k${index}: 1`).join('\n'));
  assert.deepEqual(
    [many[0], many.length, many.at(-1)],
    ['20 problems in layerwright.yml', 10, 'and 12 more'],
  );
});

test('a long text that is wrong is not shown: it may be a credential', async () => {
  assert.match(
    (await problemsOf('build:\n  push: ghp_0123456789abcdef0123\n')).join(),
    /found another text$/,
  );
});
