import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { STAGING_PREFIX } from '../../src/cache/archive-write.ts';
import type { CacheSaveRecord } from '../../src/commands/cache.ts';
import { stopDaemon } from '../../src/host/daemon.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { readState } from '../../testbed/state.ts';
import { startTestbed, type Testbed } from '../../testbed/testbed.ts';
import { LAUNCHER, layerwright } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { listing, nastyTree } from './tree.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let testbed: Testbed;
let client: S3Client;
let round = 0;
/** What either command prints. */
type AnyRecord = Omit<CacheSaveRecord, 'outcome'> & { readonly outcome: string };
/** A directory and a prefix for each test. */
let scratch = '';
let prefix = '';
let env: NodeJS.ProcessEnv = {};

before(async () => {
  directory = await temporaryDirectory('lw-cache-s3-');
  testbed = await startTestbed(testHost(), { dir: join(directory.path, 'bed'), parts: ['s3'] }, silentSteps);
  client = new S3Client(access());
});
after(async () => {
  client?.destroy();
  await testbed?.stop();
  await directory[Symbol.asyncDispose]();
});
beforeEach(async () => {
  prefix = `test ${++round}/ä`;
  scratch = join(directory.path, String(round));
  await mkdir(scratch);
  env = { ...testbed.env, LAYERWRIGHT_CACHE_DIR: join(scratch, 'own'), AWS_EC2_METADATA_DISABLED: 'true' };
});

function access() {
  const value = (name: string) => testbed.env[name] as string;
  return {
    region: value('AWS_REGION'),
    endpoint: value('AWS_ENDPOINT_URL_S3'),
    credentials: { accessKeyId: value('AWS_ACCESS_KEY_ID'), secretAccessKey: value('AWS_SECRET_ACCESS_KEY') },
  };
}

const at = (...names: string[]) => join(scratch, ...names);
const bucket = () => testbed.env.LW_S3_BUCKET as string;

interface Call {
  readonly key?: string;
  readonly more?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly exit?: number;
  readonly store?: string;
}

async function cache(command: 'save' | 'restore', name: string, call: Call = {}) {
  const store = call.store ?? `s3://${bucket()}/${prefix}`;
  const args = [
    'cache',
    command,
    '--json',
    '--store',
    store,
    '--key',
    call.key ?? 'k',
    ...(call.more ?? []),
    at(name),
  ];
  const result = await layerwright(args, { env: { ...env, ...call.env } });
  assert.equal(result.exitCode, call.exit ?? 0, result.stderr);
  assert.ok(!`${result.stdout}${result.stderr}`.includes(testbed.env.AWS_SECRET_ACCESS_KEY as string));
  return { record: JSON.parse(result.stdout) as AnyRecord, talk: result.stderr };
}

async function keysOf(below: string): Promise<string[]> {
  const page = await client.send(
    new ListObjectsV2Command({ Bucket: bucket(), Prefix: `${prefix}/${below}` }),
  );
  return (page.Contents ?? []).map(({ Key }) => Key as string);
}

async function tree(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  await mkdir(at(name), { recursive: true });
  for (const [path, content] of Object.entries(files)) await writeFile(at(name, path), content);
}

/** Bytes that do not compress, the same for the same seed. */
function noise(size: number, seed = 1): Buffer {
  const content = Buffer.allocUnsafe(size);
  let state = seed;
  for (let offset = 0; offset + 4 <= size; offset += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    content.writeInt32LE(Math.imul(state ^ (state >>> 15), 0x2c1b3c6d), offset);
  }
  return content;
}

test('a nasty tree comes back from S3; the same content is not sent again, under no key', async () => {
  await mkdir(at('tree'));
  await nastyTree(at('tree'));
  await writeFile(at('tree/several ranges and parts'), noise(30_000_000));
  const key = 'wheels/py3.11 ä%2F+';
  const { record: saved, talk } = await cache('save', 'tree', { key });
  assert.equal(saved.outcome, 'saved');
  assert.ok(saved.bytesUploaded > 30_000_000);
  assert.match(talk, /^cache save: saved "wheels\/py3\.11 ä%2F\+", 30\.\d MB in \d+\.\d s, \d+ files\n$/);
  const { record: restored } = await cache('restore', 'out', { key });
  assert.deepEqual([restored.outcome, restored.matchedKey], ['hit', key]);
  assert.deepEqual([restored.bytesDownloaded, restored.files], [saved.bytesUploaded, saved.files]);
  assert.deepEqual(await listing(at('out')), await listing(at('tree')));
  const again = await cache('save', 'out', { key });
  assert.deepEqual([again.record.outcome, again.record.bytesUploaded], ['unchanged', 0]);
  const other = await cache('save', 'out', { key: 'other' });
  assert.equal(other.record.outcome, 'saved');
  assert.ok(other.record.bytesUploaded < 500);
  assert.equal((await keysOf('v1/archives/')).length, 1);
});

test('miss, and fallback keys on S3', async () => {
  await tree('one', { name: 'one' });
  await tree('two', { name: 'two' });
  assert.equal((await cache('restore', 'out')).record.outcome, 'miss');
  assert.equal((await cache('restore', 'out', { more: ['--strict'] })).record.outcome, 'miss');
  await cache('save', 'one', { key: 'wheels-1' });
  await cache('save', 'two', { key: 'wheels-2' });
  const more = ['--fallback-key', 'nothing', '--fallback-key', 'wheels-', '--fallback-key', 'wheels-1'];
  const { record, talk } = await cache('restore', 'out', { key: 'wheels-3', more });
  assert.deepEqual([record.outcome, record.key, record.matchedKey], ['hit', 'wheels-3', 'wheels-2']);
  assert.match(talk, /^cache restore: hit wheels-2 \(fallback for wheels-3\), /);
  assert.equal(await readFile(at('out/name'), 'utf8'), 'two');
});

test('corrupt: flipped, cut off, deleted; the directory is as it was, and the next save mends it', async () => {
  await tree('tree', { a: noise(100_000), b: 'b' });
  await tree('there', { a: 'old', own: 'own' });
  const before = await listing(at('there'));
  await cache('save', 'tree');
  const [Key = ''] = await keysOf('v1/archives/');
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket(), Key }));
  const whole = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const flipped = Buffer.from(whole);
  flipped[5000] = (flipped[5000] as number) ^ 1;
  const put = (content: Buffer) =>
    client.send(new PutObjectCommand({ Bucket: bucket(), Key, Body: content }));
  for (const [damage, exit] of [
    [() => put(flipped), 0],
    [() => put(whole.subarray(0, 60_000)), 1],
    [() => put(Buffer.alloc(0)), 1],
    [() => client.send(new DeleteObjectCommand({ Bucket: bucket(), Key })), 1],
  ] as const) {
    await damage();
    const more = exit === 0 ? [] : ['--strict'];
    const { record, talk } = await cache('restore', 'there', { more, exit });
    assert.deepEqual([record.outcome, record.problem?.code], ['corrupt', 'CACHE_CORRUPT']);
    assert.match(
      talk,
      /^cache restore: corrupt k, nothing restored: the archive is damaged: .*\[CACHE_CORRUPT\]\nhint: /,
    );
    assert.deepEqual(await listing(at('there')), before);
    assert.equal((await cache('save', 'tree')).record.outcome, 'saved');
    assert.equal((await cache('restore', 'whole')).record.outcome, 'hit');
  }
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.startsWith(STAGING_PREFIX)),
    [],
  );
});

test('no permission, no credentials, no bucket', async () => {
  await tree('tree', { a: 'a' });
  const denied = { env: { AWS_SECRET_ACCESS_KEY: 'wrong secret' } };
  for (const command of ['save', 'restore'] as const) {
    const { record, talk } = await cache(command, 'tree', denied);
    assert.deepEqual(
      [record.outcome, record.problem?.code, record.bytesUploaded, record.bytesDownloaded],
      ['unauthorized', 'STORE_UNAUTHORIZED', 0, 0],
    );
    assert.match(
      talk,
      /SignatureDoesNotMatch, HTTP 403\) \[STORE_UNAUTHORIZED\]\nhint: .*AWS_SECRET_ACCESS_KEY/,
    );
    assert.doesNotMatch(talk, /wrong secret|X-Amz|Signature=/);
    await cache(command, 'tree', { ...denied, more: ['--strict'], exit: 2 });
    const none = {
      ...{ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, HOME: scratch },
      ...{ AWS_PROFILE: undefined, AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
    };
    const bare = await cache(command, 'tree', { env: none });
    assert.equal(bare.record.outcome, 'unauthorized');
    assert.match(bare.talk, /no AWS credentials are found/);
    const store = 's3://no-such-bucket/x';
    const missing = await cache(command, 'tree', { store, more: ['--strict'], exit: 2 });
    assert.deepEqual(
      [missing.record.outcome, missing.record.problem?.code],
      ['unreachable', 'STORE_MISSING'],
    );
    assert.match(missing.talk, /there is no bucket no-such-bucket \[STORE_MISSING\]/);
    assert.equal((await cache(command, 'tree', { store })).record.outcome, 'unreachable');
  }
});

test('two saves of one key at the same time: one of them wins whole', async () => {
  for (const name of ['one', 'two']) await tree(name, { name, noise: noise(9_000_000, name.length + round) });
  await tree('two', { noise: noise(9_000_000, 77) });
  const saves = await Promise.all([cache('save', 'one'), cache('save', 'two')]);
  assert.deepEqual(
    saves.map(({ record }) => record.outcome),
    ['saved', 'saved'],
  );
  assert.equal((await cache('restore', 'out')).record.outcome, 'hit');
  const winner = await readFile(at('out/name'), 'utf8');
  assert.deepEqual(await listing(at('out')), await listing(at(winner)));
});

test('a save that is interrupted leaves neither an archive nor a manifest nor parts of an upload', async () => {
  await tree('tree', { noise: noise(300_000_000) });
  const args = ['cache', 'save', '--store', `s3://${bucket()}/${prefix}`, '--key', 'k', at('tree')];
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const uploads = async () => {
    const page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket() }));
    return (page.Uploads ?? []).filter(({ Key }) => Key?.startsWith(prefix)).length;
  };
  while ((await uploads()) === 0) await sleep(10);
  child.kill('SIGINT');
  const [exitCode] = await once(child, 'exit');
  assert.equal(exitCode, 130);
  assert.equal(await uploads(), 0);
  assert.deepEqual(await keysOf(''), []);
});

test('a large directory is streamed: little memory, both ways; a killed restore leaves the directory whole', async () => {
  await mkdir(at('tree/parts'), { recursive: true });
  const block = noise(30_000_000);
  for (let number = 0; number < 10; number++) {
    block.writeInt32LE(number);
    await writeFile(at('tree/parts', String(number)), block);
  }
  const reporter = at('report.mjs');
  await writeFile(
    reporter,
    "process.on('exit', () => process.stderr.write(`memory ${process.resourceUsage().maxRSS}\\n`));",
  );
  const measured = async (command: 'save' | 'restore', name: string, key: string) => {
    const call = { key, env: { NODE_OPTIONS: `--max-old-space-size=64 --import ${reporter}` } };
    const { record, talk } = await cache(command, name, call);
    return { record, kilobytes: Number(/^memory (\d+)$/m.exec(talk)?.[1]) };
  };
  await tree('little', { a: 'a' });
  const little = await measured('save', 'little', 'little');
  const saved = await measured('save', 'tree', 'k');
  assert.ok(saved.record.bytesUploaded > 299_000_000);
  const restored = await measured('restore', 'out', 'k');
  assert.equal(restored.record.outcome, 'hit');
  for (const { kilobytes } of [saved, restored])
    assert.ok(
      kilobytes - little.kilobytes < 120_000,
      `${kilobytes} kB, where a little one takes ${little.kilobytes}`,
    );
  assert.deepEqual(await listing(at('out')), await listing(at('tree')));

  await tree('there', { own: 'own', parts: 'was a file' });
  const before = await listing(at('there'));
  const staged = async () => (await readdir(scratch)).filter((name) => name.startsWith(STAGING_PREFIX));
  const args = ['cache', 'restore', '--store', `s3://${bucket()}/${prefix}`, '--key', 'k', at('there')];
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const written = async () => {
    const [place] = await staged();
    return place === undefined ? [] : await readdir(at(place), { recursive: true });
  };
  while (!(await written()).includes('new/parts/2')) await sleep(5);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual(await listing(at('there')), before);
  assert.equal((await cache('restore', 'there')).record.outcome, 'hit');
  assert.equal((await readdir(at('there/parts'))).length, 10);
  for (const name of await staged()) await rm(at(name), { recursive: true });
});

test('a server that stops in the middle is told as unreachable; the directory is as it was', async () => {
  // Its own server: the others need theirs.
  const own = await startTestbed(testHost(), { dir: join(scratch, 'bed'), parts: ['s3'] }, silentSteps);
  try {
    env = { ...env, ...own.env };
    const store = `s3://${own.env.LW_S3_BUCKET}/x`;
    await tree('tree', { noise: noise(200_000_000) });
    await tree('there', { own: 'own' });
    const before = await listing(at('there'));
    await cache('save', 'tree', { store });
    const service = (await readState(join(scratch, 'bed')))?.services.find(({ name }) => name === 's3');
    assert.ok(service);
    const restoring = cache('restore', 'there', { store });
    const stagedBytes = async () => {
      const [place] = (await readdir(scratch)).filter((name) => name.startsWith(STAGING_PREFIX));
      return place === undefined ? [] : await readdir(at(place, 'new')).catch(() => []);
    };
    while ((await stagedBytes()).length === 0) await sleep(2);
    await stopDaemon(service, 0);
    const { record, talk } = await restoring;
    assert.deepEqual([record.outcome, record.problem?.code], ['unreachable', 'STORE_UNREACHABLE'], talk);
    assert.ok(record.problem?.temporary && record.bytesDownloaded < 200_000_000);
    assert.deepEqual(await listing(at('there')), before);
    const saved = await cache('save', 'tree', { store, more: ['--strict'], exit: 75 });
    assert.equal(saved.record.outcome, 'unreachable');
    assert.match(saved.talk, /connection refused \[STORE_UNREACHABLE\]/);
  } finally {
    await own.stop();
  }
});
