import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyFailure } from '../../src/engine/failure.ts';

const ECR = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

/** What buildx says on its last line, what that means, and what the hint says. */
const CASES: Readonly<
  Record<string, readonly [text: string, code: string, exit: number, hint: RegExp | undefined]>
> = {
  'a stage that is not there': ['target stage "nosuch" could not be found', 'STAGE_UNKNOWN', 1, undefined],
  'an unknown instruction': [
    'dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)',
    'DOCKERFILE_INVALID',
    1,
    undefined,
  ],
  'a file that is not in the context': [
    'failed to compute cache key: failed to calculate checksum of ref abc::def: "/nofile": not found',
    'CONTEXT_FILE_MISSING',
    1,
    /^\/nofile is not in the build context, or \.dockerignore leaves it out\.$/,
  ],
  'an image that does not exist': [
    'python:9.99: failed to resolve source metadata for docker.io/library/python:9.99: docker.io/library/python:9.99: not found',
    'IMAGE_UNKNOWN',
    1,
    /^No image docker\.io\/library\/python:9\.99 in that registry/,
  ],
  'a base image that only others may pull': [
    'r.example.com:5000/x:1: failed to resolve source metadata for r.example.com:5000/x:1: unexpected status from HEAD request to https://r.example.com:5000/v2/x/manifests/1: 401 Unauthorized',
    'REGISTRY_DENIED',
    2,
    /docker login r\.example\.com:5000$/,
  ],
  'a base image of Docker Hub that is private or not there': [
    'a/b: failed to resolve source metadata for docker.io/a/b:latest: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    'REGISTRY_DENIED',
    2,
    /docker login$/,
  ],
  'a push without login': [
    'failed to push 127.0.0.1:5000/app:1: unexpected status from HEAD request to http://127.0.0.1:5000/v2/app/blobs/sha256:77: 401 Unauthorized',
    'REGISTRY_DENIED',
    2,
    /docker login 127\.0\.0\.1:5000$/,
  ],
  'a push to ECR without login': [
    `failed to push ${ECR}/team/app:1: unexpected status from HEAD request to https://${ECR}/v2/team/app/blobs/sha256:77: 403 Forbidden`,
    'REGISTRY_DENIED',
    2,
    /aws ecr get-login-password --region eu-west-1/,
  ],
  'a repository that ECR does not have': [
    `failed to push ${ECR}/team/app:1: name unknown: The repository with name 'team/app' does not exist in the registry with id '123456789012'`,
    'REPOSITORY_UNKNOWN',
    2,
    /aws ecr create-repository --repository-name team\/app --region eu-west-1/,
  ],
  'a tag that may not be moved': [
    `failed to push ${ECR}/team/app:1: tag invalid: The image tag '1' already exists in the 'team/app' repository and cannot be overwritten because the repository is immutable.`,
    'TAG_IMMUTABLE',
    2,
    /--cache-repo/,
  ],
  'a registry that is not there': [
    'failed to push 127.0.0.1:9/app:1: failed to do request: Head "http://127.0.0.1:9/v2/app/blobs/sha256:77": dial tcp 127.0.0.1:9: connect: connection refused',
    'UNREACHABLE',
    75,
    undefined,
  ],
  'a registry with an inner error': [
    'failed to push r.example.com/app:1: unexpected status from PUT request to https://r.example.com/v2/app/manifests/1: 503 Service Unavailable',
    'REGISTRY_TEMPORARY',
    75,
    undefined,
  ],
  'a registry that is asked too often': [
    'python:3.11: failed to resolve source metadata for ghcr.io/team/python:3.11: failed to copy: httpReadSeeker: failed open: unexpected status code https://ghcr.io/v2/team/python/manifests/3.11: 429 Too Many Requests - Server message: toomanyrequests',
    'REGISTRY_TEMPORARY',
    75,
    undefined,
  ],
  "Docker Hub's limit on pulls": [
    'python:3.11: failed to resolve source metadata for docker.io/library/python:3.11: failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/python/manifests/3.11: 429 Too Many Requests - Server message: toomanyrequests',
    'REGISTRY_RATE_LIMIT',
    75,
    /docker login, or a mirror/,
  ],
  'a full disk': [
    'failed to copy files: write /tmp/x: no space left on device',
    'DISK_FULL',
    75,
    /docker buildx prune/,
  ],
  'a Dockerfile that is not there': [
    'failed to read dockerfile: open Dockerfile: no such file or directory',
    'NO_DOCKERFILE',
    2,
    undefined,
  ],
  'something that nobody has seen before': ['the moon is too bright', 'BUILD_FAILED', 1, undefined],
};

for (const [name, [text, code, exit, hint]] of Object.entries(CASES))
  test(`${name}: ${code}, exit ${exit}`, () => {
    const error = classifyFailure({
      text: `ERROR: failed to build: failed to solve: ${text}`,
      step: undefined,
      stepLog: [],
    });
    assert.deepEqual([error.code, error.exit, error.message], [code, exit, text]);
    if (hint === undefined) assert.equal(error.hint, undefined);
    else assert.match(error.hint ?? '', hint);
  });

test('a builder that is not there is a mistake in the command, not in the build', () => {
  for (const text of [
    'ERROR: no builder "nosuch" found',
    'ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  ]) {
    const error = classifyFailure({ text, step: undefined, stepLog: [] });
    assert.deepEqual([error.code, error.exit], ['NO_BUILDER', 2]);
  }
});

test('only what may be over in a moment is tried again', () => {
  const isTemporary = (text: string) =>
    classifyFailure({ text: `ERROR: ${text}`, step: undefined, stepLog: [] }).temporary;
  assert.deepEqual(
    ['502 Bad Gateway', 'dial tcp: i/o timeout', 'no space left on device', '401 Unauthorized'].map(
      isTemporary,
    ),
    [true, true, false, false],
  );
});

test('a RUN that failed: its step, its last lines, the place in the Dockerfile', () => {
  const error = classifyFailure({
    text: [
      'Dockerfile:3',
      '--------------------',
      '   3 | >>> RUN pip install nosuch',
      '--------------------',
      'ERROR: failed to build: failed to solve: process "/bin/sh -c pip install nosuch" did not complete successfully: exit code: 1',
      '',
    ].join('\n'),
    step: '[dependencies 2/2] RUN pip install nosuch',
    stepLog: ['Collecting nosuch', 'connection refused, 401 Unauthorized, unknown instruction'],
  });
  assert.equal(error.code, 'RUN_FAILED', 'what the program prints does not decide');
  assert.equal(
    error.message,
    '[dependencies 2/2] RUN pip install nosuch: process "/bin/sh -c pip install nosuch" did not complete successfully: exit code: 1',
  );
  assert.equal(
    error.detail,
    [
      'Collecting nosuch',
      'connection refused, 401 Unauthorized, unknown instruction',
      '',
      'Dockerfile:3',
      '--------------------',
      '   3 | >>> RUN pip install nosuch',
      '--------------------',
    ].join('\n'),
  );
});

test('what a program prints decides nothing, also where nobody knows what went wrong', () => {
  const stepLog = ['curl: connection refused', '401 Unauthorized'];
  const error = classifyFailure({ text: 'ERROR: the moon is too bright', step: '[1/1] RUN make', stepLog });
  assert.deepEqual([error.code, error.message], ['BUILD_FAILED', '[1/1] RUN make: the moon is too bright']);
});

test('a RUN that found the disk full is not the fault of the Dockerfile', () => {
  const error = classifyFailure({
    text: 'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 1',
    step: '[1/1] RUN make',
    stepLog: ['cc: error: no space left on device'],
  });
  assert.deepEqual([error.code, error.exit], ['DISK_FULL', 75]);
});

test('a file that another stage should have is not looked for in the build context', () => {
  const error = classifyFailure({
    text: 'ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/venv": not found',
    step: '[final 1/1] COPY --from=dependencies /venv /venv',
    stepLog: [],
  });
  assert.equal(error.hint, '/venv is not in dependencies: check the path, and what was built there.');
});

test('a build that ends without a word is still an error with a message', () => {
  const error = classifyFailure({ text: '', step: undefined, stepLog: [] });
  assert.deepEqual(
    [error.code, error.message, error.detail],
    ['BUILD_FAILED', 'the build failed', undefined],
  );
});
