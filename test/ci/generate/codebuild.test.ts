import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type BuildspecFacts, codebuildBuildspec, GENERATED } from '../../../src/ci/generate/codebuild.ts';
import { keptStages } from '../../../src/commands/ci-generate.ts';
import { parseDockerfile } from '../../../src/dockerfile/parse.ts';
import { run } from '../../../src/host/exec.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';

const FACTS: BuildspecFacts = {
  ...{ classic: false, version: '1.2.3', buildxVersion: '0.38.2', dockerfile: 'Dockerfile', platforms: [] },
  stages: [{ name: 'wheels', sources: ['requirement.txt'] }],
  project: 'my app',
};

interface Buildspec {
  readonly version: number;
  readonly env: { shell: string; variables?: Record<string, string> };
  readonly phases: Record<string, { commands: string[] }>;
  readonly artifacts: { files: string[] };
  readonly cache?: { paths: string[] };
}

const specOf = (facts: Partial<BuildspecFacts>) =>
  parse(codebuildBuildspec({ ...FACTS, ...facts })) as Buildspec;
const commandsOf = (spec: Buildspec) => Object.values(spec.phases).flatMap(({ commands }) => commands);

test('the file begins with the line by which it is known again', () => {
  assert.equal(codebuildBuildspec(FACTS).split('\n')[0], GENERATED);
});

test('the form with Layerwright: one command builds, pushes and names the image', () => {
  const spec = specOf({});
  assert.deepEqual([spec.version, spec.env], [0.2, { shell: 'bash' }]);
  assert.deepEqual(spec.phases.build?.commands, [
    [
      'layerwright build --push --tag "$ECR_REPOSITORY_URI:$TAG" \\',
      '  --file Dockerfile \\',
      '  --stage-dir wheels=/tmp/stages-my-app/wheels \\',
      '  --image-definitions imagedefinitions.json --container-name "$CONTAINER_NAME" \\',
      '  .',
    ].join('\n'),
  ]);
  assert.match(spec.phases.install?.commands[0] ?? '', /npm install --global layerwright@1\.2\.3$/);
  assert.deepEqual(spec.artifacts, { files: ['imagedefinitions.json'] });
  assert.deepEqual(spec.cache, { paths: ['/tmp/stages-my-app/wheels/**/*'] });
});

test('the classic form: each step of the recipe by docker buildx alone', () => {
  const spec = specOf({ classic: true });
  const text = commandsOf(spec).join('\n');
  assert.equal(spec.env.variables?.DOCKER_BUILDKIT, '1');
  for (const step of [
    /docker buildx version \|\| \{/,
    /docker buildx create --name codebuild --driver docker-container/,
    /docker buildx imagetools inspect "\$ECR_REPOSITORY_URI:cache"/,
    /--cache-from "type=registry,ref=\$ECR_REPOSITORY_URI:cache"/,
    /--cache-to "type=registry,ref=\$ECR_REPOSITORY_URI:cache,mode=max,image-manifest=true,oci-mediatypes=true/,
    /--build-context wheels=\/tmp\/stages-my-app\/wheels\/files/,
    /--target wheels .*--output type=local,dest=\/tmp\/stages-my-app\/wheels\/files/,
    /> imagedefinitions\.json/,
  ])
    assert.match(text, step);
  assert.doesNotMatch(text, /layerwright|binfmt/);
  assert.match(
    commandsOf(specOf({ classic: true, platforms: ['linux/amd64', 'linux/arm64'] })).join('\n'),
    /binfmt --install[\s\S]*--platform linux\/amd64,linux\/arm64/,
  );
});

test('all commands are commands to bash', async () => {
  for (const facts of [{}, { classic: true }, { classic: true, stages: [], platforms: ['linux/arm64'] }])
    for (const command of commandsOf(specOf(facts))) {
      const result = await run(['bash', '-n'], { input: command });
      assert.deepEqual([result.exitCode, result.stderr], [0, ''], command);
    }
});

test('the classic form logs in to hosts of ECR, each in its region, and to no other', async () => {
  await using directory = await temporaryDirectory();
  const bin = join(directory.path, 'bin');
  const log = join(directory.path, 'log');
  await mkdir(bin);
  for (const program of ['aws', 'docker']) {
    await writeFile(join(bin, program), `#!/bin/sh\necho "${program} $*" >> "${log}"\n`);
    await chmod(join(bin, program), 0o755);
  }
  const login = specOf({ classic: true }).phases.pre_build?.commands.find((one) =>
    one.includes('docker login'),
  );
  assert.ok(login);
  const logins = async (uri: string) => {
    await writeFile(log, '');
    const env = { PATH: `${bin}:${process.env.PATH}`, ECR_REPOSITORY_URI: uri };
    const result = await run(['bash', '-c', login], { env });
    assert.equal(result.exitCode, 0, result.stderr);
    return (await readFile(log, 'utf8')).trimEnd().split('\n').filter(Boolean).sort();
  };
  for (const [host, region] of [
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'eu-west-1'],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['123456789012.dkr-ecr.us-east-2.on.aws', 'us-east-2'],
  ])
    assert.deepEqual(await logins(`${host}/app`), [
      `aws ecr get-login-password --region ${region}`,
      `docker login --username AWS --password-stdin ${host}`,
    ]);
  assert.deepEqual(await logins('public.ecr.aws/team/app'), [
    'aws ecr-public get-login-password --region us-east-1',
    'docker login --username AWS --password-stdin public.ecr.aws',
  ]);
  for (const other of ['127.0.0.1:5000/app', 'ghcr.io/team/app', 'docker.io/team/app'])
    assert.deepEqual(await logins(other), []);
});

test('stages that hold nothing but files are kept', () => {
  const dockerfile = parseDockerfile(
    [
      'FROM python:3.11-slim AS download',
      'COPY requirement.txt /',
      'RUN pip download --dest /wheels -r /requirement.txt',
      'FROM scratch AS wheels',
      'COPY --from=download /wheels /',
      'FROM scratch AS empty',
      'FROM scratch AS configured',
      'COPY --from=download /wheels /',
      'ENV A=b',
      'FROM scratch AS parent',
      'COPY --from=download /wheels /',
      'FROM parent AS child',
      'FROM python:3.11-slim',
      'COPY --from=wheels / /wheels',
    ].join('\n'),
    'Dockerfile',
  );
  assert.deepEqual(keptStages(dockerfile), [{ name: 'wheels', sources: ['requirement.txt'] }]);
});
