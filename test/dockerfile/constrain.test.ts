import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withConstraints } from '../../src/dockerfile/constrain.ts';
import { withoutAuthorities } from '../../src/dockerfile/rewrite.ts';

const FLAGS =
  ' --mount=type=secret,id=layerwright-constraints,target=/run/secrets/layerwright-constraints,mode=0444' +
  ' --mount=type=secret,id=layerwright-constraints-path,env=PIP_CONSTRAINT' +
  ' --mount=type=secret,id=layerwright-constraints-path,env=UV_CONSTRAINT';

test('every RUN gets the constraints, and all other bytes stay', () => {
  const text = [
    '# RUN is no instruction here',
    'FROM a AS base',
    'run --network=none pip install x \\',
    '  # RUN neither',
    '  && RUN=1 true',
    'RUN <<EOF',
    'RUN in a heredoc',
    'EOF',
    'ONBUILD RUN later',
    'CMD ["RUN"]',
    '',
  ].join('\r\n');
  const { text: rewritten, runs } = withConstraints(text);
  assert.equal(runs, 2);
  assert.equal(
    rewritten,
    text.replace('run --network', `run${FLAGS} --network`).replace('RUN <<EOF', `RUN${FLAGS} <<EOF`),
  );
});

test('a RUN that goes on in the next line gets a space between', () => {
  assert.equal(withConstraints('FROM a\nRUN\\\n true\n').text, `FROM a\nRUN${FLAGS} \\\n true\n`);
});

test('what BuildKit tells of a constrained RUN is shown as the user wrote it', () => {
  const text = 'FROM a\nRUN --network=none pip install x\n';
  assert.equal(withoutAuthorities(withConstraints(text).text), text);
});

test('only the RUNs of given lines get them, if there are any given', () => {
  const text = 'FROM a\nRUN pip install x\n\nRUN apt-get update \\\n  && true\nRUN pip install y\n';
  const { text: rewritten, runs } = withConstraints(text, new Set([2, 6]));
  assert.equal(runs, 2);
  assert.equal(rewritten, text.replaceAll('RUN pip', `RUN${FLAGS} pip`));
  assert.equal(withConstraints(text, new Set([3, 5])).text, text);
});
