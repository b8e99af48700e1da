import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { temporaryDirectory } from '../../src/host/files.ts';
import { makeDependencyLayer } from '../../src/layers/dependency-layer.ts';
import { type ExpectedWheel, readWheelFacts } from '../../src/layers/wheel-facts.ts';
import { layerRequest, wheelParts } from '../support/wheel.ts';
import { type ZipPart, zipOf } from '../support/zip.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  temporary = await temporaryDirectory();
});
after(() => temporary[Symbol.asyncDispose]());

const EXPECTED = { name: 'demo', version: '1.0', filename: 'demo-1.0-py3-none-any.whl' };

async function saved(bytes: Uint8Array): Promise<string> {
  const file = join(temporary.path, 'demo.whl');
  await writeFile(file, bytes);
  return file;
}

async function factsOf(bytes: Uint8Array, expected: ExpectedWheel = EXPECTED) {
  return readWheelFacts(await saved(bytes), expected);
}

/** Both readers refuse it, and name the wheel, the member and the reason. */
async function assertRefused(bytes: Uint8Array, reason: RegExp, where: 'facts' | 'layer' | 'both' = 'both') {
  const file = await saved(bytes);
  const expected = (error: { code: string; exit: number; hint: string; message: string }) => {
    assert.equal(error.code, 'WHEEL_INVALID', String(error));
    assert.equal(error.exit, 1);
    assert.ok(error.hint.length > 0);
    assert.match(error.message, /^demo[- ]1\.0\S* is no valid wheel: /);
    assert.match(error.message, reason);
    return true;
  };
  const layer = makeDependencyLayer(
    layerRequest([{ name: 'demo', version: '1.0', file, sha256: '', requested: false }]),
    temporary.path,
  );
  if (where === 'facts') await layer;
  else await assert.rejects(layer, expected);
  if (where === 'layer') await readWheelFacts(file, EXPECTED);
  else await assert.rejects(readWheelFacts(file, EXPECTED), expected);
}

const GOOD: readonly ZipPart[] = [{ name: 'demo/__init__.py', content: 'x = 1\n' }];

function wheelWith(...parts: readonly ZipPart[]): Buffer {
  return zipOf(wheelParts([...GOOD, ...parts]));
}

test('the facts of a wheel: paths, bytes, scripts, what it needs', async () => {
  const parts = wheelParts([...GOOD, { name: 'demo/' }, { name: 'a.txt', content: 'abc', stored: true }], {
    entryPoints:
      '[console_scripts]\nrun = demo:main\n\n[other]\nx = y\n[gui_scripts]\nshow=demo.gui:App.run [extra]\n',
    metadata: [
      'Requires-Python: >=3.9',
      'requires-dist: a>=1 ; extra == "x"',
      'Requires-Dist: b (>=2,',
      '        <3)',
      'Provides-Extra: Some_Extra',
      '',
    ].join('\n'),
    purelib: false,
  });
  const facts = await factsOf(zipOf(parts), { ...EXPECTED, sha256: 'f'.repeat(64) });
  assert.deepEqual(facts, {
    ...{ sha256: 'f'.repeat(64), name: 'demo', version: '1.0', purelib: false },
    paths: [
      'a.txt',
      'demo-1.0.dist-info/METADATA',
      'demo-1.0.dist-info/RECORD',
      'demo-1.0.dist-info/WHEEL',
      'demo-1.0.dist-info/entry_points.txt',
      'demo/__init__.py',
    ],
    bytes: parts.reduce((sum, { content = '' }) => sum + Buffer.byteLength(content), 0),
    scripts: ['run', 'show'],
    requiresDist: ['a>=1 ; extra == "x"', 'b (>=2, <3)'],
    requiresPython: '>=3.9',
    extras: ['some-extra'],
  });
  assert.equal((await factsOf(zipOf(parts))).sha256.length, 64, 'hashed if it is not known');
});

test('names and versions are compared after their specifications, not by letters', async () => {
  const bytes = zipOf(wheelParts(GOOD, { name: 'Some.Demo', version: '1.0.post1' }));
  const facts = await factsOf(bytes, {
    ...{ name: 'some-demo', version: '1.0-1', filename: 'some_demo-1.0.post1-1build-py3-none-any.whl' },
  });
  assert.equal(facts.name, 'some-demo');
});

test('all honest forms of zip are read: streamed, zip64, stored, a comment, names in UTF-8, nothing in a file', async () => {
  const forms: readonly ZipPart[] = [
    { name: 'demo/streamed.txt', content: 'a'.repeat(1000), streamed: true },
    { name: 'demo/large.txt', content: 'b'.repeat(1000), zip64: true },
    { name: 'demo/stored.bin', content: 'c', stored: true },
    { name: 'demo/stored64.bin', content: 'c', stored: true, zip64: true },
    { name: 'demo/empty', content: '', stored: true },
    { name: 'demo/empty2', content: '' },
    { name: 'demo/ünïcode-\u{1f40d}.txt', content: 'd' },
    { name: 'demo/timed', content: 'e', central: { extra: Buffer.from('5554050001aabbccdd', 'hex') } },
  ];
  for (const end of [{}, { zip64: true }, { comment: 'made by hand' }, { zip64: true, comment: 'x' }]) {
    const facts = await factsOf(zipOf(wheelParts([...GOOD, ...forms]), end));
    for (const { name } of forms) assert.ok(facts.paths.includes(name), name);
  }
});

const NAMES: readonly [string, RegExp][] = [
  ['../evil.py', /"\.\.\/evil\.py": its path leads out/],
  ['demo/../../evil.py', /leads out/],
  ['demo/./a', /leads out/],
  ['demo//a', /leads out/],
  ['/etc/passwd', /its path is absolute/],
  ['C:evil.py', /its path is absolute/],
  ['c:/evil.py', /its path is absolute/],
  ['demo\\evil.py', /backslash/],
  ['demo/a\0b', /control character/],
  ['demo/a\nb', /control character/],
  ['demo/__init__.py', /it is there twice/],
  ['demo/__INIT__.py', /in letter case only/],
  ['demo', /a file and a directory at once/],
  ['demo/__init__.py/x', /a file and a directory at once/],
  ['demo/__init__.py/', /a file and a directory at once/],
  ['../', /leads out/],
];

for (const [name, reason] of NAMES)
  test(`a member named ${JSON.stringify(name)} is refused`, () => assertRefused(wheelWith({ name }), reason));

const MEMBERS: readonly [string, ZipPart, RegExp, ('facts' | 'layer' | 'both')?][] = [
  ['a symbolic link', { name: 'l', content: '/etc/passwd', mode: 0o120777 }, /a link or a device/],
  ['a device', { name: 'l', mode: 0o060644 }, /a link or a device/],
  ['a directory that does not say so', { name: 'l', mode: 0o040755 }, /a link or a device/],
  ['a directory with content', { name: 'l/', content: 'x' }, /a directory with content/],
  ['an encrypted member', { name: 'e', central: { flags: 1 } }, /encrypted/],
  ['a strongly encrypted member', { name: 'e', central: { flags: 0x40 } }, /encrypted/],
  ['bzip2', { name: 'b', central: { method: 12 } }, /method 12/],
  ['two names', { name: 'n', local: { name: 'm' } }, /headers disagree/, 'both'],
  ['two sizes', { name: 'n', content: 'abc', local: { size: 2 } }, /headers disagree/],
  ['two compressed sizes', { name: 'n', content: 'abc', local: { compressedSize: 2 } }, /headers disagree/],
  ['two checksums', { name: 'n', content: 'abc', local: { crc: 2 } }, /headers disagree/],
  ['two compressions', { name: 'n', content: 'abc', local: { method: 0 } }, /headers disagree/],
  ['two sets of flags', { name: 'n', content: 'abc', local: { flags: 0x800 } }, /headers disagree/],
  [
    'a missing zip64 field',
    { name: 'n', central: { size: 0xffffffff } },
    /zip64 field is missing|cannot come out/,
  ],
  ['an unknown encoding', { name: 'ä', central: { flags: 0 } }, /neither ASCII nor marked as UTF-8/],
  [
    'a name that is not UTF-8',
    { name: 'ä', central: { name: Buffer.from([0xe4, 0x78]) } },
    /its name is not UTF-8/,
  ],
  [
    'a second name in an extra field',
    { name: 'n', central: { extra: Buffer.from([0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 0x6d]) } },
    /it has two names/,
  ],
  [
    'a checksum that does not match',
    { name: 'n', content: 'abc', central: { crc: 7 }, local: { crc: 7 } },
    /"n": its checksum does not match/,
    'layer',
  ],
  [
    'more content than declared',
    { name: 'n', content: 'abc', central: { size: 2 }, local: { size: 2 } },
    /larger than its header says/,
    'layer',
  ],
  [
    'less content than declared',
    { name: 'n', content: 'abc', central: { size: 4 }, local: { size: 4 } },
    /smaller than its header says/,
    'layer',
  ],
  [
    'bytes that are no deflate stream',
    { name: 'n', content: 'abc', packed: Buffer.from('not deflated') },
    /cannot be decompressed/,
    'layer',
  ],
  [
    'a deflate stream that is cut off',
    {
      name: 'n',
      content: 'abcabcabc'.repeat(9),
      packed: deflateRawSync('abcabcabc'.repeat(9)).subarray(0, 5),
    },
    /cannot be decompressed/,
    'layer',
  ],
  [
    'a ratio that deflate does not reach',
    { name: 'n', packed: Buffer.alloc(10), central: { size: 10_321 }, local: { size: 10_321 } },
    /10321 bytes cannot come out of 10/,
  ],
  [
    'stored bytes that grow',
    { name: 'n', stored: true, content: 'abc', central: { size: 4 }, local: { size: 4 } },
    /4 bytes cannot come out of 3/,
  ],
];

for (const [what, part, reason, where] of MEMBERS)
  test(`a wheel with ${what} is refused`, () => assertRefused(wheelWith(part), reason, where ?? 'both'));

test('large members are checked as small ones are', async () => {
  const content = Buffer.alloc(3_000_000, 'a text that repeats ');
  const wrong = [
    [{ crc: 7 }, /its checksum does not match/],
    [{ size: content.length - 1 }, /larger than its header says/],
    [{ size: content.length + 1 }, /smaller than its header says/],
  ] as const;
  for (const stored of [false, true])
    for (const [fields, reason] of wrong) {
      if (stored && 'size' in fields) continue;
      const part = { name: 'n', content, stored, central: fields, local: fields };
      await assertRefused(wheelWith(part), reason, 'layer');
    }
  const cut = deflateRawSync(content).subarray(0, -200);
  await assertRefused(wheelWith({ name: 'n', content, packed: cut }), /cannot be decompressed/, 'layer');
  const noise = Buffer.alloc(3_000_000, 0xff);
  await assertRefused(wheelWith({ name: 'n', content, packed: noise }), /cannot be decompressed/, 'layer');
});

test('members that share bytes are refused', async () => {
  const kernel = { name: 'a', content: 'x'.repeat(2000) };
  await assertRefused(
    wheelWith(kernel, { name: 'b', content: 'y', central: { offset: 10 } }),
    /overlaps another member/,
  );
  // The extra field of the local header alone makes it reach into the next one.
  const parts = wheelParts([{ name: 'a', content: 'y' }, ...GOOD]);
  const bytes = zipOf(parts);
  bytes.writeUInt16LE(40, 28);
  await assertRefused(
    bytes,
    /overlaps another member|extra field|cannot be decompressed|checksum|larger|smaller/,
  );
});

test('more than 16 GiB are refused, however small they are packed', () => {
  const size = 3 * 1024 ** 3;
  const packed = Buffer.alloc(Math.ceil(size / 1032));
  const sized = (name: string): ZipPart => ({ name, packed, central: { size }, local: { size } });
  return assertRefused(
    wheelWith(...['a', 'b', 'c', 'd', 'e', 'f'].map(sized)),
    /unpacks to more than 16 GiB/,
  );
});

const ENDS: readonly [string, (good: Buffer) => Uint8Array, RegExp][] = [
  ['nothing', () => Buffer.alloc(0), /no zip archive/],
  ['no archive', () => Buffer.from('hello'.repeat(100)), /no zip archive/],
  ['its end cut off', (good) => good.subarray(0, -1), /no zip archive|behind its end/],
  ['bytes behind its end', (good) => Buffer.concat([good, Buffer.from('x')]), /behind its end/],
  [
    'bytes before its beginning',
    (good) => Buffer.concat([Buffer.from('#!/bin/sh\n'), good]),
    /not where its end says/,
  ],
];

for (const [what, change, reason] of ENDS)
  test(`a file with ${what} is refused`, () => assertRefused(change(wheelWith()), reason));

test('an end that says another count, or another place, is refused', async () => {
  const parts = wheelParts(GOOD);
  await assertRefused(zipOf(parts, { count: parts.length - 1 }), /holds more than its end says/);
  await assertRefused(zipOf(parts, { count: parts.length + 1 }), /its directory is damaged/);
  await assertRefused(zipOf(parts, { offset: 3 }), /not where its end says/);
  const large = zipOf(parts, { zip64: true });
  large.writeUInt16LE(1, large.length - 22 + 8);
  large.writeUInt16LE(1, large.length - 22 + 10);
  await assertRefused(large, /two end records disagree/);
});

test('a wheel must have one *.dist-info, of the expected distribution, with WHEEL, METADATA and RECORD', async () => {
  const parts = wheelParts(GOOD);
  const without = (name: string) => zipOf(parts.filter((part) => !part.name.endsWith(`/${name}`)));
  for (const name of ['WHEEL', 'METADATA', 'RECORD'])
    await assertRefused(without(name), new RegExp(`${name}": it is missing`));
  await assertRefused(zipOf(GOOD), /it has no \*\.dist-info/);
  await assertRefused(
    wheelWith({ name: 'other-1.0.dist-info/METADATA', content: 'x' }),
    /more than one \*\.dist-info: demo-1\.0\.dist-info and other-1\.0\.dist-info/,
  );
  await assertRefused(
    zipOf(wheelParts(GOOD, { name: 'other' })),
    /other-1\.0\.dist-info is not that of demo 1\.0/,
  );
  await assertRefused(
    zipOf(wheelParts(GOOD, { version: '1.1' })),
    /demo-1\.1\.dist-info is not that of demo 1\.0/,
  );
});

/** A good wheel with another text in one file of its `*.dist-info`. */
function changed(name: string, change: (text: string) => string): Buffer {
  return zipOf(
    wheelParts(GOOD, { entryPoints: '' }).map((part) =>
      part.name.endsWith(`/${name}`) ? { ...part, content: change(String(part.content)) } : part,
    ),
  );
}

test('what the metadata says must fit', async () => {
  const cases: readonly [string, (text: string) => string, RegExp][] = [
    ['METADATA', (text) => text.replace('Name: demo', 'Name: other'), /METADATA names other, not demo/],
    ['METADATA', (text) => text.replace('Name: demo\n', ''), /METADATA names nothing/],
    [
      'METADATA',
      (text) => text.replace('Version: 1.0', 'Version: 1.1'),
      /METADATA says version 1\.1, not 1\.0/,
    ],
    ['METADATA', (text) => `\n${text}`, /METADATA names nothing/],
    [
      'WHEEL',
      (text) => text.replace('Wheel-Version: 1.0', 'Wheel-Version: 2.0'),
      /Wheel-Version 2\.0 is newer/,
    ],
    ['WHEEL', (text) => text.replace('Wheel-Version: 1.0\n', ''), /says no Wheel-Version/],
    ['RECORD', (text) => `${text}"open,,\n`, /is not CSV/],
    ['entry_points.txt', () => '[console_scripts]\nrun\n', /"run\\" has no value|has no value/],
  ];
  for (const [name, change, reason] of cases) await assertRefused(changed(name, change), reason);
  const minor = changed('WHEEL', (text) => text.replace('Wheel-Version: 1.0', 'Wheel-Version: 1.9'));
  assert.equal((await factsOf(minor)).purelib, true);
});

test('the name of the file must be that of the wheel', async () => {
  for (const filename of ['demo-1.1-py3-none-any.whl', 'other-1.0-py3-none-any.whl', 'demo-1.0.zip'])
    await assert.rejects(factsOf(wheelWith(), { ...EXPECTED, filename }), {
      code: 'WHEEL_INVALID',
      message: /its file name is not that of a wheel of demo 1\.0/,
    });
});

test('hashes in RECORD are not checked, as pip does not: the lock has the hash of the whole wheel', async () => {
  const bytes = changed('RECORD', (text) => text.replaceAll(/sha256=[\w-]+/g, 'sha256=wrong'));
  assert.equal((await factsOf(bytes)).paths.length, 5);
});
