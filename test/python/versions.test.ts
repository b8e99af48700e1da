import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowsPrereleases, parseSpecifiers, satisfies } from '../../src/python/specifiers.ts';
import {
  compareVersions,
  formatVersion,
  parseVersion,
  sameVersion,
  type Version,
} from '../../src/python/versions.ts';
import { askPip, randomNumbers } from './pip-oracle.ts';

const version = (text: string) => parseVersion(text) as Version;

function randomVersions(count: number, seed: number): readonly string[] {
  const random = randomNumbers(seed);
  const pick = (choices: readonly string[]) => choices[random(choices.length)] as string;
  return Array.from({ length: count }, () => {
    const release = Array.from({ length: 1 + random(4) }, () => String(random(4))).join('.');
    return [
      pick(['', '', '', '', 'v', '1!', '0!']),
      release,
      pick(['', '', '', 'a1', 'b2', 'rc1', '-alpha.3', '.c2', '_preview0', 'pre', 'RC3']),
      pick(['', '', '', '.post1', '-2', 'r3', '_rev', '.post']),
      pick(['', '', '', '.dev0', 'dev4', '-dev']),
      pick(['', '', '', '', '+cu118', '+1e5', '+abc.7', '+2-x_1', '+Infinity', '+20240101123456789012']),
    ].join('');
  });
}

test('versions are ordered and written as pip does', async (t) => {
  const versions = randomVersions(600, 1);
  const expected = await askPip<{ normal: string[]; order: number[][] }>(
    `
parsed = [version.Version(one) for one in cases]
answer({"normal": [str(one) for one in parsed],
        "order": [[(a > b) - (a < b) for b in parsed[::7]] for a in parsed]})
`,
    versions,
  );
  if (expected === undefined) return t.skip('there is no python3 with pip');
  const parsed = versions.map(version);
  assert.deepEqual(parsed.map(formatVersion), expected.normal);
  const others = parsed.filter((_one, index) => index % 7 === 0);
  const order = parsed.map((a) => others.map((b) => Math.sign(compareVersions(a, b))));
  for (const [row, line] of order.entries())
    for (const [column, sign] of line.entries())
      assert.equal(sign, expected.order[row]?.[column], `${versions[row]} and ${versions[column * 7]}`);
});

test('conditions allow the versions that pip allows', async (t) => {
  const random = randomNumbers(2);
  const bounds = randomVersions(500, 3).map((bound) => {
    const operator = ['==', '!=', '<=', '>=', '<', '>', '~='][random(7)] as string;
    return `${operator}${bound}${random(5) === 0 ? '.*' : ''}`;
  });
  const versions = randomVersions(120, 4);
  const expected = await askPip<({ allowed: boolean[]; pre: boolean } | null)[]>(
    `
def one(text):
    try:
        parsed = specifiers.SpecifierSet(text)
        next(iter(parsed)); [specifiers.Specifier(str(s)) for s in parsed]
    except Exception:
        return None
    if type(next(iter(parsed))).__name__ != "Specifier":
        return None
    return {"allowed": [parsed.contains(v, prereleases=True) for v in cases["versions"]], "pre": bool(parsed.prereleases)}
answer([one(text) for text in cases["bounds"]])
`,
    { bounds, versions },
  );
  if (expected === undefined) return t.skip('there is no python3 with pip');
  let compared = 0;
  for (const [index, bound] of bounds.entries()) {
    const specifiers = parseSpecifiers(bound);
    const theirs: { allowed: boolean[]; pre: boolean } | null | undefined = expected[index];
    // What we refuse is left to pip; what pip refuses must not be taken.
    if (specifiers === undefined) continue;
    assert.ok(theirs, `${bound} is taken, but not by pip`);
    assert.equal(allowsPrereleases(specifiers), theirs.pre, bound);
    for (const [at, text] of versions.entries())
      assert.equal(satisfies(version(text), specifiers), theirs.allowed[at], `${text} ${bound}`);
    compared++;
  }
  assert.ok(compared > 150, `${compared} of ${bounds.length} conditions are understood`);
});

test('what only some versions of pip understand is no condition', () => {
  for (const text of ['===1.0', '>=2.*', '==1.0.dev1.*', '>1.0+local', '~=1', '=1', '>=', '== banana'])
    assert.equal(parseSpecifiers(text), undefined, text);
  assert.equal(parseSpecifiers('')?.length, 0);
  assert.equal(parseSpecifiers(' >= 1.0 , < 2 ')?.length, 2);
});

test('spellings of one version are the same, other texts are compared as they are', () => {
  assert.ok(sameVersion('1.0', 'v1.0.0'));
  assert.ok(!sameVersion('1.0', '1.0+cu1'));
  assert.ok(sameVersion('2004D', '2004d'));
});
