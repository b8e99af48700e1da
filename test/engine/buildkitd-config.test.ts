import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildkitdConfig, registrySettings, withRegistries } from '../../src/engine/buildkitd-config.ts';
import { emptyNetwork } from '../../src/host/network.ts';

test('network settings as buildkitd knows them, by registry', () => {
  assert.deepEqual(registrySettings(emptyNetwork, ['docker.io']), []);
  const network = {
    ca: ['/ca.pem'],
    plainHttp: ['plain.test'],
    mirrors: { 'docker.io': ['mirror.test/hub', '127.0.0.1:5000'] },
  };
  assert.deepEqual(registrySettings(network, ['r.test', 'docker.io', 'plain.test']), [
    { host: '127.0.0.1:5000', http: true },
    { host: 'docker.io', mirrors: ['mirror.test/hub', '127.0.0.1:5000'], ca: ['/ca.pem'] },
    { host: 'mirror.test', ca: ['/ca.pem'] },
    { host: 'plain.test', http: true },
    { host: 'r.test', ca: ['/ca.pem'] },
  ]);
  assert.match(
    buildkitdConfig({ registries: registrySettings(network, []) }),
    /\n\[registry\."docker\.io"\]\nmirrors = \["mirror\.test\/hub", "127\.0\.0\.1:5000"\]\nca = \["\/ca\.pem"\]\n/,
  );
});

test('a configuration that is there keeps its own word on a registry, and gets the others at its end', () => {
  const own = '[registry."docker.io"]\n  mirrors = ["own.test"]\n[worker.oci]\n  gc = false\n';
  const added = [
    { host: 'docker.io', mirrors: ['mirror.test'] },
    { host: 'plain.test', http: true },
  ];
  assert.equal(withRegistries(own, added), `${own.trimEnd()}\n\n[registry."plain.test"]\nhttp = true\n`);
  assert.equal(withRegistries(own, []), own);
  assert.equal(withRegistries("[registry.'docker.io']\n", added.slice(0, 1)), "[registry.'docker.io']\n");
});
