import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SecretPlace, stepSecrets } from '../../../src/compose/install/step-secrets.ts';
import type { RunInstruction } from '../../../src/dockerfile/instruction.ts';
import { mountsOf } from '../../../src/dockerfile/mounts.ts';

const PLACE: SecretPlace = {
  ...{ home: '/root', workdir: '/app', env: {}, pipConfigurations: [] },
  given: new Map([
    ['netrc', 'machine example.com login me password x\n'],
    ['pip', '[global]\nindex-url = https://example.com/simple\n'],
    ['word', 'secret'],
  ]),
};

const secrets = (mount: string, place: Partial<SecretPlace> = {}) =>
  stepSecrets(mountsOf(runOf(mount), new Map(), { path: 'Dockerfile', escape: '\\' }), {
    ...PLACE,
    ...place,
  });

const runOf = (mount: string) => ({ line: 1, mounts: [mount] }) as unknown as RunInstruction;

function reasonOf(found: ReturnType<typeof stepSecrets>): string {
  assert.ok('reason' in found);
  return found.reason;
}

test('a secret netrc file is read where pip looks for it', () => {
  const at = (target: string, place: Partial<SecretPlace> = {}) => {
    const found = secrets(`type=secret,id=netrc,target=${target}`, place);
    return 'reason' in found ? found.reason : found.netrc?.get('example.com')?.user;
  };
  assert.equal(at('/root/.netrc'), 'me');
  assert.equal(at('/home/app/.netrc', { home: '/home/app' }), 'me');
  assert.equal(at('/home/app/.netrc', { env: { HOME: '/home/app' } }), 'me');
  assert.equal(at('/etc/netrc', { env: { NETRC: '/etc/netrc' } }), 'me');
  assert.equal(at('/run/secrets/netrc'), undefined);
  assert.match(at('/etc/netrc') ?? '', /is not known/);
  const given = new Map([['netrc', 'machine']]);
  assert.match(at('/root/.netrc', { given }) ?? '', /no netrc file/);
});

test("pip's configuration as a secret counts where pip reads it", () => {
  const at = (target: string, place: Partial<SecretPlace> = {}) => {
    const found = secrets(`type=secret,id=pip,target=${target}`, place);
    return 'reason' in found ? found.reason : found.pipConfigurations.length;
  };
  assert.equal(at('/etc/pip.conf'), 1);
  assert.equal(at('/root/.config/pip/pip.conf'), 1);
  assert.equal(at('/run/secrets/pip'), 0);
  const env = { PIP_CONFIG_FILE: '/run/secrets/pip' };
  assert.equal(at('/run/secrets/pip', { env }), 1);
  assert.match(String(at('/etc/pip.conf', { pipConfigurations: ['[global]\n'] })), /others in the image/);
  const named = secrets('type=secret,id=pip', { env });
  assert.deepEqual('env' in named && named.env, { PIP_CONFIG_FILE: '' });
});

test('a secret variable has the secret, and nothing is known of one that was not given', () => {
  const found = secrets('type=secret,id=word,env=PIP_INDEX_URL');
  assert.deepEqual('env' in found && found.env, { PIP_INDEX_URL: 'secret' });
  const absent = secrets('type=secret,id=absent,env=PIP_INDEX_URL');
  assert.deepEqual('env' in absent && absent.env, {});
  assert.match(reasonOf(secrets('type=secret,id=absent,required=true')), /absent was not given/);
});
