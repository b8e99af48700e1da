import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanDockerfile } from '../../src/dockerfile/scan.ts';

const scanned = (text: string) =>
  scanDockerfile(text).map(({ keyword, argument, heredoc }) =>
    heredoc === '' ? [keyword, argument] : [keyword, argument, heredoc],
  );

test('instructions, comments, empty lines, lower case, spaces in front', () => {
  assert.deepEqual(scanned('# RUN x\n\nfrom a\n  run b\n\tRun c'), [
    ['FROM', 'a'],
    ['RUN', 'b'],
    ['RUN', 'c'],
  ]);
  assert.deepEqual(scanned(''), []);
});

test('the place of each keyword is one of the text as it is, with mark and carriage returns', () => {
  for (const text of ['\uFEFFFROM a\r\nRUN b\r\n', '\xEF\xBB\xBFFROM a\r\n  RUN b'])
    assert.deepEqual(
      scanDockerfile(text).map(
        ({ keyword, keywordEnd }) => text.slice(keywordEnd - 4, keywordEnd).trim() === keyword.slice(-4),
      ),
      [true, true],
    );
});

test('continued lines, with comments and empty lines between them', () => {
  assert.deepEqual(scanned('RUN a \\\n  # RUN not\n\n  b \\  \nRUN c\nRUN d'), [
    ['RUN', 'a   b RUN c'],
    ['RUN', 'd'],
  ]);
  assert.deepEqual(scanned('RUN a \\\r\n  b\r\nRUN c'), [
    ['RUN', 'a   b'],
    ['RUN', 'c'],
  ]);
  assert.deepEqual(scanned('RUN a \\\\\nRUN b\\'), [
    ['RUN', 'a \\\\'],
    ['RUN', 'b'],
  ]);
});

test('another escape character', () => {
  assert.deepEqual(scanned('# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\n b\nRUN c \\\nRUN d'), [
    ['RUN', 'a  b'],
    ['RUN', 'c \\'],
    ['RUN', 'd'],
  ]);
  assert.deepEqual(
    scanned('# a comment\n# escape=`\nRUN c \\\n d').length,
    1,
    'too late: no directive any more',
  );
});

test('heredocs, one and several, quoted, with a tab in front of the end, also behind ONBUILD', () => {
  assert.deepEqual(scanned('RUN <<EOF\nRUN x\n EOF\nEOF\nRUN y'), [
    ['RUN', '<<EOF', 'RUN x\n EOF'],
    ['RUN', 'y'],
  ]);
  assert.deepEqual(scanned('COPY <<a <<-"b c" 3<<\'d\' /\nRUN 1\na\n\tRUN 2\n\tb c\nRUN 3\nd\nRUN y'), [
    ['COPY', '<<a <<-"b c" 3<<\'d\' /', 'RUN 1\n\tRUN 2\nRUN 3'],
    ['RUN', 'y'],
  ]);
  assert.deepEqual(
    scanned('RUN --mount=type=tmpfs,target=/x \\\n cat <<-E > f\n\tRUN x\n\tE\nRUN y').length,
    2,
  );
  assert.deepEqual(scanned('ONBUILD RUN <<EOF\nRUN x\nEOF\nRUN y').length, 2);
  assert.deepEqual(scanned('RUN <<EOF\r\nRUN x\r\nEOF\r\nRUN y').length, 2);
});

test('what only looks like a heredoc', () => {
  for (const line of [
    'RUN echo "<<EOF"',
    "RUN echo '<<EOF'",
    'RUN echo \\<<EOF',
    'RUN cat<<EOF',
    'RUN cat <<<EOF',
    'RUN ["sh", "-c", "cat <<EOF"]',
    'ENV x=<<EOF',
  ])
    assert.deepEqual(scanned(`${line}\nRUN y`).at(-1), ['RUN', 'y'], line);
});

test('a shift in arithmetic is a heredoc to BuildKit, which misses its end', () => {
  const [run] = scanDockerfile('RUN echo $((1 << 2))\nRUN y');
  assert.equal(run?.problem, 'unterminated heredoc 2))');
});

test('what BuildKit takes for flags, heredocs and lines', () => {
  const text = '# escape=`\n\n  copy --from="a b" --link -- x `\n# no\n <<-E /\n\tone\r\n\tE\nRUN --x';
  const [copy, run] = scanDockerfile(text);
  assert.deepEqual(copy?.flags, ['--from=a b', '--link']);
  assert.equal(copy?.rest, 'x  <<-E /');
  assert.deepEqual(copy?.heredocs, [{ name: 'E', chomp: true, expand: true, content: '\tone\r\n' }]);
  assert.deepEqual([copy?.line, copy?.endLine, copy?.problem], [3, 7, undefined]);
  assert.equal(text.slice(copy?.start, copy?.end), text.slice(text.indexOf('  copy'), text.indexOf('RUN')));
  assert.deepEqual([run?.flags, run?.rest, run?.end], [['--x'], '', text.length]);
});

test('a keyword that goes over lines is one, without a place to write behind', () => {
  const [run] = scanDockerfile('RU\\\nN x');
  assert.deepEqual([run?.keyword, run?.keywordEnd, run?.argument], ['RUN', -1, 'x']);
});
