import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { silentSteps } from '../../../src/host/steps.ts';
import { startTestbed, type Testbed } from '../../../testbed/testbed.ts';
import { layerwright, projectOf } from '../../commands/launch.ts';
import { testHost } from '../../support/host.ts';
import { closedAddress } from '../../support/http-server.ts';
import { buildspecOf, ciRun } from './support.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let testbed: Testbed;
let env: NodeJS.ProcessEnv;

before(async () => {
  directory = await temporaryDirectory('lw-aws-');
  testbed = await startTestbed(testHost(), { dir: directory.path, parts: ['s3', 'aws'] }, silentSteps);
  const endpoint = testbed.env.AWS_ENDPOINT_URL_ECR ?? '';
  env = {
    ...testbed.env,
    AWS_ENDPOINT_URL_SSM: endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  await fill(endpoint, testbed.env);
});

after(async () => {
  await testbed.stop();
  await directory[Symbol.asyncDispose]();
});

const KEY = '-----BEGIN KEY-----\nc29tZSBwcml2YXRlIGtleQ==\n-----END KEY-----';

/** Puts parameters and secrets where the builds look for them. */
async function fill(endpoint: string, variables: Readonly<Record<string, string>>): Promise<void> {
  const config = {
    endpoint,
    region: variables.AWS_REGION ?? 'us-east-1',
    credentials: {
      accessKeyId: variables.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: variables.AWS_SECRET_ACCESS_KEY ?? '',
    },
  };
  const ssm = new SSMClient(config);
  const secrets = new SecretsManagerClient(config);
  for (let number = 0; number < 12; number++)
    await ssm.send(
      new PutParameterCommand({
        Name: `/web/p${number}`,
        Value: `value-${number}-of-web`,
        Type: 'SecureString',
      }),
    );
  await ssm.send(new PutParameterCommand({ Name: 'plain', Value: 'plain-parameter', Type: 'String' }));
  await secrets.send(
    new CreateSecretCommand({
      Name: 'web/json',
      SecretString: JSON.stringify({
        user: 'kim-the-user',
        password: 'first-password',
        port: 5432,
        key: KEY,
      }),
    }),
  );
  await secrets.send(
    new PutSecretValueCommand({
      SecretId: 'web/json',
      SecretString: JSON.stringify({
        user: 'kim-the-user',
        password: 'second-password',
        port: 5432,
        key: KEY,
      }),
    }),
  );
  await secrets.send(new CreateSecretCommand({ Name: 'whole', SecretString: 'the whole secret' }));
  ssm.destroy();
  secrets.destroy();
}

/** Runs a buildspec with this environment section. */
async function runWith(section: string, commands: readonly string[], args: readonly string[] = []) {
  const text = buildspecOf(...commands).replace('version: 0.2\n', `version: 0.2\nenv:\n${section}`);
  await using project = await projectOf({ 'buildspec.yml': text });
  return await ciRun(project.path, args, env);
}

// Build specification reference, env/parameter-store; GetParameters takes ten names at a time.
test('parameters are variables of the build, and are hidden in all that is printed', async () => {
  const lines = Array.from({ length: 12 }, (_, number) => `    P${number}: /web/p${number}\n`).join('');
  const { exitCode, log, record } = await runWith(`  parameter-store:\n    PLAIN: plain\n${lines}`, [
    'echo "got $P0 and $P11; plain is $PLAIN"',
    'printf %s "$P11" | wc -c',
    'for i in 1 2 3; do printf "value-"; sleep 0.05; echo "7-of-web"; done',
    'ls "$P3" 2>&1; false # value-3-of-web',
  ]);
  assert.equal(exitCode, 1);
  assert.match(log, /^got \*\*\* and \*\*\*; plain is \*\*\*$/m);
  assert.match(log, /^15$/m);
  assert.equal(log.match(/^\*\*\*$/gm)?.length, 3);
  assert.doesNotMatch(log + JSON.stringify(record), /value-\d|plain-parameter/);
  assert.match(record.phases.find(({ name }) => name === 'BUILD')?.message ?? '', /# \*\*\*\. Reason/);
});

// Build specification reference, env/secrets-manager: secret-id:json-key:version-stage:version-id.
test('secrets are variables of the build: whole, a key of their JSON, an earlier version', async () => {
  const { log, exitCode, record } = await runWith(
    `  secrets-manager:
    WHOLE: whole
    NEW: web/json:password
    OLD: web/json:password:AWSPREVIOUS
    PORT: web/json:port
    KEY: web/json:key
  exported-variables: [WHOLE, COPY, LENGTHS]
`,
    [
      `test "$WHOLE" = "the whole secret" && test "$NEW" = second-password && test "$OLD" = first-password && test "$PORT" = 5432`,
      'COPY="a $NEW b"; LENGTHS="${#NEW} ${#OLD}"',
      'echo "$NEW $OLD $WHOLE $PORT"; echo "$KEY"',
      'WHOLE=changed',
    ],
  );
  assert.equal(exitCode, 0, log);
  assert.match(log, /^\*\*\* \*\*\* \*\*\* \*\*\*$/m);
  assert.doesNotMatch(log, /password|whole secret|c29tZSBwcml2YXRl|PRIVATE/);
  assert.deepEqual(record.exportedVariables, { LENGTHS: '15 14' });
});

test('--env outranks what AWS has, which is then not asked for', async () => {
  const { exitCode, log } = await runWith(
    '  parameter-store:\n    P: /not/there\n',
    ['echo "P is $P"'],
    ['--env', 'P=mine'],
  );
  assert.equal(exitCode, 0, log);
  assert.match(log, /^P is mine$/m);
});

test('a value that is not there fails the build before its first command', async () => {
  const parameter = await runWith('  parameter-store:\n    P: /not/there\n', ['echo never']);
  assert.equal(parameter.exitCode, 1);
  assert.match(
    parameter.log,
    /Phase context status code: Decrypted Variables Error Message: parameter does not exist: \/not\/there/,
  );
  const [phase] = parameter.record.phases;
  assert.deepEqual(
    [phase?.name, phase?.state, parameter.record.phases.length],
    ['DOWNLOAD_SOURCE', 'FAILED', 1],
  );
  for (const reference of ['not-there', 'web/json:nokey', 'whole:key'])
    assert.match(
      (await runWith(`  secrets-manager:\n    S: ${reference}\n`, ['echo never'])).log,
      /Phase context status code: Secrets Manager Error Message: /,
    );
});

test('without AWS the build ends with 75, and says so to machines', async () => {
  await using project = await projectOf({
    'buildspec.yml': `version: 0.2\nenv:\n  parameter-store: {P: /web/p0}\nphases:\n  build:\n    commands: [echo never]\n`,
  });
  const endpoint = `http://${await closedAddress()}`;
  const result = await layerwright(['ci', 'run', '--json'], {
    cwd: project.path,
    env: { ...env, AWS_ENDPOINT_URL_SSM: endpoint },
  });
  const { error } = JSON.parse(result.stdout);
  assert.deepEqual([result.exitCode, error.code, error.temporary], [75, 'UNREACHABLE', true]);
  assert.doesNotMatch(result.stderr, /^never$/m);
});

test('without credentials or a region the build ends with 2', async () => {
  await using project = await projectOf({
    'buildspec.yml': `version: 0.2\nenv:\n  secrets-manager: {S: whole}\nphases:\n  build:\n    commands: [echo never]\n`,
  });
  const bare = {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
  };
  const nowhere = {
    HOME: project.path,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
  const refused = async (changes: NodeJS.ProcessEnv) => {
    const result = await layerwright(['ci', 'run', '--json'], {
      cwd: project.path,
      env: { ...env, ...nowhere, ...changes },
    });
    return [result.exitCode, JSON.parse(result.stdout).error.code];
  };
  assert.deepEqual(await refused(bare), [2, 'AWS_CREDENTIALS_MISSING']);
  assert.deepEqual(await refused({ AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined }), [
    2,
    'AWS_REGION_MISSING',
  ]);
});

test('the cache goes to S3 and comes back', async () => {
  const bucket = testbed.env.LW_S3_BUCKET ?? '';
  const text = `${buildspecOf('ls deps 2>/dev/null; mkdir -p deps; touch deps/wheel')}cache:\n  key: pip-1\n  paths: ['deps/**/*']\n`;
  const build = async () => {
    await using project = await projectOf({ 'buildspec.yml': text });
    return (await ciRun(project.path, ['--store', `s3://${bucket}/ci`], env)).record.cache;
  };
  const first = await build();
  assert.deepEqual([first?.restored, first?.saved], ['miss', 'saved'], JSON.stringify(first));
  assert.equal((await build())?.restored, 'hit');
});
