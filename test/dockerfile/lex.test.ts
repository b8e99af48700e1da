import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand, expandFully, expandWords } from '../../src/dockerfile/lex.ts';
import { LayerwrightError } from '../../src/errors.ts';

const VALUES = new Map([
  ['A', 'abc/def.tar.gz'],
  ['E', ''],
  ['S', 'a*b'],
]);

test('variables, defaults and patterns', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['$A|${A}|$NONE|$E', 'abc/def.tar.gz|abc/def.tar.gz||'],
    ['${NONE:-d}${NONE-d}${E:-d}${E-d}', 'ddd'],
    ['${A:+y}${A+y}${E:+y}${E+y}${NONE+y}', 'yyy'],
    ['${A#*/} ${A##*.} ${A%.*} ${A%%.*}', 'def.tar.gz gz abc/def.tar abc/def'],
    ['${A/a/X} ${A//a/X} ${A//[a]/X} ${S/\\*/+}', 'Xbc/def.tar.gz Xbc/def.tXr.gz abc/def.tar.gz a+b'],
    ['${NONE:-${A#abc}}', '/def.tar.gz'],
    [`'$A' "$E$A" \\$A "\\$A" "a\\b"`, '$A abc/def.tar.gz $A $A a\\b'],
    ['$$ a$ $1 ${A//x*/-}', ' a$  abc/def.tar.gz'],
  ];
  for (const [text, expected] of cases) assert.equal(expand(text, VALUES), expected, text);
});

test('the backtick escapes where the file says so, and nothing in a heredoc but the dollar', () => {
  assert.equal(expand('C:\\dir`$A', VALUES, { escape: '`' }), 'C:\\dir$A');
  assert.equal(expand(`"$E" '$A' \\$A`, VALUES, { ignoreQuotes: true }), `"" 'abc/def.tar.gz' $A`);
});

test('words are cut after variables are put in', () => {
  const values = new Map([['P', '80 443/udp']]);
  assert.deepEqual(expandWords('$P "$P" a\\ b', values), ['80', '443/udp', '80 443/udp', 'a b']);
  assert.deepEqual(expandWords('3${N:-4}5', values), ['45'], 'BuildKit loses what stands before it');
  assert.deepEqual([...expandFully('$P${Q:-$R}', values).names], ['P', 'R', 'Q']);
});

test('what BuildKit refuses is refused, with the line', () => {
  for (const text of [
    '${',
    '${}',
    '${A',
    '${A:x}',
    '${A:#x}',
    '"a',
    "'a",
    '${A/x}',
    '${NONE:?}',
    '${A#\\x}',
    '${A^}',
  ])
    assert.throws(
      () => expand(text, VALUES, { place: { path: 'd/Dockerfile', line: 7 } }),
      (error) =>
        error instanceof LayerwrightError &&
        error.code === 'DOCKERFILE_INVALID' &&
        error.exit === 1 &&
        error.message.startsWith('d/Dockerfile:7: '),
      text,
    );
  assert.throws(() => expand('${NONE:?say it}', VALUES), /NONE: say it/);
});
