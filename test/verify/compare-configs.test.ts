import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig, ImageConfig } from '../../src/image/oci.ts';
import { compareConfigs } from '../../src/verify/compare-configs.ts';

const CONFIG: ContainerConfig = {
  User: '1000',
  ExposedPorts: { '8000/tcp': {}, '9000/udp': {} },
  Env: ['PATH=/usr/bin', 'MODE=a=b'],
  Entrypoint: ['python'],
  Cmd: ['app.py'],
  Volumes: { '/data': {} },
  WorkingDir: '/app',
  Labels: { team: 'shop' },
  StopSignal: 'SIGINT',
  Healthcheck: { Test: ['CMD', 'true'], Interval: 5_000_000_000 },
  OnBuild: ['RUN true'],
  Shell: ['/bin/bash', '-c'],
};
const IMAGE: ImageConfig = {
  created: '2026-01-01T00:00:00Z',
  architecture: 'arm64',
  variant: 'v8',
  os: 'linux',
  config: CONFIG,
  rootfs: { type: 'layers', diff_ids: ['sha256:a'] },
  history: [{ created_by: 'RUN true' }],
};

const compared = (image: Partial<ImageConfig>, config: Partial<ContainerConfig> = {}) =>
  compareConfigs({ ...IMAGE, ...image, config: { ...CONFIG, ...config } }, IMAGE).map(
    ({ field, image: ours, plain }) => `${field}: ${ours} | ${plain}`,
  );

test('times, history, layers and the order of sets and fields are no difference', () => {
  const reordered = Object.fromEntries(Object.entries(CONFIG).toReversed()) as ContainerConfig;
  assert.deepEqual(
    compared(
      { created: '2020-01-01T00:00:00Z', history: [], rootfs: { type: 'layers', diff_ids: [] } },
      {
        ...reordered,
        ExposedPorts: { '9000/udp': {}, '8000/tcp': {} },
        Healthcheck: { Interval: 5_000_000_000, Test: ['CMD', 'true'], Retries: 0 },
      },
    ),
    [],
  );
});

test('empty and not set are the same, but for a healthcheck', () => {
  const bare: ImageConfig = { ...IMAGE, config: {} };
  const empty = { User: '', Env: [], Cmd: [], Labels: {}, Volumes: {}, WorkingDir: '' };
  assert.deepEqual(compareConfigs({ ...bare, config: empty }, bare), []);
  assert.deepEqual(
    compareConfigs({ ...bare, config: { Healthcheck: {} } }, bare).map(({ field }) => field),
    ['Healthcheck'],
  );
});

const CHANGES: readonly (readonly [Partial<ContainerConfig>, string])[] = [
  [{ User: 'root' }, 'User: "root" | "1000"'],
  [{ ExposedPorts: { '8000/tcp': {} } }, 'ExposedPorts: ["8000/tcp"] | ["8000/tcp","9000/udp"]'],
  [{ Env: ['PATH=/usr/bin', 'MODE=a'] }, 'Env MODE: "a" | "a=b"'],
  [{ Env: ['PATH=/usr/bin'] }, 'Env MODE: null | "a=b"'],
  [{ Env: [...(CONFIG.Env ?? []), 'MORE='] }, 'Env MORE: "" | null'],
  [{ Entrypoint: ['python3'] }, 'Entrypoint: ["python3"] | ["python"]'],
  [{ Cmd: [] }, 'Cmd: null | ["app.py"]'],
  [{ Volumes: {} }, 'Volumes: null | ["/data"]'],
  [{ WorkingDir: '/' }, 'WorkingDir: "/" | "/app"'],
  [{ Labels: { team: 'Shop' } }, 'Labels team: "Shop" | "shop"'],
  [{ StopSignal: 'SIGTERM' }, 'StopSignal: "SIGTERM" | "SIGINT"'],
  [{ OnBuild: [] }, 'OnBuild: null | ["RUN true"]'],
  [{ Shell: ['/bin/sh', '-c'] }, 'Shell: ["/bin/sh","-c"] | ["/bin/bash","-c"]'],
];

for (const [change, expected] of CHANGES)
  test(`the setting is found: ${expected}`, () => assert.deepEqual(compared({}, change), [expected]));

test('a healthcheck of another command, time or number of tries is found', () => {
  for (const change of [
    { Test: ['CMD', 'false'] },
    { Interval: 1 },
    { Timeout: 1 },
    { StartPeriod: 1 },
    { StartInterval: 1 },
    { Retries: 1 },
  ]) {
    const found = compared({}, { Healthcheck: { ...CONFIG.Healthcheck, ...change } });
    assert.deepEqual([found.length, found[0]?.split(':')[0]], [1, 'Healthcheck'], JSON.stringify(change));
  }
});

test('another architecture, variant and system are found', () => {
  assert.deepEqual(compared({ architecture: 'amd64' }), ['architecture: "amd64" | "arm64"']);
  assert.deepEqual(compared({ os: 'windows' }), ['os: "windows" | "linux"']);
  assert.deepEqual(compared({ variant: '' }), ['variant: null | "v8"']);
});
