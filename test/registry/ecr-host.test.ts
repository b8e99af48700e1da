import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ecrHostsIn, parseEcrHost } from '../../src/registry/ecr-host.ts';
import { loginHint, repositoryHint } from '../../src/registry/hints.ts';

const ACCOUNT = '123456789012';

test('ECR hosts in all their forms', () => {
  const parsed = (host: string) => {
    const found = parseEcrHost(host);
    return found && [found.kind, found.region, found.fips, found.dualStack];
  };
  for (const [host, expected] of Object.entries({
    [`${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com`]: ['private', 'eu-west-1', false, false],
    [`${ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com`]: ['private', 'us-gov-west-1', true, false],
    [`${ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn`]: ['private', 'cn-north-1', false, false],
    [`${ACCOUNT}.dkr-ecr.eu-west-1.on.aws`]: ['private', 'eu-west-1', false, true],
    [`${ACCOUNT}.dkr-ecr-fips.us-east-1.on.aws`]: ['private', 'us-east-1', true, true],
    [`${ACCOUNT}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn`]: ['private', 'cn-north-1', false, true],
    'public.ecr.aws': ['public', 'us-east-1', false, false],
  }))
    assert.deepEqual(parsed(host), expected, host);
  for (const host of [
    'docker.io',
    '12345678901.dkr.ecr.eu-west-1.amazonaws.com',
    `${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com.example.com`,
    `${ACCOUNT}.dkr.ecr.eu-west-1.example.com`,
    `evil-${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.eu-west-1.on.aws`,
    'ecr.aws',
  ])
    assert.equal(parsed(host), undefined, host);
});

test('ECR hosts that a text names', () => {
  const text = `ARG R=${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/base
FROM ${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/base:1
COPY --from=${ACCOUNT}.dkr-ecr.us-east-1.on.aws/tools /x /x
# ${ACCOUNT}.dkr.ecr.nowhere`;
  assert.deepEqual(ecrHostsIn(text), [
    `${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com`,
    `${ACCOUNT}.dkr-ecr.us-east-1.on.aws`,
  ]);
});

test('hints have the command for the registry', () => {
  const ecr = `${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com`;
  assert.match(
    loginHint(ecr),
    /aws ecr get-login-password --region eu-west-1 \| docker login --username AWS --password-stdin 1234/,
  );
  assert.match(loginHint('public.ecr.aws'), /aws ecr-public get-login-password --region us-east-1 \|/);
  assert.equal(loginHint('docker.io'), 'Log in with: docker login');
  assert.equal(loginHint('ghcr.io'), 'Log in with: docker login ghcr.io');
  assert.match(
    repositoryHint(ecr, 'chat'),
    /aws ecr create-repository --repository-name chat --region eu-west-1/,
  );
  assert.match(repositoryHint('public.ecr.aws', 'chat'), /^Create the repository first/);
});
