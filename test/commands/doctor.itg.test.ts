import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DoctorRecord } from '../../src/commands/doctor.ts';
import { layerwright, projectOf, SERVICE, testbedVariable } from './launch.ts';

const REGISTRY = testbedVariable('LW_REGISTRY');
const WITH_LOGIN = testbedVariable('LW_REGISTRY_AUTH');
const BUCKET = testbedVariable('LW_S3_BUCKET');

/** Runs `layerwright doctor --json` in the project of a service. */
async function doctor(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  await using project = await projectOf(SERVICE);
  const { exitCode, stdout, stderr } = await layerwright(['doctor', '--json', ...words], {
    cwd: project.path,
    env,
  });
  const record = JSON.parse(stdout) as DoctorRecord;
  const said = (name: string) => {
    const check = record.checks.find((one) => one.name === name);
    return `${check?.status}: ${check?.found}`;
  };
  return { exitCode, record, said, told: `${stdout}${stderr}` };
}

test('real parts: builder, registry, clock and a store in S3', async () => {
  const { exitCode, said, told } = await doctor(['--push', '-t', `${REGISTRY}/doctor/web:1`], {
    LAYERWRIGHT_STORE: `s3://${BUCKET}/doctor`,
  });
  assert.equal(exitCode, 0, told);
  assert.equal(said('registry'), `ok: may push to ${REGISTRY}/doctor/web`);
  assert.equal(said('clock'), `ok: the same as ${REGISTRY}'s`);
  assert.equal(said('layerCache'), `ok: ${REGISTRY}/doctor/web:cache: empty, the next build fills it`);
  assert.equal(said('store'), `ok: s3://${BUCKET}/doctor can be listed, read and written`);
  assert.match(said('builder'), /^ok: "\S+" \(remote\) answers, named by/);
  assert.match(said('platforms'), /^ok: .*linux\/(?:amd64|arm64)/);
});

test('a registry where nobody is logged in, a bucket that is not there', async () => {
  await using empty = await projectOf({});
  const { exitCode, said } = await doctor(['--push', '-t', `${WITH_LOGIN}/doctor/web:1`], {
    DOCKER_CONFIG: empty.path,
    LAYERWRIGHT_STORE: 's3://no-such-bucket-here/doctor',
  });
  assert.equal(exitCode, 1);
  assert.match(said('registry'), /^problem: .*HTTP 401/);
  assert.match(said('store'), /^problem: /);
});
