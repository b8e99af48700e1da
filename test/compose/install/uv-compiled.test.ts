import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseUncompiled } from '../../../src/compose/install/uv-compiled.ts';
import { type ImageState, NotComposable } from '../../../src/compose/state.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { FACTS } from '../../lock/support.ts';

const library = FACTS.scheme.purelib.slice(1);

function refusal(paths: readonly string[], more: object = {}): string | undefined {
  const entries = paths.map(
    (path): PathEntry => ({ path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 1, link: '' }),
  );
  const files = { index: withLayer(emptyIndex(), entries) };
  const state = {
    files,
    given: { files },
    installs: [],
    copied: new Map(),
    ...more,
  } as unknown as ImageState;
  try {
    const refuse = (reason: string) => new NotComposable(1, reason);
    refuseUncompiled(state, FACTS, { refuse });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof NotComposable);
    return error.reason;
  }
}

test('uv compiles all of an environment: what is there must have its bytecode', () => {
  const module = `${library}/_virtualenv.py`;
  const compiled = `${library}/__pycache__/_virtualenv.${FACTS.cacheTag}.pyc`;
  assert.equal(refusal([]), undefined);
  assert.equal(refusal([module, compiled, 'usr/lib/other.py', `${library}/data.txt`]), undefined);
  assert.match(refusal([module]) ?? '', /_virtualenv\.py too, which is there without bytecode/);
  assert.match(refusal([module, compiled.replace('311', '310')]) ?? '', /without bytecode/);
  assert.equal(refusal([`${library}/pip/__init__.py`]), undefined, 'of pip some is compiled anyway');
  assert.match(refusal([`${library}/pipx/__init__.py`]) ?? '', /without bytecode/);
});

test('what was installed without bytecode, or copied, is compiled by uv too', () => {
  const install = (bytecode: boolean) => ({ installs: [{ bytecode, python: FACTS }] });
  assert.equal(refusal([], install(true)), undefined);
  assert.match(refusal([], install(false)) ?? '', /an earlier step has installed/);
  const elsewhere = { bytecode: false, python: { scheme: { ...FACTS.scheme, purelib: '/opt/lib' } } };
  assert.equal(refusal([], { installs: [elsewhere] }), undefined);
  assert.match(refusal([], { copied: new Map([[`${library}/own.py`, {}]]) }) ?? '', /which was copied/);
});
