import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Builder } from '../../src/engine/builder.ts';
import {
  type BuildxCall,
  buildxArguments,
  type PassedOptions,
  parseEntries,
  parseEntry,
} from '../../src/engine/buildx.ts';
import { csvFields } from '../../src/engine/csv.ts';
import { solve } from '../../src/engine/solve.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';

const nothing: PassedOptions = {
  buildArguments: [],
  buildContexts: [],
  secrets: [],
  ssh: [],
  labels: [],
  annotations: [],
  attestations: [],
  provenance: undefined,
  sbom: undefined,
  pull: false,
  noCache: false,
  imageIdFile: undefined,
  other: [],
};
const bare: BuildxCall = {
  file: undefined,
  context: '.',
  target: undefined,
  platforms: [],
  tags: [],
  outputs: [],
  cacheFrom: [],
  cacheTo: [],
  builder: undefined,
  metadataFile: '/m',
  passed: nothing,
};

const invalid = (message: RegExp) => (error: unknown) =>
  error instanceof LayerwrightError &&
  error.code === 'FLAG_INVALID' &&
  error.exit === 2 &&
  message.test(error.message);

test('what nobody asked for is not said, and attestations are off', () => {
  assert.deepEqual(buildxArguments(bare), [
    'build',
    '--progress=rawjson',
    '--provenance=false',
    '--metadata-file',
    '/m',
    '.',
  ]);
});

test("everything that can be asked for, in buildx's own flags", () => {
  const args = buildxArguments({
    ...bare,
    file: 'Dockerfile.prod',
    context: 'app',
    target: 'final',
    platforms: ['linux/amd64', 'linux/arm64'],
    tags: ['a:1', 'a:2'],
    outputs: ['type=image,push=true'],
    cacheFrom: ['type=registry,ref=a:cache'],
    cacheTo: ['type=registry,ref=a:cache,mode=max'],
    builder: 'b',
    passed: {
      buildArguments: ['X=1'],
      buildContexts: ['wheels=dir'],
      secrets: ['id=s'],
      ssh: ['default'],
      labels: ['l=1'],
      annotations: ['n=1'],
      attestations: ['type=sbom'],
      provenance: 'mode=max',
      sbom: 'true',
      pull: true,
      noCache: true,
      imageIdFile: 'id',
      other: ['--network', 'host'],
    },
  });
  assert.equal(
    args.join(' '),
    'build --progress=rawjson --builder b --file Dockerfile.prod --target final --platform linux/amd64,linux/arm64 ' +
      '--tag a:1 --tag a:2 --output type=image,push=true --cache-from type=registry,ref=a:cache ' +
      '--cache-to type=registry,ref=a:cache,mode=max --build-arg X=1 --build-context wheels=dir --secret id=s ' +
      '--ssh default --label l=1 --annotation n=1 --attest type=sbom --provenance=mode=max --sbom=true --pull ' +
      '--no-cache --iidfile id --network host --metadata-file /m app',
  );
});

test('short forms of caches and outputs are those of buildx', () => {
  assert.deepEqual(parseEntry('--cache-from', 'r.example.com/app:cache'), {
    type: 'registry',
    ref: 'r.example.com/app:cache',
  });
  assert.deepEqual(parseEntry('--output', 'out'), { type: 'local', dest: 'out' });
  assert.deepEqual(parseEntry('--output', 'out=1'), { type: 'local', dest: 'out=1' });
  assert.deepEqual(parseEntry('--output', '-'), { type: 'tar', dest: '-' });
  assert.deepEqual(parseEntry('--output', 'type=docker'), { type: 'docker' });
  assert.deepEqual(parseEntry('--cache-to', 'Type=s3, Region=x,bucket=a=b'), {
    type: 's3',
    region: 'x',
    bucket: 'a=b',
  });
});

test('several caches in one flag, and none in an empty one', () => {
  assert.deepEqual(parseEntries('--cache-from', 'a:1,b:2'), [
    { type: 'registry', ref: 'a:1' },
    { type: 'registry', ref: 'b:2' },
  ]);
  assert.deepEqual(parseEntries('--cache-to', 'type=inline'), [{ type: 'inline' }]);
  for (const flag of ['--cache-from', '--cache-to', '--output'] as const)
    assert.deepEqual(parseEntries(flag, ''), []);
});

test('a value that is no CSV or no key=value is refused with its own words', () => {
  assert.throws(
    () => parseEntry('--cache-to', 'type=registry,mode'),
    invalid(/--cache-to "type=registry,mode": "mode" is no/),
  );
  assert.throws(() => parseEntry('--cache-to', 'type=registry,=max'), invalid(/"=max" is no key=value pair/));
  assert.throws(
    () => csvFields('--output', 'type="local"'),
    invalid(/--output "type="local"" is not understood/),
  );
  assert.throws(() => csvFields('--output', ''), invalid(/it is empty/));
  assert.deepEqual(csvFields('--output', '"say ""a,b""",c'), ['say "a,b"', 'c']);
});

/** A program in the place of buildx: runs the script with its arguments, then writes the metadata. */
async function standIn(script: string) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'buildx');
  await writeFile(
    path,
    `${script}\nwhile [ "$1" != --metadata-file ]; do shift; done\necho '{"containerimage.digest":"sha256:1"}' >"$2"\n`,
  );
  const builder: Builder = {
    command: ['sh', path],
    name: 'b',
    driver: 'remote',
    env: { ...process.env, DIRECTORY: directory.path },
    origin: 'named',
    versions: { buildx: '0.38.2', buildkit: undefined },
    release: async () => {},
  };
  const told: string[] = [];
  const listener = {
    begin: () => void told.push('begin'),
    line: (line: string) => void told.push(line),
    failure: () => ({ text: told.at(-1) ?? '', step: undefined, stepLog: [] }),
    retry: (error: LayerwrightError) => void told.push(`retry ${error.code}`),
  };
  return { ...directory, builder, told, listener };
}

test('a solve hands on the lines of buildx and returns its metadata', async () => {
  await using there = await standIn(
    'echo "$@" >"$DIRECTORY/args"; echo "$BUILDX_NO_DEFAULT_ATTESTATIONS" >&2; echo two >&2',
  );
  const metadata = await solve(testHost(), there.builder, bare, there.listener);
  assert.deepEqual(metadata, { 'containerimage.digest': 'sha256:1' });
  assert.deepEqual(there.told, ['begin', '1', 'two']);
  const args = await readFile(join(there.path, 'args'), 'utf8');
  assert.match(args, /^build --progress=rawjson --builder b .*--metadata-file \S+ \.$/m);
});

test('a registry that fails for a moment is asked again, from the start', async () => {
  await using there = await standIn(
    'if ! [ -e "$DIRECTORY/tried" ]; then touch "$DIRECTORY/tried"; echo "ERROR: 503 Service Unavailable" >&2; exit 1; fi',
  );
  await solve(testHost(), there.builder, bare, there.listener);
  assert.deepEqual(there.told, [
    'begin',
    'ERROR: 503 Service Unavailable',
    'retry REGISTRY_TEMPORARY',
    'begin',
  ]);
});

test('what will not get better is not tried again', async () => {
  await using there = await standIn('echo "ERROR: 403 Forbidden" >&2; exit 1');
  await assert.rejects(
    solve(testHost(), there.builder, bare, there.listener),
    (error) => error instanceof LayerwrightError && error.code === 'REGISTRY_DENIED',
  );
  assert.deepEqual(there.told, ['begin', 'ERROR: 403 Forbidden']);
});
