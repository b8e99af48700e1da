import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { formatReference, parseReference, repositoryOf } from '../../src/image/reference.ts';

const GOOD: readonly [text: string, complete: string][] = [
  ['python', 'docker.io/library/python'],
  ['python:3.13-slim', 'docker.io/library/python:3.13-slim'],
  ['team/app', 'docker.io/team/app'],
  ['index.docker.io/python', 'docker.io/library/python'],
  ['localhost/app:1', 'localhost/app:1'],
  ['127.0.0.1:5000/team/app:a_b.c-d', '127.0.0.1:5000/team/app:a_b.c-d'],
  ['[::1]:5000/app', '[::1]:5000/app'],
  [
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/chat:latest',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/chat:latest',
  ],
  ['r.example.com/a__b/c---d', 'r.example.com/a__b/c---d'],
  [`r.example.com/app@sha256:${'a'.repeat(64)}`, `r.example.com/app@sha256:${'a'.repeat(64)}`],
  [`r.example.com/app:1@sha256:${'0'.repeat(64)}`, `r.example.com/app:1@sha256:${'0'.repeat(64)}`],
];

test('references are read and completed as Docker does', () => {
  for (const [text, complete] of GOOD) assert.equal(formatReference(parseReference(text)), complete);
  assert.equal(repositoryOf(parseReference('localhost:5000/a/b:tag')), 'localhost:5000/a/b');
});

const BAD: readonly [text: string, why: RegExp][] = [
  ['', /empty/],
  ['https://r.example.com/app', /URL scheme/],
  ['r.example.com/App:1', /"App" is not allowed/],
  ['r.example.com/app:', /tag after ":" is empty/],
  ['r.example.com/app:a b', /tag "a b"/],
  ['r.example.com/app:-x', /tag "-x"/],
  [`r.example.com/app:${'x'.repeat(129)}`, /tag/],
  ['r.example.com//app', /empty path component/],
  ['r.example.com/app/', /empty path component/],
  ['-bad-.example.com/app', /no registry host/],
  ['r.example.com/app@sha256:123', /no digest/],
  ['a@b@c', /more than one @/],
  ['r.example.com/a_-b', /"a_-b"/],
  [`r.example.com/${'a'.repeat(250)}`, /longer than 255/],
];

test('what is no reference is refused, with the part that is wrong', () => {
  for (const [text, why] of BAD)
    assert.throws(
      () => parseReference(text),
      (error) => error instanceof LayerwrightError && error.exit === 2 && why.test(error.message),
      text,
    );
});
