import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { DEFAULT_PIP_SETTINGS, type PipSettings } from '../../src/python/recognise/pip-arguments.ts';
import {
  collectRequirements,
  type RequirementSources,
} from '../../src/python/requirements/requirement-collect.ts';
import { decodeRequirements, parseRequirements } from '../../src/python/requirements/requirement-file.ts';
import { formatRequirement, parseRequirement } from '../../src/python/requirements/requirement-line.ts';
import { askPip } from './pip-oracle.ts';

const HASH = `sha256:${'a'.repeat(64)}`;

const FILES = [
  'requests\nflask==2.0 # comment\n\n  # only a comment\nurllib3>=1,<3\n',
  `a==1.0 \\\n    --hash=sha256:${'a'.repeat(64)} \\\n    --hash=sha256:${'b'.repeat(64)}\nb==2\n`,
  'a\\\n==1.0\n# comment \\\nb\r\nc\r\n',
  'Some_Name.X [ B , a_c ] (>=1.0, <2) ; python_version >= "3.8" and sys_platform == "linux"\n',
  'a==${VERSION}\nb==1.0;python_version>"3"\nc ; extra == \'x\'\n',
  'a\fb\n',
  'a == 1.0 ,!= 1.5\nb~=1.4.2\nc==1.*\n',
  'a \\\n# swallowed\nb\n',
  'a==1\\\n# not a part of it\nb\n',
  '\uFEFFa\nb',
];

test('requirements files are read as pip reads them', async (t) => {
  const env = { VERSION: '3.1' };
  const expected = await askPip<[string, number, string[]][][]>(
    `
import os, tempfile
from pip._internal.req.req_file import parse_requirements
from pip._internal.network.session import PipSession
os.environ.update(cases["env"])
def one(text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", newline="") as file:
        file.write(text); file.flush()
        found = []
        for item in parse_requirements(file.name, session=PipSession()):
            parsed = requirements.Requirement(item.requirement)
            from pip._vendor.packaging.utils import canonicalize_name
            hashes = sorted(h for values in ((item.options or {}).get("hashes") or {}).items() for h in [values[0] + ":" + v for v in values[1]])
            found.append([canonicalize_name(parsed.name), int(item.line_source.split()[1]),
              [",".join(sorted(canonicalize_name(e) for e in parsed.extras)),
               ",".join(sorted(str(s) for s in parsed.specifier)), str(bool(parsed.marker)), *hashes]])
        return found
answer([one(text) for text in cases["files"]])
`,
    { env, files: FILES },
  );
  if (expected === undefined) return t.skip('there is no python3 with pip');
  for (const [index, text] of FILES.entries()) {
    const items = parseRequirements(text, 'r.txt', env);
    assert.ok(!('reason' in items), text);
    const ours = items.map((item) => {
      assert.ok('requirement' in item, text);
      const { name, extras, specifierText, marker, hashes, from } = item.requirement;
      const conditions = specifierText.split(',').sort().join(',');
      return [
        name,
        Number(from.split(':')[1]),
        [extras.join(','), conditions, marker ? 'True' : 'False', ...hashes],
      ];
    });
    assert.deepEqual(ours, expected[index], text);
  }
});

test('what is wrong is named with file and line', () => {
  for (const [text, line] of [
    ['a\n\n==1.0\n', 3],
    ['a b\n', 1],
    ['a\nb[x!]\n', 2],
    ['a; python_version ~ 3\n', 1],
    ['a==1.0 --hash=md5:123\n', 1],
    ['a \\\n\nb ; nonsense\n', 3],
  ] as const)
    assert.throws(
      () => parseRequirements(text, 'requirements.txt'),
      (error) =>
        error instanceof LayerwrightError &&
        error.code === 'REQUIREMENT_INVALID' &&
        error.exit === 1 &&
        error.message.startsWith(`requirements.txt:${line}: `),
      text,
    );
});

test('what no index answers, or only some versions of pip understand, is a reason', () => {
  for (const text of [
    '-e .',
    '.',
    './a',
    'a @ file:///x',
    'git+https://example.org/a#egg=a',
    'https://example.org/a.whl',
    'a-1.0.tar.gz',
    'a===1.0',
    'a>=2.*',
    '--find-links /x',
    '--no-index',
    'a --global-option=x',
    '--pre -r x.txt',
    '--index-url "https://x',
    `a --hash=${HASH} -e .`,
  ])
    assert.ok('reason' in parseRequirements(text, 'r.txt'), text);
});

test('a requirement is written as it was read', () => {
  for (const text of ['a', 'a[b,c]>=1.0,<2', 'a==1.* ; python_version >= "3.8"']) {
    const parsed = parseRequirement(text);
    assert.ok(!('reason' in parsed) && !('invalid' in parsed));
    assert.equal(formatRequirement(parsed), text);
  }
});

test('the encoding is that of the mark, of the coding line, or UTF-8', () => {
  const utf16 = Buffer.from('\uFEFFcafé\n', 'utf16le');
  assert.equal(decodeRequirements(utf16, 'r.txt'), 'café\n');
  assert.equal(decodeRequirements(Buffer.from(utf16).swap16(), 'r.txt'), 'café\n');
  assert.equal(decodeRequirements(Buffer.from('\uFEFFé'), 'r.txt'), 'é');
  assert.equal(decodeRequirements(Buffer.from('# coding: utf-8\né'), 'r.txt'), '# coding: utf-8\né');
  assert.equal(decodeRequirements(Buffer.alloc(0), 'r.txt'), '');
  for (const bytes of [
    Buffer.from('# -*- coding: latin-1 -*-\n'),
    Buffer.from([0x61, 0xe9]),
    Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]),
  ])
    assert.equal(typeof decodeRequirements(bytes, 'r.txt'), 'object');
});

function collect(
  files: Record<string, string>,
  sources: Partial<Omit<RequirementSources, 'settings'>> & { settings?: Partial<PipSettings> },
) {
  const settings = { ...DEFAULT_PIP_SETTINGS, ...sources.settings };
  return collectRequirements({ inline: [], env: {}, ...sources, settings }, async (path) =>
    Object.hasOwn(files, path) ? Buffer.from(files[path] as string) : undefined,
  );
}

test('nested files are found beside the file that names them', async () => {
  const found = await collect(
    {
      'requirements/prod.txt': '-r base.txt\n-c ../constraints.txt\ngunicorn\n',
      'requirements/base.txt': 'flask\n',
      'constraints.txt': 'flask<3\n',
    },
    { inline: ['httpx'], settings: { requirementFiles: ['requirements/prod.txt'] } },
  );
  assert.ok(!('reason' in found));
  assert.deepEqual(
    found.requirements.map(({ name, from }) => [name, from]),
    [
      ['httpx', 'inline'],
      ['flask', 'requirements/base.txt:1'],
      ['gunicorn', 'requirements/prod.txt:3'],
    ],
  );
  assert.deepEqual(found.constraints.map(formatRequirement), ['flask<3']);
  assert.deepEqual(found.files, ['requirements/prod.txt', 'requirements/base.txt', 'constraints.txt']);
});

test('an index in a file takes the place of all earlier ones', async () => {
  const settings = {
    indexUrl: 'https://one.example/s',
    extraIndexUrls: ['https://two.example/s'],
    requirementFiles: ['r.txt'],
  };
  const replaced = await collect(
    { 'r.txt': '--index-url https://three.example/s\n--extra-index-url=https://four.example/s\na\n' },
    { settings },
  );
  assert.ok(!('reason' in replaced));
  assert.equal(replaced.settings.indexUrl, 'https://three.example/s');
  assert.deepEqual(replaced.settings.extraIndexUrls, ['https://four.example/s']);
  const added = await collect(
    { 'r.txt': '--extra-index-url https://four.example/s\n--pre\na\n' },
    { settings },
  );
  assert.ok(!('reason' in added));
  assert.deepEqual(added.settings.extraIndexUrls, ['https://two.example/s', 'https://four.example/s']);
  assert.equal(added.settings.pre, true);
});

test('a file that is missing or includes itself is an error, one from an address a reason', async () => {
  const code = (expected: string) => (error: unknown) =>
    error instanceof LayerwrightError && error.code === expected && error.exit === 1;
  const settings = { requirementFiles: ['r.txt'] };
  await assert.rejects(collect({}, { settings, near: () => 'requirements.txt' }), (error) => {
    assert.ok(code('REQUIREMENT_FILE_MISSING')(error));
    assert.match((error as LayerwrightError).hint ?? '', /requirements\.txt/);
    return true;
  });
  await assert.rejects(collect({ 'r.txt': '-r x/../r.txt' }, { settings }), code('REQUIREMENT_INVALID'));
  assert.ok('reason' in (await collect({ 'r.txt': '-r https://example.org/r.txt' }, { settings })));
  assert.ok('reason' in (await collect({ 'r.txt': 'a[b]' }, { settings: { constraintFiles: ['r.txt'] } })));
  assert.ok(
    'reason' in
      (await collect({ 'r.txt': '-r s.txt', 's.txt': '' }, { settings: { constraintFiles: ['r.txt'] } })),
  );
});
