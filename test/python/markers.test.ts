import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluateMarker, markerEnvironment, parseMarker } from '../../src/python/markers.ts';
import { askPip } from './pip-oracle.ts';

const environment = markerEnvironment({ version: '3.11.2', architecture: 'amd64' }) ?? {};

const MARKERS = [
  'python_version < "3.11"',
  "python_version>='3.9' and python_version<'3.12'",
  '"3.8" < python_version',
  'python_version == "3.*"',
  'python_version != "3.11.*"',
  'python_version ~= "3.9"',
  'python_version in "2.7 3.11"',
  'python_version not in "2.7, 3.11"',
  'python_full_version >= "3.11.2" and implementation_version < "3.11.3"',
  'sys_platform == "win32" or sys_platform == "linux"',
  'sys_platform == "win32" or sys_platform == "darwin" and os_name == "posix"',
  '(sys_platform == "win32" or os_name == "posix") and platform_system == "Linux"',
  'platform_machine == "x86_64" and platform_python_implementation == "CPython"',
  'platform_machine in "x86_64 aarch64"',
  'implementation_name != "pypy"',
  'extra == "socks-5"',
  'extra != "socks-5"',
  '(extra == "a" or extra == "socks-5") and python_version > "3"',
  "os.name == 'posix' and sys.platform == 'linux'",
  'python_implementation == "CPython"',
];

test('markers say what pip says for the image', async (t) => {
  const expected = await askPip<boolean[][]>(
    `
answer([[markers.Marker(text).evaluate({**cases["environment"], "extra": extra}) for extra in cases["extras"]]
        for text in cases["markers"]])
`,
    { markers: MARKERS, environment, extras: ['', 'socks-5'] },
  );
  if (expected === undefined) return t.skip('there is no python3 with pip');
  for (const [index, text] of MARKERS.entries()) {
    const marker = parseMarker(text);
    assert.ok(marker, text);
    const ours = ['', 'socks-5'].map((extra) => evaluateMarker(marker, environment, extra));
    assert.deepEqual(ours, expected[index], text);
  }
});

test('what depends on the build machine, or on the version of pip, is not known', () => {
  const evaluate = (text: string) => {
    const marker = parseMarker(text);
    assert.ok(marker, text);
    return evaluateMarker(marker, environment, '');
  };
  for (const text of [
    'platform_release >= "5"',
    'platform_version == "1"',
    'python_version >= "3.x"',
    'platform_machine >= "x86"',
    '"a" == "a"',
    'python_version === "3.11"',
  ])
    assert.equal(evaluate(text), undefined, text);
  const spelt = parseMarker('extra == "Socks_5"');
  assert.equal(spelt && evaluateMarker(spelt, environment, 'socks-5'), undefined);
  assert.equal(spelt && evaluateMarker(spelt, environment, 'socks-6'), false);
  assert.equal(evaluate('platform_release > "5" and os_name == "nt"'), false, 'one side decides');
  assert.equal(evaluate('platform_release > "5" or os_name == "posix"'), true, 'one side decides');
});

test('what is no marker is not parsed', () => {
  for (const text of [
    '',
    'python_version',
    'python_version >',
    'pyton_version > "3"',
    '(os_name == "nt"',
    'os_name == "nt" and',
    'os_name == "nt" xor os_name == "posix"',
    'os_name == nt',
    'constructor == "x"',
  ])
    assert.equal(parseMarker(text), undefined, text);
});

test('a Python or processor that is not known has no environment', () => {
  assert.equal(markerEnvironment({ version: '3.11', architecture: 'amd64' }), undefined);
  assert.equal(markerEnvironment({ version: '3.11.2+', architecture: 'amd64' }), undefined);
  assert.equal(markerEnvironment({ version: '3.11.2', architecture: 'riscv64' }), undefined);
  assert.equal(
    markerEnvironment({ version: '3.14.0rc2', architecture: 'arm64' })?.platform_machine,
    'aarch64',
  );
});
