import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withSettings } from '../../src/config/flags.ts';
import { KEY_NAMES, keyOf } from '../../src/config/keys.ts';
import {
  emptyConfiguration,
  listSetting,
  listsSetting,
  resolveConfiguration,
  textSetting,
} from '../../src/config/resolve.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { fileOf, resolvedFrom } from './support.ts';

const FILE = `build:
  compression: gzip
  tags: [file:1, file:2]
  push: true
  buildArgs:
    A: file
    B: file
network:
  mirrors: { docker.io: [m.file], quay.io: [q.file] }
`;

test('flags before environment before file before defaults, each with its origin', async () => {
  const file = 'build:\n  compression: gzip\n  target: f\n  cacheRepo: f\n';
  const env = { LAYERWRIGHT_COMPRESSION: 'zstd', LAYERWRIGHT_TARGET: 'e' };
  assert.deepEqual(await resolvedFrom({ file, env, flags: { compression: 'gzip' } }), [
    'build.target="e" <- LAYERWRIGHT_TARGET',
    'build.cacheRepo="f" <- layerwright.yml:4',
    'build.compression="gzip" <- --compression',
  ]);
  const { settings } = resolveConfiguration({ flags: {}, env: {}, file: undefined, trusted: true });
  assert.deepEqual(
    settings.map(({ key, value, origin }) => [key, value, origin.from]),
    [
      ['build.push', false, 'default'],
      ['build.compression', 'zstd', 'default'],
      ['build.way', 'auto', 'default'],
    ],
  );
});

test('a list is replaced as a whole, a map entry by entry', async () => {
  const flags = { tag: ['flag:1'], buildArg: ['A=flag', 'C=x=y', 'C=last'] };
  const env = { LAYERWRIGHT_MIRRORS: 'docker.io=m1, docker.io=m2/p' };
  assert.deepEqual(await resolvedFrom({ file: FILE, env, flags }), [
    'build.buildArgs.A="flag" <- --build-arg',
    'build.buildArgs.C="last" <- --build-arg',
    'build.buildArgs.B="file" <- layerwright.yml:7',
    'build.tags=["flag:1"] <- --tag',
    'build.push=true <- layerwright.yml:4',
    'build.compression="gzip" <- layerwright.yml:2',
    'network.mirrors.docker.io=["m1","m2/p"] <- LAYERWRIGHT_MIRRORS',
    'network.mirrors.quay.io=["q.file"] <- layerwright.yml:9',
  ]);
});

test('an empty flag or variable is one that is not given', async () => {
  const file = 'build:\n  cacheRepo: file\n';
  const env = { LAYERWRIGHT_CACHE_REPO: '', LAYERWRIGHT_TARGET: ' ' };
  assert.deepEqual(await resolvedFrom({ file, env, flags: { cacheRepo: '' } }), [
    'build.cacheRepo="file" <- layerwright.yml:2',
  ]);
});

test('--push=false outranks a file that pushes', async () => {
  assert.ok(
    (await resolvedFrom({ file: FILE, flags: { push: false } })).includes('build.push=false <- --push'),
  );
});

test('variables: lists by commas, specs of buildx a line each, switches in the spellings of Go', async () => {
  const env = {
    LAYERWRIGHT_TAGS: 'a:1, b:2,',
    LAYERWRIGHT_CACHE_FROM: 'type=registry,ref=a\ntype=local,src=b\n',
    LAYERWRIGHT_PUSH: 'T',
    BUILDX_BUILDER: 'ci',
  };
  assert.deepEqual(await resolvedFrom({ env }), [
    'build.tags=["a:1","b:2"] <- LAYERWRIGHT_TAGS',
    'build.push=true <- LAYERWRIGHT_PUSH',
    'build.cacheFrom=["type=registry,ref=a","type=local,src=b"] <- LAYERWRIGHT_CACHE_FROM',
    'build.builder="ci" <- BUILDX_BUILDER',
  ]);
});

test('a variable with a value that is none is refused, without showing it', async () => {
  for (const [name, value, expected] of [
    ['LAYERWRIGHT_PUSH', 'sure', /LAYERWRIGHT_PUSH: expected true or false/],
    ['LAYERWRIGHT_COMPRESSION', 'lz4', /expected one of zstd, gzip/],
    ['LAYERWRIGHT_STORE', '/tmp/x', /expected s3:\/\/BUCKET/],
    ['LAYERWRIGHT_MIRRORS', 'docker.io', /expected HOST=MIRROR/],
  ] as const)
    await assert.rejects(
      resolvedFrom({ env: { [name]: value } }),
      (error) =>
        error instanceof LayerwrightError &&
        error.code === 'VARIABLE_INVALID' &&
        error.exit === 2 &&
        expected.test(error.message) &&
        !error.message.includes(`"${value}"`),
    );
});

test('a variable of ours that does not exist is a warning with the nearest name', () => {
  const env = {
    LAYERWRIGHT_COMPRESION: 'gzip',
    LAYERWRIGHT_QWERTYUIOP: 'x',
    LAYERWRIGHT_CACHE_DIR: '/x',
    LAYERWRIGHT_STORE: 's3://a',
    OTHER: 'x',
  };
  const { warnings } = resolveConfiguration({ flags: {}, env, file: undefined, trusted: true });
  assert.deepEqual(warnings, [
    'the variable LAYERWRIGHT_COMPRESION has no meaning; did you mean LAYERWRIGHT_COMPRESSION?',
    'the variable LAYERWRIGHT_QWERTYUIOP has no meaning',
  ]);
});

const GUARDED = [
  ['build.tags', 'target'],
  ['build.push', 'target'],
  ['build.cacheRepo', 'target'],
  ['build.cacheFrom', 'trust'],
  ['build.cacheTo', 'target'],
  ['build.builder', 'trust'],
  ['network.ca', 'trust'],
  ['network.plainHttp', 'trust'],
  ['network.mirrors', 'trust'],
  ['store', 'target'],
  ['ci.imageDefinitions', 'target'],
];

test('what says whom to believe or where to write is guarded, and can be given otherwise', () => {
  const guarded = KEY_NAMES.filter((name) => keyOf(name).guarded !== undefined);
  assert.deepEqual(
    guarded.map((name) => [name, keyOf(name).guarded]),
    GUARDED,
  );
  for (const name of guarded) assert.ok(keyOf(name).variable, name);
});

const EVERYTHING = `build:
  file: F
  target: t
  platforms: [p]
  buildArgs: { A: x }
  labels: { l: x }
  tags: [a:1]
  push: true
  cacheRepo: c
  cacheFrom: [f]
  cacheTo: [t]
  compression: gzip
  builder: b
  provenance: true
  sbom: true
  way: solved
network:
  ca: [ca.pem]
  plainHttp: [h]
  mirrors: { docker.io: [m] }
store: s3://b
ci:
  containerName: n
  imageDefinitions: i.json
`;

test('of the file of an untrusted build no guarded key is taken, one line each, flags and variables are', async () => {
  const file = await fileOf(EVERYTHING);
  const trusted = resolveConfiguration({ flags: {}, env: {}, file, trusted: true });
  assert.deepEqual(
    [...new Set(trusted.settings.filter(({ origin }) => origin.from === 'file').map(({ key }) => key))],
    KEY_NAMES,
    'the file has every key',
  );
  assert.deepEqual([trusted.ignored, trusted.warnings], [[], []]);
  const env = { LAYERWRIGHT_STORE: 's3://mine' };
  const untrusted = resolveConfiguration({ flags: { tag: ['mine:1'] }, env, file, trusted: false });
  const names = GUARDED.map(([name]) => name);
  assert.deepEqual(
    untrusted.settings.filter(({ key, origin }) => origin.from === 'file' && names.includes(key)),
    [],
  );
  assert.deepEqual(
    untrusted.ignored.map(({ key }) => key),
    names,
  );
  assert.deepEqual(
    [listSetting(untrusted, 'build.tags'), textSetting(untrusted, 'store')],
    [['mine:1'], 's3://mine'],
  );
  assert.equal(textSetting(untrusted, 'build.target'), 't');
  assert.equal(untrusted.warnings.length, names.length);
  assert.equal(
    untrusted.warnings[0],
    'layerwright.yml:7: build.tags is ignored: in an untrusted build (a pull request) the checkout does not say ' +
      'where to write. Give it with --tag or LAYERWRIGHT_TAGS',
  );
  assert.match(
    untrusted.warnings.join('\n'),
    /network\.mirrors\.docker\.io is ignored: .* whom to believe\. Give it with LAYERWRIGHT_MIRRORS$/m,
  );
});

test('options of a command with what configuration adds', async () => {
  const flags = { tag: ['flag:1'], buildArg: ['A=flag', 'BARE'] };
  const options = { ...flags, compression: 'zstd', way: 'auto', progress: 'plain' };
  const { settings } = resolveConfiguration({ flags, env: {}, file: await fileOf(FILE), trusted: true });
  assert.deepEqual(withSettings(options, settings), {
    tag: ['flag:1'],
    buildArg: ['B=file', 'A=flag', 'BARE'],
    push: true,
    compression: 'gzip',
    way: 'auto',
    progress: 'plain',
  });
});

test('a setting by its name', async () => {
  const configuration = resolveConfiguration({ flags: {}, env: {}, file: await fileOf(FILE), trusted: true });
  assert.deepEqual(listsSetting(configuration, 'network.mirrors'), {
    'docker.io': ['m.file'],
    'quay.io': ['q.file'],
  });
  assert.equal(textSetting(emptyConfiguration(), 'build.compression'), 'zstd');
  assert.deepEqual(
    [textSetting(emptyConfiguration(), 'store'), listSetting(emptyConfiguration(), 'build.tags')],
    [undefined, []],
  );
});
