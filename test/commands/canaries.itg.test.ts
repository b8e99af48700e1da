import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { leaked, leakedBelow } from '../support/leaks.ts';
import { git, layerwright, projectOf, testbedVariable } from './launch.ts';

/** One value for each kind of credential, so that a find tells which one leaked. */
const id = randomUUID().replaceAll('-', '').slice(0, 12);
const canary = (kind: string) => `canary${kind}${id}`;
const CANARIES: Readonly<Record<string, string>> = {
  'build argument': canary('argument'),
  'build secret': canary('secret'),
  'index login': canary('index'),
  netrc: canary('netrc'),
  'AWS secret key': testbedVariable('AWS_SECRET_ACCESS_KEY'),
  'registry login': Buffer.from(
    `${testbedVariable('LW_REGISTRY_AUTH_USER')}:${testbedVariable('LW_REGISTRY_AUTH_PASSWORD')}`,
  ).toString('base64'),
  'unrelated variable': canary('environment'),
};

const leaksIn = (bytes: Buffer) => leaked(bytes, CANARIES);
const leaksBelow = (directory: string) => leakedBelow(directory, CANARIES);

test('no credential gets into layers, config, history, caches, metadata or logs', async () => {
  const withLogin = testbedVariable('LW_REGISTRY_AUTH');
  const index = new URL(testbedVariable('LW_PACKAGE_INDEX'));
  await using project = await projectOf({
    Dockerfile: [
      'FROM python:3.11-slim AS download',
      'ARG TOKEN',
      'RUN --mount=type=secret,id=pass --mount=type=secret,id=netrc,target=/root/.netrc \\',
      '    --mount=type=secret,id=index,env=PIP_INDEX_URL \\',
      '    test -n "$TOKEN" && test -s /run/secrets/pass && test -s /root/.netrc \\',
      '    && pip download --no-cache-dir --dest /wheels six==1.16.0',
      'FROM scratch AS wheels',
      'COPY --from=download /wheels /',
      'FROM python:3.11-slim',
      'COPY --from=wheels / /wheels',
    ].join('\n'),
    '.dockerignore': '*\n',
    'docker/config.json': JSON.stringify({ auths: { [withLogin]: { auth: CANARIES['registry login'] } } }),
    pass: `${CANARIES['build secret']}\n`,
    netrc: `machine example.invalid login me password ${CANARIES.netrc}\n`,
  });
  await git(project.path, 'init', '--quiet');
  const env = {
    DOCKER_CONFIG: join(project.path, 'docker'),
    PIP_INDEX: `http://me:${CANARIES['index login']}@${index.host}${index.pathname}`,
    SOMETHING: CANARIES['unrelated variable'],
  };
  const repository = `${withLogin}/run-${id}/canaries`;
  const files = ['--metadata-file', 'out/metadata.json', '--image-definitions', 'out/imagedefinitions.json'];
  const secrets = [
    '--secret',
    'id=pass,src=pass',
    '--secret',
    'id=netrc,src=netrc',
    '--secret',
    'id=index,env=PIP_INDEX',
  ];
  const result = await layerwright(
    [
      ...['build', '--push', '--json', '-t', `${repository}:1`, '--stage-dir', 'wheels=out/wheels'],
      ...['--build-arg', `TOKEN=${CANARIES['build argument']}`, ...secrets, ...files, '.'],
    ],
    { cwd: project.path, env },
  );
  assert.equal(result.exitCode, 0, result.stderr);
  const config = await layerwright(['config', '--all'], { cwd: project.path, env });
  const doctor = await layerwright(['doctor', '--json', '-t', `${repository}:1`], { cwd: project.path, env });
  const store = `s3://${testbedVariable('LW_S3_BUCKET')}/canaries-${id}`;
  const saved = await layerwright(['cache', 'save', '--store', store, '--key', 'wheels', 'out/wheels'], {
    cwd: project.path,
    env,
  });
  assert.match(saved.stderr, /saved/);

  for (const [name, { stdout, stderr }] of Object.entries({ result, config, doctor, saved }))
    assert.deepEqual(leaksIn(Buffer.from(stdout + stderr)), [], `what ${name} prints: ${stdout}${stderr}`);
  const testbed = testbedVariable('LW_TESTBED_DIR');
  assert.deepEqual(
    await leaksBelow(join(testbed, 'registry-auth', 'data')),
    [],
    'layers, config, history, layer cache',
  );
  assert.deepEqual(await leaksBelow(join(testbed, 's3')), [], 'the store');
  assert.deepEqual(await leaksBelow(join(project.path, 'out')), [], 'metadata and directories');
});

test('no credential gets into what a composed build keeps and makes, though its requirements have one', async () => {
  const withLogin = testbedVariable('LW_REGISTRY_AUTH');
  const index = new URL(testbedVariable('LW_PACKAGE_INDEX'));
  const login = `http://me:${CANARIES['index login']}@${index.host}${index.pathname}`;
  await using project = await projectOf({
    Dockerfile: [
      'FROM python:3.11-slim',
      'ARG TOKEN',
      // Of the requirements nothing gets into the image.
      'RUN --mount=type=bind,source=requirements.txt,target=/requirements.txt \\',
      `    pip install --no-cache-dir --trusted-host ${index.hostname} -r /requirements.txt`,
      'COPY app.py /',
    ].join('\n'),
    'requirements.txt': `--index-url ${login}\nsix==1.16.0\n`,
    'app.py': 'import six\n',
    '.dockerignore': 'docker\nout\nnetrc\n',
    'docker/config.json': JSON.stringify({ auths: { [withLogin]: { auth: CANARIES['registry login'] } } }),
  });
  const env = {
    DOCKER_CONFIG: join(project.path, 'docker'),
    SOMETHING: CANARIES['unrelated variable'],
  };
  const image = `${withLogin}/run-${id}/composed:1`;
  const run = (...args: string[]) => layerwright(args, { cwd: project.path, env });
  const build = ['build', '--push', '--json', '--way', 'composed', '-t', image];
  const result = await run(...build, '--metadata-file', 'out/metadata.json', '.');
  assert.equal(result.exitCode, 0, result.stderr);
  const checked = await run('cache', 'verify', '--json', image.replace(/:1$/, ''));
  assert.ok((JSON.parse(checked.stdout) as { artifacts: number }).artifacts >= 3, 'a layer, a lock, facts');
  const rebuilt = await run('cache', 'verify', '--rebuild', '--json', image.replace(/:1$/, ''));
  for (const [name, { stdout, stderr }] of Object.entries({ result, checked, rebuilt }))
    assert.deepEqual(leaksIn(Buffer.from(stdout + stderr)), [], `what ${name} prints: ${stdout}${stderr}`);
  const testbed = testbedVariable('LW_TESTBED_DIR');
  assert.deepEqual(await leaksBelow(join(testbed, 'registry-auth', 'data')), []);
  assert.deepEqual(await leaksBelow(join(project.path, 'out')), []);
});

test('the search finds what is there', () => {
  const secret = CANARIES['build secret'] ?? '';
  assert.deepEqual(leaksIn(Buffer.from(`x ${secret} y`)), ['build secret']);
  assert.deepEqual(leaksIn(Buffer.from('nothing')), []);
});
