import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseBuilder, parseInspect } from '../../src/engine/builder.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { emptyNetwork, type NetworkSettings } from '../../src/host/network.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { testHost } from '../support/host.ts';
import { ANSWERS, putPrograms } from './programs.ts';

const REMOTE = `Name:          testbed
Driver:        remote
Last Activity: 2026-11-24 23:26:52 +0000 UTC

Nodes:
Name:             testbed0
Endpoint:         unix:///run/buildkit/buildkitd.sock
Status:           running
BuildKit version: v0.34.2
Platforms:        linux/amd64, linux/amd64/v2, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor:    oci
 org.mobyproject.buildkit.worker.hostname:    build
GC Policy rule#0:
 All:            false
 Filters:        type==source.local
 Keep Duration:  48h0m0s

Name:     testbed1
Endpoint: tcp://10.0.0.2:1234
Error:    connection refused
`;
const DOCKER = `Name:   default
Driver: docker

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.26.3
`;
const DOCKER_DOWN = `Name:   default
Driver: docker
Error:  Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?

Nodes:
`;

test('buildx inspect: the builder and its first node', () => {
  assert.deepEqual(parseInspect(REMOTE), {
    name: 'testbed',
    driver: 'remote',
    endpoint: 'unix:///run/buildkit/buildkitd.sock',
    status: 'running',
    error: undefined,
    platforms: ['linux/amd64', 'linux/amd64/v2', 'linux/386'],
    version: '0.34.2',
  });
});

test('buildx inspect: an error of the builder, or of its first node', () => {
  assert.match(parseInspect(DOCKER_DOWN).error ?? '', /^Cannot connect to the Docker daemon/);
  const refused = REMOTE.replace('Status:           running', 'Error:            dial tcp: refused');
  const { status, error } = parseInspect(refused);
  assert.deepEqual([status, error], [undefined, 'dial tcp: refused']);
});

test('buildx inspect: the platforms of all nodes, each once, without the star of a preferred one', () => {
  const second = REMOTE.replace('Error:    connection refused', 'Platforms: linux/arm64*, linux/amd64');
  assert.deepEqual(parseInspect(second).platforms, [
    'linux/amd64',
    'linux/amd64/v2',
    'linux/386',
    'linux/arm64',
  ]);
});

test('buildx inspect: nothing that is known', () => {
  assert.deepEqual(parseInspect(''), {
    name: '',
    driver: '',
    endpoint: undefined,
    status: undefined,
    error: undefined,
    platforms: [],
    version: undefined,
  });
});

/** A machine whose buildx knows these builders; the one without a name is the current one. */
async function machine(builders: Readonly<Record<string, string>>, more = '') {
  const directory = await temporaryDirectory();
  const bin = join(directory.path, 'bin');
  await mkdir(bin);
  const inspect = Object.entries(builders).map(
    ([name, text]) => `"inspect${name && ` ${name}`}") /bin/cat <<'EOF'\n${text}EOF\n;;`,
  );
  await putPrograms(bin, {
    buildx: [ANSWERS.buildx('0.38.2'), ...inspect, more].join('\n'),
  });
  const env = {
    PATH: bin,
    HOME: directory.path,
    LAYERWRIGHT_CACHE_DIR: join(directory.path, 'cache'),
  };
  const choose = async (name: string | undefined, beyondDocker: boolean, loopback = false) => {
    const needs = { name, beyondDocker, loopback, registries: [] };
    const builder = await chooseBuilder(testHost({ env }), silentSteps, needs);
    return [builder.name, builder.driver, builder.origin];
  };
  return { ...directory, env, choose };
}

const noBuilder = (message: RegExp) => (error: unknown) =>
  error instanceof LayerwrightError &&
  error.code === 'NO_BUILDER' &&
  error.exit === 2 &&
  message.test(error.message);

test('the builder that the user names is taken, or refused with the reason', async () => {
  await using there = await machine({
    testbed: REMOTE,
    asleep: REMOTE.replace('running', 'inactive'),
    down: DOCKER_DOWN,
  });
  assert.deepEqual(await there.choose('testbed', true), ['testbed', 'remote', 'named']);
  await assert.rejects(there.choose('nosuch', true), noBuilder(/no builder is called "nosuch"/));
  await assert.rejects(
    there.choose('asleep', true),
    noBuilder(/"asleep" \(remote at unix:\S+\) does not answer/),
  );
  await assert.rejects(
    there.choose('down', true),
    noBuilder(/does not answer: Cannot connect to the Docker/),
  );
});

test("Docker's own builder is enough for a plain build", async () => {
  await using there = await machine({ '': DOCKER });
  assert.deepEqual(await there.choose(undefined, false), ['default', 'docker', 'current']);
});

test('where Docker can do too little, a container is made beside it once', async () => {
  const create = '"create --name layerwright --driver docker-container") echo made >>"$HOME/made" ;;';
  await using there = await machine({ '': DOCKER }, create);
  assert.deepEqual(await there.choose(undefined, true), ['layerwright', 'docker-container', 'made']);
  assert.equal(await readFile(join(there.path, 'made'), 'utf8'), 'made\n');

  const container = DOCKER.replaceAll('default', 'layerwright').replace('docker', 'docker-container');
  await using again = await machine({ '': DOCKER, layerwright: container });
  assert.deepEqual(await again.choose(undefined, true), ['layerwright', 'docker-container', 'current']);
});

test("a registry on this machine's loopback needs a container in this machine's network", async () => {
  const create = 'create --name layerwright-host --driver docker-container --driver-opt network=host';
  await using there = await machine({ '': DOCKER }, `"${create}") exit 0 ;;`);
  assert.deepEqual(await there.choose(undefined, true, true), [
    'layerwright-host',
    'docker-container',
    'made',
  ]);
});

test('a container that cannot be made says why', async () => {
  await using there = await machine({ '': DOCKER }, '"create "*) echo "no space" >&2; exit 1 ;;');
  await assert.rejects(there.choose(undefined, true), noBuilder(/buildx create failed: no space/));
});

/** Chooses with network settings; what was noted. */
async function chosenWith(env: NodeJS.ProcessEnv, network: NetworkSettings, name?: string) {
  const notes: string[] = [];
  const needs = { name, beyondDocker: true, loopback: false, registries: ['r.test'] };
  const steps = { ...silentSteps, note: (text: string) => void notes.push(text) };
  const builder = await chooseBuilder(testHost({ env, network }), steps, needs);
  return { builder, notes };
}

test('a container for these authorities, mirrors and plain HTTP is made with them, under a name of its own', async () => {
  await using there = await machine(
    { '': DOCKER },
    `"create --name layerwright-"*" --driver docker-container --buildkitd-config "*) /bin/cp "$7" "$HOME/toml" ;;`,
  );
  const ca = join(there.path, 'ca.pem');
  await writeFile(ca, 'one');
  const network = { ca: [ca], plainHttp: ['plain.test'], mirrors: {} };
  const { builder, notes } = await chosenWith(there.env, network);
  assert.match(builder.name, /^layerwright-[0-9a-f]{8}$/);
  assert.deepEqual([builder.origin, notes], ['made', []]);
  assert.equal(
    await readFile(join(there.path, 'toml'), 'utf8'),
    `[worker.oci]\ngc = true\n\n[registry."plain.test"]\nhttp = true\n\n[registry."r.test"]\nca = ["${ca}"]\n`,
  );
  await writeFile(ca, 'two');
  assert.notEqual((await chosenWith(there.env, network)).builder.name, builder.name, 'the content counts');
});

test("of somebody else's builder it is said that its own configuration decides", async () => {
  await using there = await machine({ testbed: REMOTE, '': REMOTE });
  const network = { ca: [], plainHttp: ['plain.test'], mirrors: { 'docker.io': ['mirror.test'] } };
  for (const name of ['testbed', undefined])
    assert.deepEqual((await chosenWith(there.env, network, name)).notes, [
      'Builder "testbed" reaches registries by its own configuration, also as to plain HTTP, mirrors',
    ]);
  assert.deepEqual((await chosenWith(there.env, emptyNetwork, 'testbed')).notes, []);
});
