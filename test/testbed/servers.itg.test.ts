import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { plainSteps } from '../../src/host/steps.ts';
import { downloadsOf } from '../../testbed/downloads.ts';
import { startTestbed, type Testbed } from '../../testbed/testbed.ts';
import { testHost } from '../support/host.ts';
import { s3Request } from './s3-request.ts';
import { buildText, inTestbed } from './support.ts';

const host = testHost();
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let testbed: Testbed;
before(async () => {
  directory = await temporaryDirectory('lw-testbed-');
  testbed = await startTestbed(host, { dir: directory.path }, plainSteps(host));
});
after(async () => {
  await testbed?.stop();
  await directory[Symbol.asyncDispose]();
});

function variable(name: string): string {
  const value = testbed.env[name];
  assert.ok(value, `${name} is set`);
  return value;
}

function basic(user: string, password: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

test('a shell that sources the env file has every name of the contract', async () => {
  const names = [
    ...[
      'LW_REGISTRY',
      'LW_REGISTRY_AUTH',
      'LW_REGISTRY_AUTH_USER',
      'LW_REGISTRY_AUTH_PASSWORD',
      'LW_S3_BUCKET',
      'LW_BROWSER_HOST',
      'LW_PACKAGE_INDEX',
    ],
    ...[
      'AWS_ENDPOINT_URL_S3',
      'AWS_ENDPOINT_URL_ECR',
      'AWS_ENDPOINT_URL_STS',
      'AWS_REGION',
      'AWS_DEFAULT_REGION',
    ],
    ...[
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'BUILDX_BUILDER',
      'BUILDX_CONFIG',
      'DOCKER_CONFIG',
      'PATH',
    ],
  ];
  const script = `. "$0/env" && ${names.map((name) => `printf '%s\\n' "$${name}"`).join(' && ')}`;
  const result = await run(['sh', '-euc', script, testbed.dir], { env: { PATH: host.env.PATH } });
  assert.equal(result.exitCode, 0, result.stderr);
  assert.deepEqual(
    result.stdout.trimEnd().split('\n'),
    names.map((name) => testbed.env[name]),
  );
  assert.match(variable('LW_REGISTRY'), /^127\.0\.0\.1:\d+$/);

  const tools = 'for tool in buildx buildctl uv; do command -v "$tool"; done';
  const found = await run(['sh', '-euc', `. "$0/env" && ${tools}`, testbed.dir], {
    env: { PATH: '/usr/bin:/bin' },
  });
  assert.equal(found.exitCode, 0, found.stderr);
  assert.ok(found.stdout.split('\n').every((path) => !path.startsWith('/usr/bin/')));
});

test('the second registry refuses a push without login and takes it with login', async () => {
  const tag = `${variable('LW_REGISTRY_AUTH')}/login-test:1`;
  const push = (env: Record<string, string>) =>
    buildText(testbed, 'FROM scratch\nLABEL login=test\n', ['--push', '-t', tag], env);
  await assert.rejects(push({}), /401 Unauthorized/);

  const config = join(directory.path, 'logged-in');
  await mkdir(config);
  const { Authorization } = basic(variable('LW_REGISTRY_AUTH_USER'), variable('LW_REGISTRY_AUTH_PASSWORD'));
  const auth = Authorization?.replace('Basic ', '');
  await writeFile(
    join(config, 'config.json'),
    JSON.stringify({ auths: { [variable('LW_REGISTRY_AUTH')]: { auth } } }),
  );
  await push({ DOCKER_CONFIG: config });
  const manifest = `http://${variable('LW_REGISTRY_AUTH')}/v2/login-test/manifests/1`;
  const headers = {
    ...basic(variable('LW_REGISTRY_AUTH_USER'), variable('LW_REGISTRY_AUTH_PASSWORD')),
    Accept:
      'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
  };
  assert.equal((await fetch(manifest)).status, 401);
  assert.equal((await fetch(manifest, { headers })).status, 200);
});

test('the S3 server keeps objects and checks signatures', async () => {
  const access = {
    endpoint: variable('AWS_ENDPOINT_URL_S3'),
    region: variable('AWS_REGION'),
    accessKeyId: variable('AWS_ACCESS_KEY_ID'),
    secretAccessKey: variable('AWS_SECRET_ACCESS_KEY'),
  };
  const path = `/${variable('LW_S3_BUCKET')}/some/key`;
  assert.equal((await s3Request(access, 'PUT', path, 'kept')).status, 200);
  assert.equal(await (await s3Request(access, 'GET', path)).text(), 'kept');
  assert.equal((await s3Request({ ...access, secretAccessKey: 'wrong' }, 'GET', path)).status, 403);
});

test("ECR's authorization token opens the registry with login", async () => {
  const scope = `20260101/${variable('AWS_REGION')}`;
  const aws = (service: string, headers: Record<string, string>, body: string) =>
    fetch(variable(`AWS_ENDPOINT_URL_${service.toUpperCase()}`), {
      method: 'POST',
      headers: {
        Authorization: `AWS4-HMAC-SHA256 Credential=x/${scope}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
        ...headers,
      },
      body,
    });
  const ecr = async (action: string, body: object) => {
    const target = `AmazonEC2ContainerRegistry_V20150921.${action}`;
    const headers = { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target };
    return (await (await aws('ecr', headers, JSON.stringify(body))).json()) as Record<string, unknown>;
  };
  const { authorizationData } = (await ecr('GetAuthorizationToken', {})) as {
    authorizationData: { authorizationToken: string }[];
  };
  const headers = { Authorization: `Basic ${authorizationData[0]?.authorizationToken}` };
  assert.equal((await fetch(`http://${variable('LW_REGISTRY_AUTH')}/v2/`, { headers })).status, 200);

  const { repositories } = (await ecr('DescribeRepositories', {})) as {
    repositories: { repositoryName: string }[];
  };
  assert.deepEqual(
    repositories.map(({ repositoryName }) => repositoryName),
    ['chat'],
  );

  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const identity = await aws('sts', form, 'Action=GetCallerIdentity&Version=2011-06-15');
  assert.match(await identity.text(), /<Account>123456789012<\/Account>/);
});

test("an unmodified Dockerfile builds on Docker Hub's names, in the official image's layout", async () => {
  const said = await buildText(
    testbed,
    [
      '# syntax=docker/dockerfile:1.4',
      'FROM python:3.11-slim',
      // First, for Python writes bytecode where it runs.
      `RUN echo "bytecode $(find /usr/local -name '*.pyc' | wc -l) tests $(find /usr/local -type d -name tests | wc -l)"`,
      'RUN python -c "import ssl, sqlite3, lzma, bz2, ctypes, zlib"',
      `RUN python -c "import sysconfig; print('purelib', sysconfig.get_path('purelib'))" && echo "version $PYTHON_VERSION"`,
      'RUN pip --version && command -v pip',
    ].join('\n'),
  );
  assert.match(said, /resolve image config for docker-image:\/\/docker\.io\/docker\/dockerfile:1\.4/);
  assert.match(said, /purelib \/usr\/local\/lib\/python3\.11\/site-packages/);
  assert.match(said, /version 3\.11\.2/);
  assert.match(said, /bytecode 0 tests 0/);
  assert.match(said, /^#\d+ [\d.]+ \/usr\/local\/bin\/pip$/m);
});

test("Debian's own Python installs into dist-packages", async () => {
  const said = await buildText(
    testbed,
    `FROM python:3.11-debian\nRUN python -m pip download --no-deps six -q -d /tmp && python -m pip install -q /tmp/six* && python -c "import six; print(six.__file__)"\n`,
  );
  assert.match(said, /\/usr\/local\/lib\/python3\.11\/dist-packages\/six\.py/);
});

test('a fresh builder has never seen anything', async () => {
  const dockerfile = 'FROM python:3.11-slim\nRUN echo once\n';
  await buildText(testbed, dockerfile);
  assert.match(await buildText(testbed, dockerfile), /RUN echo once\n#\d+ CACHED/);
  await testbed.freshBuilder();
  assert.doesNotMatch(await buildText(testbed, dockerfile), /CACHED/);
});

test('what builds download is passed on, and counted', async () => {
  const target = join(directory.path, 'wheels');
  const index = ['--index-url', variable('LW_PACKAGE_INDEX'), '--no-cache-dir'];
  const download = ['download', '--no-deps', '--dest', target, ...index, 'six==1.16.0'];
  await inTestbed(testbed, ['python3', '-m', 'pip', ...download]);
  assert.deepEqual(await readdir(target), ['six-1.16.0-py2.py3-none-any.whl']);
  const archive = 'chrome-headless-shell-linux64.zip';
  const response = await fetch(`${variable('LW_BROWSER_HOST')}/builds/cft/1/linux64/${archive}`);
  const { byteLength } = await response.arrayBuffer();
  assert.equal((await fetch(`${variable('LW_BROWSER_HOST')}/firefox.zip`)).status, 404);
  const asked = (await downloadsOf(testbed.dir)).filter(({ name }) => name !== 'pip');
  assert.deepEqual(
    asked.map(({ kind, name, status }) => [kind, name, status]),
    [
      ['page', 'six', 200],
      ['file', 'six-1.16.0-py2.py3-none-any.whl', 200],
      ['browser', archive, 200],
      ['browser', 'firefox.zip', 404],
    ],
  );
  assert.equal(asked[2]?.bytes, byteLength);
});
