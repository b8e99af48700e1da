import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { stopSharedBuildkitd } from '../../src/engine/buildkitd-shared.ts';
import { ensureBuildkit } from '../../src/engine/install.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { makeAuthority } from '../support/certificates.ts';
import { forwardProxy } from '../support/forward-proxy.ts';
import { testHost } from '../support/host.ts';
import type { TestServer } from '../support/http-server.ts';
import { tlsRegistry } from '../support/registry-server.ts';
import { built, layerwright, projectOf, testbedVariable } from './launch.ts';

// A company's network: registries have certificates of its own authority, and all but this machine is behind a proxy,
// which alone knows where they are.
const ECR = '123456789012.dkr.ecr.us-east-1.amazonaws.com';
const authority = makeAuthority();
const registry = testbedVariable('LW_REGISTRY');
let open: Awaited<ReturnType<typeof tlsRegistry>>;
let ecr: Awaited<ReturnType<typeof tlsRegistry>>;
let proxy: TestServer;
let machine: Awaited<ReturnType<typeof temporaryDirectory>>;
let env: NodeJS.ProcessEnv;
let ca: string;

before(async () => {
  open = await tlsRegistry(authority.serverCertificate('registry.test', 'localhost'));
  ecr = await tlsRegistry(authority.serverCertificate(ECR), {
    user: testbedVariable('LW_REGISTRY_AUTH_USER'),
    password: testbedVariable('LW_REGISTRY_AUTH_PASSWORD'),
  });
  proxy = await forwardProxy({ 'registry.test': open.address, [ECR]: ecr.address, 'plain.test': registry });
  machine = await temporaryDirectory('lw-machine-');
  ca = join(machine.path, 'ca.pem');
  await writeFile(ca, authority.cert);
  await writeFile(
    join(machine.path, 'layerwright.yml'),
    `network:\n  mirrors:\n    docker.io: ['${registry}']\n`,
  );
  // What it needs of ours is beside it: a machine without a cache would compile it first.
  const { runtime } = await ensureBuildkit(testHost(), silentSteps);
  env = {
    PATH: `${process.env.PATH}:${dirname(runtime.path)}`,
    BUILDX_BUILDER: undefined,
    BUILDX_CONFIG: join(machine.path, 'buildx'),
    DOCKER_HOST: undefined,
    LAYERWRIGHT_CACHE_DIR: join(machine.path, 'cache'),
    LAYERWRIGHT_CONFIG: join(machine.path, 'layerwright.yml'),
    HTTPS_PROXY: `http://${proxy.address}`,
    HTTP_PROXY: `http://${proxy.address}`,
    NO_PROXY: undefined,
    SSL_CERT_FILE: undefined,
    NODE_EXTRA_CA_CERTS: undefined,
  };
});
after(async () => {
  await stopSharedBuildkitd(testHost({ env: { ...process.env, ...env } }), { force: true });
  for (const one of [proxy, open, ecr, machine]) await one[Symbol.asyncDispose]();
});

/** A RUN that talks to the registry, whose certificate nobody knows but for `--ca`. */
const talks = () =>
  `RUN python -c "import urllib.request as u; print('answers', u.urlopen('https://localhost:${open.port}/v2/').status)"`;

for (const way of ['auto', 'solved'])
  test(`--ca: our own requests, BuildKit and the programs in RUN trust it, and all of them go through the proxy (${way})`, () =>
    trusting(way));

async function trusting(way: string): Promise<void> {
  await using project = await projectOf({ Dockerfile: `FROM python:3.11-slim\n${talks()}\n` });
  const image = `registry.test/team/${way}:1`;
  const args = ['--push', '--way', way, '-t', image, '--ca', ca, project.path];
  proxy.requests.length = 0;
  const first = await built(args, { env });
  assert.deepEqual([first.builder?.driver, first.cache.to[0]?.outcome], ['remote', 'written']);
  assert.ok((first.image?.compressedBytes ?? 0) > 0);
  const second = await built(args, { env });
  assert.equal(second.steps.executed, 0);
  if (way === 'auto') assert.deepEqual([second.builder, second.segments[0]?.outcome], [null, 'reused']);
  else assert.equal(second.cache.from[0]?.outcome, 'hit');
  assert.ok(proxy.requests.length > 3);
  assert.deepEqual([...new Set(proxy.requests)], ['CONNECT registry.test:443'], 'the mirror is beside it');
}

test('without --ca it is refused, and the hint has the flag', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const result = await layerwright(['build', '--push', '-t', 'registry.test/team/app:2', project.path], {
    env,
  });
  assert.equal(result.exitCode, 2, result.stderr);
  assert.match(result.stderr, /\[TLS_FAILED\]\nhint: .*--ca FILE/);
});

test('without --ca the programs in RUN do not trust it either', async () => {
  await using project = await projectOf({ Dockerfile: `FROM python:3.11-slim\n${talks()}\n` });
  const result = await layerwright(['build', project.path], { env });
  assert.equal(result.exitCode, 1, result.stderr);
  assert.match(result.stderr, /CERTIFICATE_VERIFY_FAILED/);
});

test('--plain-http: a registry beyond this machine without TLS', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const args = ['--push', '-t', 'plain.test/plain/app:1', project.path];
  const result = await built(['--plain-http', 'plain.test', ...args], { env });
  assert.equal(result.cache.to[0]?.outcome, 'written');
  assert.ok(proxy.requests.some((line) => line.startsWith('POST http://plain.test/v2/plain/app/blobs/')));
  const refused = await layerwright(['build', ...args], { env });
  assert.equal(refused.exitCode, 2, refused.stderr);
  assert.match(refused.stderr, /seems to speak plain HTTP \[TLS_FAILED\]\nhint: .*--plain-http HOST/);
});

test('ECR: AWS gives the login, for us and for BuildKit, also for a base image', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const args = ['--push', '-t', `${ECR}/chat:1`, '--ca', ca, project.path];
  const result = await built(args, { env });
  assert.equal(result.cache.to[0]?.outcome, 'written');
  await using onTop = await projectOf({ Dockerfile: `FROM ${ECR}/chat:1\nCOPY Dockerfile /again\n` });
  assert.equal((await built(['--ca', ca, onTop.path], { env })).outcome, 'built');
});

test('ECR without AWS credentials: what is missing and how to mend it', async () => {
  await using project = await projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const result = await layerwright(['build', '--push', '-t', `${ECR}/chat:2`, '--ca', ca, project.path], {
    env: {
      ...env,
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  });
  assert.equal(result.exitCode, 2, result.stderr);
  assert.match(result.stderr, /\[AWS_CREDENTIALS_MISSING\]\nhint: Give the job a role, set AWS_PROFILE/);
});

test('RUN has the authorities where programs look for them, and the image has no trace of them', async () => {
  await using project = await projectOf({
    'Dockerfile.x': [
      '# the first comment',
      'FROM python:3.11-slim AS whole',
      'FROM scratch',
      'COPY --from=whole / /',
      // An image that has no directory for authorities.
      'RUN rm -rf /etc/ssl',
      'RUN [ "$PIP_CERT" = /etc/ssl/certs/ca-certificates.crt ] && grep -c BEGIN "$PIP_CERT" && cp "$PIP_CERT" /proof',
      'USER nobody',
      'RUN --mount=type=tmpfs,target=/scratch \\',
      '    # a comment in between',
      '    head -1 "$SSL_CERT_FILE" && \\',
      '',
      '    head -1 "$NODE_EXTRA_CA_CERTS" "$REQUESTS_CA_BUNDLE" "$CURL_CA_BUNDLE"',
      'RUN ["sh", "-c", "test -r $PIP_CERT && echo RUN json"]',
      // The shell gets a heredoc's lines as they are: the carriage return is of the comment.
      'RUN <<EOF',
      'RUN() { true; } #',
      'test "$GIT_SSL_CAINFO" = /etc/ssl/certs/ca-certificates.crt && RUN || exit 1 #',
      'EOF',
      'RUN : apt-get && echo "$PIP_CERT" | grep -q ^/run/secrets/ && test -r "$PIP_CERT" && test -r "$APT_CONFIG"',
      'ONBUILD RUN echo later',
      '',
    ].join('\r\n'),
    'Dockerfile.x.dockerignore': 'left-out\n',
    'left-out': 'x',
  });
  const before = await readFile(join(project.path, 'Dockerfile.x'));
  const archive = join(project.path, 'image.tar');
  const out = `type=oci,dest=${archive},compression=uncompressed,force-compression=true`;
  const args = ['--progress', 'plain', '-f', join(project.path, 'Dockerfile.x'), '-o', out, '--ca', ca];
  const result = await layerwright(['build', ...args, project.path]);
  assert.equal(result.exitCode, 0, result.stderr);
  assert.match(
    result.stderr,
    /^Builder "testbed" reaches registries by its own configuration, also as to certificate auth/m,
  );
  assert.doesNotMatch(result.stderr, /layerwright-ca,|type=secret/, 'our flags are nothing to read about');
  assert.deepEqual(await readFile(join(project.path, 'Dockerfile.x')), before);

  const unpacked = join(project.path, 'unpacked');
  await mkdir(unpacked);
  const tar = await run(['tar', '-xf', archive, '-C', unpacked]);
  assert.equal(tar.exitCode, 0, tar.stderr);
  const index = await json(unpacked, 'index.json');
  const manifest = await json(unpacked, blob(index.manifests[0].digest));
  const config = await readFile(join(unpacked, blob(manifest.config.digest)), 'utf8');
  assert.doesNotMatch(config, /layerwright|type=secret/);
  assert.deepEqual(JSON.parse(config).config.OnBuild, ['RUN echo later']);
  assert.doesNotMatch(JSON.stringify(JSON.parse(config).config.Env), /CERT|CA_|SSL/);
  const made = manifest.layers.slice(1) as { digest: string }[];
  const names = await Promise.all(
    made.map(async ({ digest }) => (await run(['tar', '-tf', join(unpacked, blob(digest))])).stdout),
  );
  const entries = names.join('').split('\n');
  assert.ok(entries.includes('proof'), 'what was copied is there: this looks at the right layers');
  assert.deepEqual(
    entries.filter((name) => /secrets|^etc\/ssl\/|^run\/./.test(name)),
    [],
    'no empty file or directory is left where the secrets were',
  );
  const proof = made.findIndex((_layer, at) => names[at]?.includes('proof'));
  const text = (await run(['tar', '-xOf', join(unpacked, blob(made[proof]?.digest ?? '')), 'proof'])).stdout;
  assert.ok(text.includes(authority.cert.trim()), 'the authority is in the file');
  assert.ok((text.match(/BEGIN/g)?.length ?? 0) > 100, 'and those that everybody trusts');
});

function blob(digest: string): string {
  return join('blobs', ...digest.split(':'));
}

// biome-ignore lint/suspicious/noExplicitAny: manifests as they come
async function json(directory: string, name: string): Promise<any> {
  return JSON.parse(await readFile(join(directory, name), 'utf8'));
}
