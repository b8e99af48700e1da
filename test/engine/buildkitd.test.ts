import assert from 'node:assert/strict';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { daemonEnvironment, shortSocketPath, startBuildkitd } from '../../src/engine/buildkitd.ts';
import { buildkitdConfig } from '../../src/engine/buildkitd-config.ts';
import { parseMountinfo } from '../../src/engine/buildkitd-mounts.ts';
import { hasIdRange } from '../../src/engine/buildkitd-rootless.ts';
import type { BuildkitTools, Tool } from '../../src/engine/find.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';

function tool(path: string): Tool {
  return { name: path, command: [path], path, version: '1.0.0', from: 'path' };
}

const tools: BuildkitTools = {
  buildkitd: tool('/opt/buildkit/bin/buildkitd'),
  buildctl: tool('/opt/buildkit/bin/buildctl'),
  runtime: tool('/usr/bin/runc'),
};

test('the configuration lists registries with their mirrors', () => {
  assert.equal(buildkitdConfig(), '[worker.oci]\ngc = true\n');
  assert.equal(
    buildkitdConfig({
      debug: true,
      registries: [
        { host: 'docker.io', mirrors: ['127.0.0.1:5000', 'mirror.example/"odd"'] },
        { host: '127.0.0.1:5000', http: true, insecure: true },
        { host: 'registry.example', ca: ['/etc/ca.pem'] },
      ],
    }),
    `debug = true

[worker.oci]
gc = true

[registry."docker.io"]
mirrors = ["127.0.0.1:5000", "mirror.example/\\"odd\\""]

[registry."127.0.0.1:5000"]
http = true
insecure = true

[registry."registry.example"]
ca = ["/etc/ca.pem"]
`,
  );
});

test('the daemon gets proxies and certificates, and no credentials', () => {
  assert.deepEqual(
    daemonEnvironment(
      {
        PATH: '/usr/bin',
        HOME: '/root',
        https_proxy: 'http://proxy:3128',
        SSL_CERT_FILE: '/ca.pem',
        AWS_SECRET_ACCESS_KEY: 's3cret',
        GITHUB_TOKEN: 's3cret',
        DOCKER_AUTH_CONFIG: 's3cret',
      },
      tools,
    ),
    {
      PATH: '/opt/buildkit/bin:/usr/bin',
      HOME: '/root',
      https_proxy: 'http://proxy:3128',
      SSL_CERT_FILE: '/ca.pem',
    },
  );
});

test('a long socket path is replaced by a short one in a private directory', async () => {
  await using runtime = await temporaryDirectory();
  const host = testHost({ env: { XDG_RUNTIME_DIR: runtime.path } });
  assert.equal(await shortSocketPath(host, '/run/b.sock'), '/run/b.sock');
  const deep = `/${'deep/'.repeat(30)}b.sock`;
  const short = await shortSocketPath(host, deep);
  assert.ok(short.startsWith(`${runtime.path}/`) && short.endsWith('/b.sock') && short.length <= 103);
  assert.equal(await shortSocketPath(host, deep), short, 'the same for the same place');
  assert.notEqual(await shortSocketPath(host, `/other${deep}`), short);
  assert.equal((await stat(dirname(short))).mode & 0o777, 0o700);

  await chmod(dirname(short), 0o777);
  await assert.rejects(
    shortSocketPath(host, deep),
    (error) => error instanceof LayerwrightError && error.code === 'SOCKET_DIRECTORY_UNSAFE',
  );
});

test('a socket path that the kernel would refuse is refused by name', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'root'));
  const options = {
    tools,
    root: join(directory.path, 'root'),
    socket: join(directory.path, 'x'.repeat(100), 'b.sock'),
    configToml: '',
    logFile: join(directory.path, 'log'),
  };
  await assert.rejects(
    startBuildkitd(testHost(), options),
    (error) => error instanceof LayerwrightError && error.code === 'SOCKET_PATH_TOO_LONG' && error.exit === 2,
  );
});

test('mount points are read with their escapes', () => {
  const text = [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '90 22 0:55 / /tmp/with\\040space/rootfs rw shared:7 master:2 - overlay overlay rw,lowerdir=/a:/b,upperdir=/tmp/with\\040space/1/fs',
    '91 22 254:0 /data /mnt rw - ext4 /dev/vda rw',
    '',
  ].join('\n');
  assert.deepEqual(parseMountinfo(text), [
    { root: '/', mountPoint: '/', options: 'rw' },
    {
      root: '/',
      mountPoint: '/tmp/with space/rootfs',
      options: 'rw,lowerdir=/a:/b,upperdir=/tmp/with space/1/fs',
    },
    { root: '/data', mountPoint: '/mnt', options: 'rw' },
  ]);
});

test('an id range counts if it is the user’s and large enough', () => {
  const text = 'root:1:65536\nann:100000:65536\n1001:200000:65536\nbob:300000:1000\n';
  assert.equal(hasIdRange(text, 'ann', 1000), true);
  assert.equal(hasIdRange(text, 'eve', 1001), true);
  assert.equal(hasIdRange(text, 'bob', 1002), false);
  assert.equal(hasIdRange('', 'ann', 1000), false);
});
