import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { config } from '../../src/commands/config.ts';
import { configurationFor, configure } from '../../src/commands/configure.ts';
import { KEY_NAMES, MACHINE_VARIABLES } from '../../src/config/keys.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';

const FILE = `build:
  tags:
    - shop/web:1
    - shop/web:a-tag-that-is-longer-than-the-column-of-values
  buildArgs: { NPM_TOKEN: hunter2, PIP_INDEX_URL: "https://u:hunter2@pypi.example.com/" }
store: s3://bucket
`;

/** A directory with a configuration file, as a machine with this environment sees it. */
async function project(t: TestContext, env: NodeJS.ProcessEnv = {}, text = FILE) {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const path = join(directory.path, 'layerwright.yml');
  await writeFile(path, text);
  const host = testHost({ env, cwd: directory.path });
  const asked = (given: Record<string, unknown> = {}) => ({ context: '.', options: given, given });
  const shown = async (given: Record<string, unknown> = {}, options: { all?: boolean } = {}) =>
    config(host, await configurationFor(host, asked(given)), options);
  return { host, asked, path, shown };
}

test('each value that somebody gave, and where it comes from; no credential', async (t) => {
  const env = {
    LAYERWRIGHT_STORE: 's3://other',
    LAYERWRIGHT_CACHE_DIR: '/c',
    LAYERWRIGHT_DOWNLOAD_BASE: 'https://u:hunter2@mirror.example.com/',
  };
  const { path, shown } = await project(t, env);
  const { record, text } = await shown({ push: true });
  assert.deepEqual(text.split('\n'), [
    `Configuration file: ${path}`,
    '',
    'build.buildArgs.NPM_TOKEN      ***                              layerwright.yml:5',
    'build.buildArgs.PIP_INDEX_URL  https://***@pypi.example.com/    layerwright.yml:5',
    'build.tags                     shop/web:1                       layerwright.yml:2',
    '                               shop/web:a-tag-that-is-longer-than-the-column-of-values',
    'build.push                     true                             --push',
    'store                          s3://other                       LAYERWRIGHT_STORE',
    'LAYERWRIGHT_CACHE_DIR          /c                               LAYERWRIGHT_CACHE_DIR',
    'LAYERWRIGHT_DOWNLOAD_BASE      https://***@mirror.example.com/  LAYERWRIGHT_DOWNLOAD_BASE',
    '',
  ]);
  assert.ok(!JSON.stringify(record).includes('hunter2'));
  assert.deepEqual(record.settings[2], {
    name: 'build.tags',
    value: ['shop/web:1', 'shop/web:a-tag-that-is-longer-than-the-column-of-values'],
    from: 'file',
    source: 'layerwright.yml:2',
  });
});

test('--all has every setting and every variable of the machine', async (t) => {
  const { shown } = await project(t, {}, '');
  const { record, text } = await shown({}, { all: true });
  assert.deepEqual(
    record.settings.map(({ name }) => name),
    [...KEY_NAMES, ...Object.keys(MACHINE_VARIABLES)],
  );
  assert.match(text, /^build\.compression +zstd +default$/m);
  assert.match(text, /^store +- +not set$/m);
  assert.match((await shown()).text, /^Configuration file: .*, and no flag or variable: all defaults/);
});

test('an untrusted build: what is ignored is told, and is not among the settings', async (t) => {
  const { host, shown } = await project(t, { CODEBUILD_BUILD_ID: 'x', CODEBUILD_WEBHOOK_TRIGGER: 'pr/7' });
  const { record, text } = await shown();
  assert.equal(record.trust, 'untrusted');
  assert.deepEqual(
    record.ignored.map(({ name }) => name),
    ['build.tags', 'store'],
  );
  assert.ok(record.settings.every(({ name }) => name.startsWith('build.buildArgs.')));
  assert.match(text, /\nIgnored: build\.tags \(layerwright\.yml:2\)\n/);
  assert.equal(host.written.talk.match(/^warning: layerwright\.yml:\d+: .* is ignored/gm)?.length, 2);
});

test('warnings are not told with --progress quiet, but are in the record', async (t) => {
  const { host, shown } = await project(t, { LAYERWRIGHT_STOER: 'x' });
  const { record } = await shown({ progress: 'quiet' });
  assert.equal(host.written.talk, '');
  assert.deepEqual(record.warnings, [
    'the variable LAYERWRIGHT_STOER has no meaning; did you mean LAYERWRIGHT_STORE?',
  ]);
});

test('the network of the machine is as it is configured', async (t) => {
  const text = 'network:\n  plainHttp: [r:5000]\n  mirrors: { docker.io: [m] }\n';
  const { host, asked } = await project(t, {}, text);
  assert.deepEqual((await configure(host, asked())).host.network, {
    ca: [],
    plainHttp: ['r:5000'],
    mirrors: { 'docker.io': ['m'] },
  });
  await assert.rejects(configure(host, asked({ ca: ['no.pem'] })), /no\.pem cannot be used as certificate/);
});
