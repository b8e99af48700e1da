import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WheelStore } from '../../../src/compose/install/wheels-on-disk.ts';
import { MustRun } from '../../../src/compose/state.ts';
import { withBuiltWheels } from '../../../src/compose/wheels/wheel-store.ts';
import { sha256OfFile } from '../../../src/host/files.ts';
import { projectOf, testbedVariable } from '../../commands/launch.ts';
import { wheelBench, wheelOf } from '../wheel-bench.ts';

const registry = testbedVariable('LW_REGISTRY');
const run = randomUUID().slice(0, 8);
const BASE = `${registry}/library/python:3.11-slim`;

/** Whatever is no built wheel would be asked of it. */
const NO_STORE: WheelStore = {
  fetch: () => Promise.reject(new Error('not of an index')),
  trust: () => {},
  bytes: () => 0,
};

const DOCOPT = {
  kind: 'archive',
  url: 'https://files.pythonhosted.org/packages/a2/55/8f8cab2afd404cf578136ef2cc5dfb50baa1761b68c9da1fb1e4eed343c9/docopt-0.6.2.tar.gz',
  sha256: '49b3a825280bd66b3aa83585ef59c4a8c82f2c8a522dbe754a8bc8d08c85c491',
  subdirectory: undefined,
} as const;

async function appOn(lines: readonly string[], files: Readonly<Record<string, string>> = {}) {
  return await projectOf({
    Dockerfile: [`FROM ${BASE}`, 'WORKDIR /app', 'ENV UV_SYSTEM_CERTS=1', ...lines, ''].join('\n'),
    ...files,
  });
}

test('a source distribution of the index is built once, whatever changes in the application', async () => {
  await using project = await appOn(['COPY app.py .', 'RUN pip install docopt'], { 'app.py': 'one\n' });
  const repository = `${registry}/wheels-${run}/docopt`;
  const wishes = { name: 'docopt', version: '0.6.2', source: DOCOPT, options: ['--use-pep517'] };
  const first = await (async () => {
    await using bench = await wheelBench(project.path, repository);
    const built = wheelOf(await bench.source.get(await bench.build(wishes)));
    assert.equal(built.wheel.filename, 'docopt-0.6.2-py2.py3-none-any.whl');
    assert.equal(built.wheel.url, `layerwright:wheel/${built.key}`);
    assert.deepEqual([built.facts.name, built.facts.version, built.isNew], ['docopt', '0.6.2', true]);
    assert.ok(built.facts.paths.includes('docopt.py'));
    assert.deepEqual(built.files, {});
    assert.deepEqual(built.left.entries, []);
    assert.equal(bench.jobs.length, 1);
    return built;
  })();
  await project.write({ 'app.py': 'two\n' });
  // Nothing may be run: it is there.
  await using bench = await wheelBench(project.path, repository, { maySolve: false });
  const found = wheelOf(await bench.source.get(await bench.build(wishes)));
  assert.deepEqual(found.wheel, first.wheel);
  assert.deepEqual([found.isNew, bench.jobs.length], [false, 0]);
  const store = withBuiltWheels(NO_STORE, bench.composition.keeper, bench.source, join(project.path, 'out'));
  const file = await store.fetch(found.wheel);
  assert.equal(await sha256OfFile(file), first.wheel.sha256);
  assert.equal(store.bytes(), first.wheel.size);
  await assert.rejects(
    bench.source.get(await bench.build({ ...wishes, options: [] })),
    (error: unknown) =>
      error instanceof MustRun &&
      /building its wheel \(docopt 0\.6\.2\)/.test(error.obstacles[0]?.reason ?? ''),
  );
});

test("what the image's pip installs by setup.py is left to it", async () => {
  await using project = await appOn(['RUN pip install docopt']);
  await using bench = await wheelBench(project.path, `${registry}/wheels-${run}/legacy`);
  const built = await bench.source.get(
    await bench.build({ name: 'docopt', version: '0.6.2', source: DOCOPT }),
  );
  assert.ok('reason' in built);
  assert.match(built.reason, /installed by its setup\.py/);
  assert.match(built.hint ?? '', /--use-pep517/);
});

test('another file than the one of the lock is not built', async () => {
  await using project = await appOn(['RUN pip install docopt']);
  await using bench = await wheelBench(project.path, `${registry}/wheels-${run}/hash`);
  const source = { ...DOCOPT, sha256: 'a'.repeat(64) };
  const built = await bench.source.get(await bench.build({ name: 'docopt', version: '0.6.2', source }));
  assert.ok('reason' in built);
  assert.match(built.reason, /hash/i);
});
