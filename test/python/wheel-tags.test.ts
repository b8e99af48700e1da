import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bestWheel, compatibleTags, parseWheelName } from '../../src/python/wheel-tags.ts';
import { askPip } from './pip-oracle.ts';

const facts = (minor: number, kind: 'glibc' | 'musl', libc: string, architecture = 'amd64') => ({
  version: `3.${minor}.1`,
  cacheTag: `cpython-3${minor}`,
  executable: `/usr/local/bin/python3.${minor}`,
  libc: { kind, version: libc },
  architecture,
});

test('tags fit in the order of pip', async (t) => {
  const cases = [
    facts(11, 'glibc', '2.36'),
    facts(13, 'glibc', '2.41', 'arm64'),
    facts(8, 'glibc', '2.17'),
    facts(12, 'musl', '1.2'),
    facts(14, 'musl', '1.2', 'arm64'),
  ];
  const expected = await askPip<string[][]>(
    `
from pip._vendor.packaging import _manylinux, _musllinux
def supported(case):
    minor = int(case["version"].split(".")[1])
    libc = tuple(int(part) for part in case["libc"]["version"].split("."))
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[case["architecture"]]
    musl = case["libc"]["kind"] == "musl"
    # What pip finds out about the machine that it runs on.
    _manylinux._get_glibc_version = lambda: (-1, -1) if musl else libc
    _manylinux._have_compatible_abi = lambda *_: not musl
    _musllinux._get_musl_version = lambda *_: _musllinux._MuslVersion(*libc) if musl else None
    tags.sysconfig.get_platform = lambda: "linux-" + machine
    platforms = list(tags._linux_platforms(is_32bit=False))
    python = (3, minor)
    abi = "cp3%d" % minor
    return [str(tag) for tag in [*tags.cpython_tags(python, [abi], platforms),
                                 *tags.compatible_tags(python, abi, platforms)]]
answer([supported(case) for case in cases])
`,
    cases,
  );
  if (expected === undefined) return t.skip('there is no python3 with pip');
  for (const [index, one] of cases.entries()) assert.deepEqual(compatibleTags(one), expected[index]);
});

test('a Python with another ABI has no tags', () => {
  assert.equal(
    compatibleTags({ ...facts(13, 'glibc', '2.36'), executable: '/usr/bin/python3.13t' }),
    undefined,
  );
  assert.equal(compatibleTags({ ...facts(13, 'glibc', '2.36'), cacheTag: 'pypy-310' }), undefined);
  assert.equal(compatibleTags(facts(13, 'glibc', '2.36', 'riscv64')), undefined);
  assert.equal(compatibleTags({ ...facts(13, 'glibc', '2.36'), version: '2.7.18' }), undefined);
});

test('the best wheel is the most special one, then the one with the highest build', () => {
  const tags = compatibleTags(facts(11, 'glibc', '2.36')) ?? [];
  const best = (...names: string[]) => {
    const found = bestWheel(
      names.map((filename) => ({ filename })),
      tags,
    );
    return typeof found === 'string' ? found : found?.filename;
  };
  const special = 'a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl';
  const abi3 = 'a-1.0-cp38-abi3-manylinux_2_28_x86_64.whl';
  assert.equal(best('a-1.0-py3-none-any.whl', abi3, special), special);
  assert.equal(best('a-1.0-py3-none-any.whl', abi3), abi3);
  assert.equal(
    best('a-1.0-cp311-cp311-manylinux_2_37_x86_64.whl', 'a-1.0-cp312-abi3-linux_x86_64.whl'),
    undefined,
  );
  assert.equal(
    best('a-1.0-py3-none-any.whl', 'a-1.0-2a-py3-none-any.whl', 'a-1.0-10-py3-none-any.whl'),
    'a-1.0-10-py3-none-any.whl',
  );
  assert.equal(best('a-1.0-py3-none-any.whl', 'a-1-py3-none-any.whl'), 'ambiguous');
  assert.equal(best('a-1.0-cp311-cp311-musllinux_1_2_x86_64.whl'), undefined);
});

test('names of wheels are taken apart', () => {
  const parsed = parseWheelName('Foo_bar.baz-1.0_1-2b-py2.py3-none-any.whl');
  assert.equal(parsed?.name, 'foo-bar-baz');
  assert.equal(parsed?.version, '1.0-1');
  assert.deepEqual(parsed?.build, { number: 2n, rest: 'b' });
  assert.deepEqual(parsed?.tags, ['py2-none-any', 'py3-none-any']);
  for (const name of [
    'foo-1.0.tar.gz',
    'foo.whl',
    '../x-1.0-py3-none-any.whl',
    'foo-banana-py3-none-any.whl',
  ])
    assert.equal(parseWheelName(name), undefined, name);
});
