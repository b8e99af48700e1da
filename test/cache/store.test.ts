import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileStore } from '../../src/cache/store/file.ts';
import { archiveName, referenceName, referencePrefix, requireKey } from '../../src/cache/store/keys.ts';
import { openStore, parseStore } from '../../src/cache/store/open.ts';
import type { Body } from '../../src/cache/store/store.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';
import { seededNumbers } from '../support/random.ts';

test('a store is a bucket with a prefix, or a directory', () => {
  assert.deepEqual(parseStore('s3://bucket'), { kind: 's3', bucket: 'bucket', prefix: '' });
  assert.deepEqual(parseStore('s3://my.bucket-1/a//b/'), {
    kind: 's3',
    bucket: 'my.bucket-1',
    prefix: 'a/b/',
  });
  assert.deepEqual(parseStore('S3://bucket/ä b'), { kind: 's3', bucket: 'bucket', prefix: 'ä b/' });
  assert.deepEqual(parseStore('file:///var/cache'), { kind: 'file', directory: '/var/cache' });
  assert.deepEqual(parseStore('file:///a%20b/../c?d#e'), { kind: 'file', directory: '/c?d#e' });
});

test('what is no store is refused, and nothing secret in it is printed', () => {
  const refused = (text: string, code: string) => {
    assert.throws(
      () => parseStore(text),
      (error: Error & { code: string; exit: number; hint: string }) => {
        assert.deepEqual([error.code, error.exit], [code, 2], text);
        assert.match(error.hint, /s3:\/\/BUCKET\/PREFIX and file|s3:\/\/BUCKET\/PREFIX or file/);
        assert.doesNotMatch(`${error.message}${error.hint}`, /secret/, text);
        return true;
      },
    );
  };
  for (const text of [
    'oci://registry.example.com/cache',
    'gs://bucket',
    'https://key:secret@host/?X-Sig=secret',
  ])
    refused(text, 'STORE_UNKNOWN');
  for (const text of [
    ...['', 'bucket', '/var/cache', 's3:bucket', 's3://', 's3:///prefix', 's3://b', 's3://under score!/'],
    ...['s3://key:secret@bucket/p', 's3://bucket/p?secret=1', 's3://bucket/p#secret', 's3://bucket/../other'],
    ...['file://relative', 'file://host/share', 'file:////x', 'file:///%zz', 'key:secret@bucket?secret'],
  ])
    refused(text, 'STORE_INVALID');
  assert.throws(() => parseStore('oci://h/r'), /oci:\/\/\) are not in this version/);
});

test('a key has 1 to 512 bytes of text', () => {
  for (const key of ['k', 'ä'.repeat(256), '\n', '../..', 'x'.repeat(512)]) requireKey(key, '--key');
  for (const key of ['', 'ä'.repeat(257), 'x'.repeat(513), '\ud800'])
    assert.throws(() => requireKey(key, '--fallback-key'), { code: 'KEY_INVALID', exit: 2 });
});

/** Keys of all kinds, many of them alike. */
function keys(seed: number, count: number): string[] {
  const next = seededNumbers(seed);
  const parts = [
    'a',
    'A',
    '.',
    '..',
    '/',
    '+',
    '%',
    '%2F',
    'ä',
    '日',
    '🐍',
    '-',
    '.json',
    ' ',
    'x'.repeat(200),
    '+/',
  ];
  return Array.from({ length: count }, () => {
    let key = '';
    for (let length = 1 + next(12); length > 0; length--) key += parts[next(parts.length)];
    return key;
  }).filter((key) => Buffer.byteLength(key) <= 512);
}

test('names of keys: each its own, short parts, none below another', () => {
  const all = [...new Set(keys(1, 4000))];
  const edges = [199, 200, 201, 399, 400, 401, 499, 500, 501, 512].flatMap((length) => [
    'x'.repeat(length),
    `${'x'.repeat(Math.max(0, length - 5))}.json`,
  ]);
  // The first part of the one looks like the whole name of the other.
  const alike = ['x'.repeat(195), `${'x'.repeat(195)}.jsony`];
  const names = new Map([...all, ...edges, ...alike].map((key) => [key, referenceName(key)]));
  assert.ok(names.size > 2000);
  const distinct = new Set(names.values());
  assert.equal(distinct.size, names.size);
  const folders = new Set<string>();
  for (const name of distinct) {
    assert.match(name, /^v1\/refs\/[A-Za-z0-9._%+-]+(?:\/[A-Za-z0-9._%+-]+)*\.json$/);
    assert.ok(name.length < 700, 'with a prefix it stays below what S3 takes');
    const parts = name.split('/');
    for (const part of parts) assert.ok(part.length <= 206 && part !== '.' && part !== '..', part);
    for (let depth = 1; depth < parts.length; depth++) folders.add(parts.slice(0, depth).join('/'));
  }
  for (const name of distinct) assert.ok(!folders.has(name), name);
  assert.equal(referenceName('wheels-py3.11_a'), 'v1/refs/wheels-py3.11_a.json');
  assert.equal(archiveName('abc'), 'v1/archives/ab/abc.tar.zst');
});

test('the names of all keys that start with a prefix start with its name', () => {
  const next = seededNumbers(2);
  for (const key of [...keys(3, 2000), 'x'.repeat(512), 'ä'.repeat(256)]) {
    const characters = [...key];
    const prefix = characters.slice(0, next(characters.length + 1)).join('');
    assert.ok(referenceName(key).startsWith(referencePrefix(prefix)), `${prefix} of ${key}`);
  }
});

async function* of(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

function body(content: AsyncIterable<Uint8Array>, onSent = (_bytes: number) => {}): Body {
  return { content, limit: 1000, onSent };
}

async function text(chunks: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (chunks === undefined) return undefined;
  let all = '';
  for await (const chunk of chunks) all += Buffer.from(chunk).toString();
  return all;
}

test('a directory as a store: written, read, measured, listed, replaced', async () => {
  await using directory = await temporaryDirectory();
  const store = fileStore(testHost(), join(directory.path, 'not', 'there yet'));
  assert.equal(await store.read('a/b'), undefined);
  assert.equal(await store.size('a/b'), undefined);
  assert.deepEqual(await store.list('a/'), []);
  const sent: number[] = [];
  await store.write(
    'a/b',
    body(of('one', 'two'), (bytes) => sent.push(bytes)),
  );
  assert.deepEqual(sent, [3, 3]);
  assert.equal(await text(await store.read('a/b')), 'onetwo');
  assert.equal(await store.size('a/b'), 6);
  await store.write('a/b', body(of('new')));
  assert.equal(await text(await store.read('a/b')), 'new');
  await store.write('a/bc/d', body(of('')));
  await store.write('ab', body(of('')));
  const names = async (prefix: string) => (await store.list(prefix)).map(({ name }) => name).sort();
  assert.deepEqual(await names('a/b'), ['a/b', 'a/bc/d']);
  assert.deepEqual(await names('a/bc'), ['a/bc/d']);
  assert.deepEqual(await names(''), ['a/b', 'a/bc/d', 'ab']);
});

test('what fails on the way into a directory leaves the old object and nothing else', async () => {
  await using directory = await temporaryDirectory();
  const store = fileStore(testHost(), directory.path);
  await store.write('a/b', body(of('old')));
  const breaks = async function* () {
    yield Buffer.from('new');
    throw new Error('on the way');
  };
  await assert.rejects(store.write('a/b', body(breaks())), /^Error: on the way$/);
  assert.equal(await text(await store.read('a/b')), 'old');
  assert.deepEqual(await readdir(join(directory.path, 'a')), ['b']);
  const aborted = testHost();
  aborted.abort();
  await assert.rejects(fileStore(aborted, directory.path).write('a/c', body(of('x'))), {
    code: 'INTERRUPTED',
  });
  assert.deepEqual(await readdir(join(directory.path, 'a')), ['b']);
});

test('a directory that cannot be a store', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'file'), '');
  const store = await openStore(testHost(), `file://${directory.path}/file`);
  await assert.rejects(store.read('v1/a'), { code: 'STORE_REFUSED', exit: 2 });
  await assert.rejects(store.write('v1/a', body(of('x'))), { code: 'STORE_REFUSED', exit: 2 });
  if (process.getuid?.() === 0) return;
  const locked = join(directory.path, 'locked');
  await mkdir(locked);
  await chmod(locked, 0);
  await assert.rejects(fileStore(testHost(), locked).read('a'), { code: 'STORE_UNAUTHORIZED', exit: 2 });
});
