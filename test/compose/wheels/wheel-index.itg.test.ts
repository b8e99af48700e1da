import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { wheelKey } from '../../../src/compose/wheels/wheel-build.ts';
import { ensureUv } from '../../../src/engine/install.ts';
import { silentSteps } from '../../../src/host/steps.ts';
import type { SourceDistribution } from '../../../src/python/lock.ts';
import { DEFAULT_PIP_OPTIONS } from '../../../src/python/recognise/pip-options.ts';
import { projectOf, testbedVariable } from '../../commands/launch.ts';
import { lockInput } from '../../lock/support.ts';
import { testHost } from '../../support/host.ts';
import { packageIndex, sha256 } from '../../support/package-index.ts';
import { zipOf } from '../../support/zip.ts';
import { wheelBench, wheelOf } from '../wheel-bench.ts';

const registry = testbedVariable('LW_REGISTRY');
const run = randomUUID().slice(0, 8);
const TOKEN = `token-${randomUUID()}`;

/** A source distribution that brings its own backend: nothing is fetched to build it. */
function sourceOf(name: string, version: string): Buffer {
  const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\nRequires-Dist: helper\n`;
  const info = `${name}-${version}.dist-info`;
  const backend = `import os, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    filename = '${name}-${version}-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(directory, filename), 'w') as wheel:
        wheel.writestr('${name}.py', 'word = %r\\n' % os.environ.get('WORD', 'none'))
        wheel.writestr('${info}/METADATA', ${JSON.stringify(metadata)})
        wheel.writestr('${info}/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr('${info}/RECORD', '${name}.py,,\\n${info}/METADATA,,\\n${info}/WHEEL,,\\n${info}/RECORD,,\\n')
    return filename

def build_sdist(directory, config_settings=None):
    raise NotImplementedError
`;
  const project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n';
  const root = `${name}-${version}`;
  return zipOf([
    { name: `${root}/PKG-INFO`, content: metadata },
    { name: `${root}/pyproject.toml`, content: project },
    { name: `${root}/backend.py`, content: backend },
  ]);
}

/** An index that wants a login: an old version with a wheel, and a newer one without. */
async function privateIndex() {
  const index = await packageIndex();
  index.add({ name: 'demo' });
  index.add({ name: 'helper' });
  index.files.set('demo-2.0.zip', { bytes: sourceOf('demo', '2.0') });
  const expected = `Basic ${Buffer.from(`aws:${TOKEN}`).toString('base64')}`;
  index.intercept = (request, response) => {
    if (request.headers.authorization === expected) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="index"' }).end();
    return true;
  };
  return Object.assign(index, { withLogin: index.url.replace('//', `//aws:${TOKEN}@`) });
}

for (const kind of ['pip', 'uv'] as const)
  test(`${kind} in the image takes the newest version, which is built then; the login stays secret`, async () => {
    await using index = await privateIndex();
    await using project = await projectOf({
      Dockerfile: [
        `FROM ${registry}/library/python:3.11-slim`,
        ...['COPY tools /tools', 'WORKDIR /app', 'ARG WORD=first', `RUN ${kind} install demo`, ''],
      ].join('\n'),
      'tools/none': '',
    });
    if (kind === 'uv')
      await copyFile((await ensureUv(testHost(), silentSteps)).path, join(project.path, 'tools/uv'));
    const tool = kind === 'uv' ? ({ kind, program: '/tools/uv' } as const) : ({ kind } as const);
    const repository = `${registry}/wheels-${run}/index-${kind}`;
    await using bench = await wheelBench(project.path, repository);
    const options = { indexUrl: index.withLogin };
    const input = lockInput('demo\n', { options, facts: bench.python });
    const wishes = { name: 'demo', version: '2.0', tool, indexes: input.options };
    const source: SourceDistribution = {
      ...{ kind: 'archive', url: `${new URL(index.url).origin}/files/demo-2.0.zip`, subdirectory: undefined },
      sha256: sha256(index.files.get('demo-2.0.zip')?.bytes as Buffer),
    };
    const build = await bench.build({ ...wishes, source });
    const resolved = await bench.resolve(input, build);
    assert.ok('lock' in resolved, JSON.stringify(resolved));
    const [demo, helper] = resolved.lock.distributions;
    assert.deepEqual(
      [demo?.name, demo?.version, demo?.wheel, demo?.source, demo?.requested],
      ['demo', '2.0', undefined, source, true],
    );
    assert.deepEqual([helper?.name, helper?.requested], ['helper', false]);
    assert.equal(helper?.wheel?.filename, 'helper-1.0-py3-none-any.whl');
    assert.deepEqual(
      resolved.changes.map(({ name, action }) => [name, action]),
      [
        ['demo', 'install'],
        ['helper', 'install'],
      ],
    );
    const built = wheelOf(await bench.source.get(build));
    assert.deepEqual(built.facts.requiresDist, ['helper']);
    assert.equal('direct_url.json' in built.files, false);
    assert.equal(wheelKey(build), wheelKey({ ...build, indexes: { ...input.options, indexUrl: index.url } }));
    const open = bench.jobs.map(({ dockerfile, files, title }) => ({ dockerfile, files, title }));
    assert.equal(JSON.stringify([open, built, resolved]).includes(TOKEN), false);
    assert.equal(bench.said().includes(TOKEN), false);
    // An argument of the build is one of its inputs.
    await using other = await wheelBench(project.path, repository, { buildArguments: ['WORD=second'] });
    const again = wheelOf(await other.source.get(await other.build({ ...wishes, source })));
    assert.deepEqual([again.isNew, again.key === built.key], [true, false]);
    assert.notEqual(again.wheel.sha256, built.wheel.sha256);
  });

test('another user than root, who may write nowhere', async () => {
  await using index = await privateIndex();
  await using project = await projectOf({
    Dockerfile: `FROM ${registry}/library/python:3.11-slim\nUSER 1234\nRUN pip install --user demo\n`,
  });
  await using bench = await wheelBench(project.path, `${registry}/wheels-${run}/user`);
  const bytes = index.files.get('demo-2.0.zip')?.bytes as Buffer;
  const source: SourceDistribution = {
    ...{ kind: 'archive', url: `${new URL(index.url).origin}/files/demo-2.0.zip`, subdirectory: undefined },
    sha256: sha256(bytes),
  };
  const indexes = { ...DEFAULT_PIP_OPTIONS, indexUrl: index.withLogin };
  const built = wheelOf(
    await bench.source.get(await bench.build({ name: 'demo', version: '2.0', source, indexes })),
  );
  assert.equal(built.wheel.filename, 'demo-2.0-py3-none-any.whl');
});
