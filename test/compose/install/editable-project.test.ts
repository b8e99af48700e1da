import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editableInputs } from '../../../src/compose/install/editable-project.ts';
import type { Context } from '../../../src/context/context.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';

const PROJECT = `[project]
name = "demo"
version = "1.0"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
`;

/** What decides the editable wheel of a project with these files in /app. */
async function inputs(files: Readonly<Record<string, string>>): Promise<string | undefined> {
  const copied = new Map(
    Object.entries(files).map(([path, text]) => [
      `app/${path}`,
      { kind: 'bytes' as const, bytes: Buffer.from(text) },
    ]),
  );
  const entries = [...copied].map(([path, { bytes }]) => ({
    ...{ path, type: 'file' as const, mode: 0o644, uid: 0, gid: 0, size: bytes.length, link: '' },
  }));
  const index = withLayer(emptyIndex(), entries);
  const state = {
    copied,
    files: { layers: [], architecture: 'amd64', os: 'linux', index, contents: new Map() },
  };
  const context: Context = { root: '/nowhere', entries: new Map() } as unknown as Context;
  const found = await editableInputs(context, state, '/app');
  return found === undefined ? undefined : JSON.stringify(found);
}

const FILES = { 'pyproject.toml': PROJECT, 'src/demo/__init__.py': 'x = 1\n', 'README.md': 'Demo\n' };

test('what stands in the modules of an editable project does not decide its wheel; all else does', async () => {
  const first = await inputs(FILES);
  assert.ok(first);
  assert.equal(await inputs({ ...FILES, 'src/demo/__init__.py': 'x = 2\n' }), first);
  const others = {
    'a new module': { ...FILES, 'src/demo/more.py': '' },
    'another text': { ...FILES, 'README.md': 'Demo!\n' },
    'the project': { ...FILES, 'pyproject.toml': PROJECT.replace('1.0', '1.1') },
    'data beside modules': { ...FILES, 'src/demo/data.json': '{}' },
  };
  for (const [what, files] of Object.entries(others)) assert.notEqual(await inputs(files), first, what);
});

test('a module that the project names counts as a whole', async () => {
  const named = {
    ...FILES,
    'pyproject.toml': `${PROJECT}[tool.hatch.version]\npath = "src/demo/__init__.py"\n`,
  };
  assert.notEqual(await inputs({ ...named, 'src/demo/__init__.py': 'x = 2\n' }), await inputs(named));
});

test('everything counts where a backend may read or run something of the project', async () => {
  const projects = {
    'a version that is read': PROJECT.replace('version = "1.0"', 'dynamic = ["version"]'),
    'another backend': PROJECT.replace('hatchling.build', 'setuptools.build_meta'),
    'a backend of its own': `${PROJECT}backend-path = ["."]\n`,
    'a hook': `${PROJECT}[tool.hatch.build.hooks.custom]\n`,
    'no table of the project': PROJECT.replace('[project]', '[other]'),
    'no TOML': '[',
  };
  for (const [what, text] of Object.entries(projects))
    assert.equal(await inputs({ ...FILES, 'pyproject.toml': text }), undefined, what);
  assert.equal(await inputs({ 'src/demo/__init__.py': '' }), undefined, 'it was not copied');
});
