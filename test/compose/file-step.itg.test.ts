import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { built, layerwright, projectOf, testbedVariable } from '../commands/launch.ts';

const FILES = {
  'start.sh': '#!/bin/sh\n',
  'settings.ini': 'a = 1\n',
  'scripts/one.sh': '#!/bin/sh\n',
  'scripts/two.sh': '#!/bin/sh\n',
  'scripts/.hidden.sh': 'x\n',
  'scripts/notes.txt': 'x\n',
  'lib/deep/app.py': 'print(1)\n',
};

/** All of it that is composed, by names where the base has them. */
function dockerfile(base: string, owner: string): string {
  return `FROM ${base}
WORKDIR /srv/app
COPY . .
ARG DATA=/var/lib/shop
RUN chmod +x start.sh scripts/*.sh && chmod 640 settings.ini && mkdir -p "$DATA/in/box" static \${DATA}/out
RUN chown -R ${owner} /srv/app /var/lib/shop && chmod -R g+w static lib
RUN chown -R 1233:1234 lib && chown 7 scripts/*.txt && chmod ug+rw lib/deep
RUN mkdir /empty && chown :12 /empty
RUN mkdir -p /empty /srv
USER 1233
CMD ["./start.sh"]
`;
}

for (const [base, owner] of [
  ['python:3.11-slim', 'www-data:staff'],
  ['python:3.11-alpine', '33:50'],
] as const)
  test(`directories, modes and owners on ${base} are those of a plain build, and need no builder`, async () => {
    await using project = await projectOf({ ...FILES, Dockerfile: dockerfile(base, owner) });
    const image = `${testbedVariable('LW_REGISTRY')}/${randomUUID()}/files:1`;
    const result = await built(['--push', '-t', image, project.path]);
    assert.deepEqual(
      result.segments.filter(({ kind }) => kind !== 'composed'),
      [],
    );
    assert.equal(result.builder, null);
    const verified = await layerwright(['verify', image, project.path]);
    assert.equal(verified.exitCode, 0, verified.stdout + verified.stderr);
  });

test('a changed line below an installation begins from there, and comes to the image of a build that does not', async () => {
  await using project = await projectOf({
    Dockerfile: `FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN mkdir -p data && chmod +x start.sh && chown -R 1000:1000 /app
USER 1000
CMD ["./start.sh"]
`,
    'requirements.txt': 'idna==3.7\n',
    'start.sh': '#!/bin/sh\n',
    'app.py': 'print(1)\n',
  });
  const registry = `${testbedVariable('LW_REGISTRY')}/${randomUUID()}`;
  const build = (name: string) =>
    built(['--push', '--source-date-epoch', '1700000000', '-t', `${registry}/${name}:1`, project.path]);
  await build('first');
  await project.write({ 'app.py': 'print(2)\n' });
  const again = await build('first');
  const anew = await build('second');
  assert.equal(again.image?.digest, anew.image?.digest);
  assert.deepEqual([again.builder, again.layers?.made.length], [null, 2]);
  const verified = await layerwright(['verify', `${registry}/first:1`, project.path]);
  assert.equal(verified.exitCode, 0, verified.stdout + verified.stderr);
});
