import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference } from '../../../src/image/reference.ts';
import { assumedFacts } from '../../../src/python/detect/known-bases.ts';

const shown = (reference: string): string | undefined => {
  const facts = assumedFacts(parseReference(reference));
  return facts && `${facts.version} ${facts.cacheTag} ${facts.libc?.kind} ${facts.libc?.version}`;
};

test('official images are known by their tags', () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    'python:3.11-slim-bookworm': '3.11 cpython-311 glibc 2.36',
    'python:3.12.4-bookworm': '3.12.4 cpython-312 glibc 2.36',
    'python:3.13-slim': '3.13 cpython-313 glibc 2.41',
    'python:3.8': '3.8 cpython-38 glibc 2.36',
    'python:3.11.2-slim': '3.11.2 cpython-311 undefined undefined',
    'python:3.12-alpine3.20': '3.12 cpython-312 musl 1.2',
    'docker.io/library/python:3.9-slim-bullseye': '3.9 cpython-39 glibc 2.31',
    'public.ecr.aws/docker/library/python:3.14-trixie': '3.14 cpython-314 glibc 2.41',
    'ghcr.io/astral-sh/uv:python3.11-bookworm-slim': '3.11 cpython-311 glibc 2.36',
    'ghcr.io/astral-sh/uv:0.9.30-python3.13-trixie': '3.13 cpython-313 glibc 2.41',
    'ghcr.io/astral-sh/uv:python3.12-alpine3.20': '3.12 cpython-312 musl 1.2',
    'ghcr.io/astral-sh/uv:0.9': undefined,
    'ghcr.io/astral-sh/uv:bookworm-slim': undefined,
    'python:3': undefined,
    python: undefined,
    'python:slim': undefined,
    'python:3.15-rc-slim': undefined,
    'python:3.14.0rc1': undefined,
    'python:3.7': undefined,
    'python:3.11-windowsservercore': undefined,
    'team/python:3.11': undefined,
    'debian:12': undefined,
  };
  for (const [reference, expected] of Object.entries(cases))
    assert.equal(shown(reference), expected, reference);
});

test('packages of an official image are in its site-packages below /usr/local', () => {
  assert.deepEqual(assumedFacts(parseReference('python:3.11'))?.scheme, {
    purelib: '/usr/local/lib/python3.11/site-packages',
    platlib: '/usr/local/lib/python3.11/site-packages',
    headers: '/usr/local/include/python3.11',
    scripts: '/usr/local/bin',
    data: '/usr/local',
  });
});
