import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressMask } from '../../src/engine/progress-mask.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('a value is hidden in names, errors, printed lines and plain text', () => {
  const mask = progressMask(['s3cret', 'with "quotes"', '']);
  const line = JSON.stringify({
    vertexes: [{ name: 'RUN login "s3cret"', error: 'with "quotes" is wrong' }],
    logs: [{ data: base64('token s3cret\n') }, { data: base64('nothing\n') }],
  });
  const shown = JSON.parse(mask(line)) as {
    vertexes: { name: string; error: string }[];
    logs: { data: string }[];
  };
  assert.deepEqual(shown.vertexes, [{ name: 'RUN login "***"', error: '*** is wrong' }]);
  assert.deepEqual(
    shown.logs.map(({ data }) => Buffer.from(data, 'base64').toString()),
    ['token ***\n', 'nothing\n'],
  );
  assert.equal(mask('ERROR: s3cret'), 'ERROR: ***');
});

test('a line without secrets, and any line where there are none, stays as it is', () => {
  const line = '{"logs":[{"data":"gICA"}]}';
  assert.equal(progressMask(['x-y-z'])(line), line);
  assert.equal(progressMask([])('{"logs": broken'), '{"logs": broken');
  assert.equal(progressMask(['x-y-z'])('{"logs" broken'), '{"logs" broken');
});
