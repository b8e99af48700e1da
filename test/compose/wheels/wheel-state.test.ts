import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageLayer, ImageState } from '../../../src/compose/state.ts';
import { withoutDependencies } from '../../../src/compose/wheels/wheel-state.ts';

const given = { kind: 'given' } as ImageLayer;
const copy = { kind: 'copy' } as ImageLayer;
const of = (...names: readonly string[]) =>
  ({ kind: 'dependency', planned: { wheels: names.map((name) => ({ name })) } }) as unknown as ImageLayer;

function stateOf(layers: readonly ImageLayer[]): ImageState {
  const lines = layers.flatMap((_, at) => [
    { created_by: `layer ${at}` },
    { created_by: 'ENV', empty_layer: true },
  ]);
  return { layers, stage: { image: { history: lines } } } as unknown as ImageState;
}

function left(layers: readonly ImageLayer[], options: readonly string[] = [], env = {}) {
  const { layers: kept, stage } = withoutDependencies(stateOf(layers), options, env);
  const lines = stage.image.history ?? [];
  assert.equal(lines.filter(({ empty_layer }) => empty_layer).length, layers.length, 'other lines stay');
  const named = lines.filter(({ empty_layer }) => !empty_layer).map(({ created_by }) => created_by);
  assert.deepEqual(
    named,
    kept.map((one) => `layer ${layers.indexOf(one)}`),
    'each layer has its line',
  );
  return kept;
}

test('a project is built without what it needs to run', () => {
  assert.deepEqual(left([given, of('flask'), copy, of('jinja2', 'numpy')]), [given, copy]);
});

test('layers with a tool that builds stay', () => {
  for (const name of [
    ...[
      'pip',
      'uv',
      'uv-build',
      'setuptools',
      'setuptools-scm',
      'wheel',
      'virtualenv',
      'poetry',
      'poetry-core',
    ],
    ...['hatch', 'hatchling', 'hatch-vcs', 'flit-core', 'pdm-backend', 'build', 'meson', 'meson-python'],
    ...['ninja', 'cmake', 'cython', 'maturin', 'scikit-build', 'scikit-build-core'],
  ])
    assert.deepEqual(left([given, of('flask'), of('click', name)]), [given, of('click', name)], name);
  for (const name of ['uvicorn', 'uvloop', 'wheelhouse', 'pipdeptree', 'build-info'])
    assert.deepEqual(left([given, of(name)]), [given], name);
});

test('a build that sees the environment is done in all of it', () => {
  const all = [given, of('flask')];
  assert.deepEqual(left(all, ['--no-build-isolation']), all);
  assert.deepEqual(left(all, ['--no-build-isolation-package=x']), all);
  assert.deepEqual(left(all, [], { PIP_NO_BUILD_ISOLATION: '0' }), all);
});
