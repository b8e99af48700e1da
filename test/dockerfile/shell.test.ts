import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandWord, parseShell, type SimpleCommand } from '../../src/dockerfile/shell.ts';
import { run } from '../../src/host/exec.ts';

const values = { NAME: 'requests', SPACED: 'a b', EMPTY: '', HOME: '/root', STAR: '*' };

function commands(text: string): readonly SimpleCommand[] {
  const parsed = parseShell(text);
  assert.ok(!('reason' in parsed), `${text}: ${'reason' in parsed ? parsed.reason : ''}`);
  return parsed;
}

function words(text: string): readonly (readonly string[])[] {
  return commands(text).map((command) =>
    command.words.flatMap((word) => {
      const expanded = expandWord(word, values);
      assert.ok(!('reason' in expanded), text);
      return expanded;
    }),
  );
}

const SIMPLE = [
  'printf %s\\\\n a  b\tc',
  `printf %s\\\\n 'a b' "c d" e\\ f g'h'"i"j`,
  'printf %s\\\\n "$NAME==1" ${NAME}x "${NAME}" \'$NAME\' \\$NAME "\\$NAME" "a\\b" "q\\"r"',
  'printf %s\\\\n "" \'\' $EMPTY x "$SPACED"',
  'printf %s\\\\n ~ ~/x a~b "~"',
  'printf %s\\\\n a#b # a comment && false',
  'printf %s\\\\n a \\\n  b',
  'printf %s\\\\n "a\\\nb" \'a\\\nb\'',
  'printf %s\\\\n a && printf %s\\\\n b; printf %s\\\\n c\n\n# comment\nprintf %s\\\\n d ;\n',
  'printf %s\\\\n $ "$" a$. "$ b"',
  'printf %s\\\\n uvicorn[standard] a=b --c=d e:~',
  'printf %s\\\\n a &&\n printf %s\\\\n b',
  'printf %s\\\\n "if" then \'{\'',
];

test('words are what a shell makes of them', async () => {
  for (const text of SIMPLE) {
    const shell = await run(['sh', '-c', text], { env: { ...process.env, ...values } });
    assert.equal(shell.exitCode, 0, text);
    const ours = words(text).map(([program, format, ...rest]) => {
      assert.deepEqual([program, format], ['printf', '%s\\n'], text);
      return `${rest.join('\n')}\n`;
    });
    assert.equal(ours.join(''), shell.stdout, text);
  }
});

test('assignments in front of a command are kept apart', () => {
  const [first, second] = commands('A=1 B="x y"$NAME C= pip install a=b; D=2');
  assert.deepEqual(
    first?.assignments.map(({ name, value }) => [name, expandWord(value, values)]),
    [
      ['A', ['1']],
      ['B', ['x yrequests']],
      ['C', []],
    ],
  );
  assert.equal(first?.words.length, 3);
  assert.deepEqual([second?.assignments.length, second?.words.length, second?.after], [1, 0, ';']);
});

test('what joins commands is told', () => {
  assert.deepEqual(
    commands('a && b ; c\nd').map(({ after }) => after),
    [undefined, '&&', ';', ';'],
  );
});

test('anything that is more than simple commands is named', () => {
  const reasons: Record<string, RegExp> = {
    'a | b': /pipe/,
    'a || b': /alternative/,
    'a & b': /background/,
    'a > b': /redirection/,
    'pip install foo>=1.0': /redirection/,
    'a 2>&1': /redirection/,
    '(a)': /subshell/,
    'f() { a; }': /subshell or function/,
    'a $(b)': /command substitution/,
    'a `b`': /command substitution/,
    'a "$(b)"': /command substitution/,
    'a $((1+1))': /arithmetic/,
    'a ${B:-c}': /more than a variable/,
    'a $1 $@': /more than a variable/,
    "a $'b'": /more than a variable/,
    'a {b,c}': /braces/,
    'for x in a; do b; done': /"for"/,
    'if a; then b; fi': /"if"/,
    'while a; do b; done': /"while"/,
    'case a in b) c;; esac': /"case"|subshell|case/,
    '! a': /"!"/,
    '[[ a ]]': /"\[\["/,
    'a <<EOF\nb\nEOF': /heredoc/,
    'a ~user/b': /user/,
    'A=~/x a': /assignment/,
    "a 'b": /not closed/,
    'a "b': /not closed/,
    'a \\': /escape/,
    'a && ': /without a command/,
    '&& a': /without a command/,
    'a ; ; b': /without a command/,
    'a ;; b': /case/,
    'a\r\nb': /control character/,
  };
  for (const [text, reason] of Object.entries(reasons)) {
    const parsed = parseShell(text);
    assert.ok('reason' in parsed, text);
    assert.match(parsed.reason, reason, text);
  }
});

test('a word that may stand for file names is told', () => {
  for (const [text, pattern] of [
    ['a *.txt', true],
    ['a b?', true],
    ['a b[c]', true],
    ["a '*.txt' ", false],
    ['a "b?"', false],
    ['a \\*', false],
  ] as const)
    assert.equal(commands(text)[0]?.words[1]?.pattern, pattern, text);
});

test('a value that is not known, or that a shell would cut, is a reason', () => {
  for (const text of ['a $UNKNOWN', 'a "$UNKNOWN"', 'a $SPACED', 'a x$STAR', 'a $constructor']) {
    const word = commands(text)[0]?.words[1];
    assert.ok(word && 'reason' in expandWord(word, values), text);
  }
});
