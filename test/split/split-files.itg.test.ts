import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { ExplainResult } from '../../src/report/explain-result.ts';
import type { PlanResult } from '../../src/report/plan-result.ts';
import { built, layerwright, testbedVariable } from '../commands/launch.ts';
import { readImage } from '../compose/workshop.ts';
import { type LocalProject, localProject, SITE } from './local-project.ts';

const own = `${testbedVariable('LW_REGISTRY')}/split-files-${randomUUID().slice(0, 8)}`;
const LIMIT = { timeout: 400_000 };

async function assertVerified(reference: string, { path }: LocalProject): Promise<void> {
  const { exitCode, stdout, stderr } = await layerwright(['verify', reference, path]);
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`);
}

async function told<T>(verb: 'plan' | 'explain', reference: string, { path }: LocalProject): Promise<T> {
  const { exitCode, stdout, stderr } = await layerwright([verb, '--json', '-t', reference, path]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as T;
}

test(
  'set-user-ID, odd modes and owners, links of both kinds, what is removed of the base: laid out, and equal to a plain build',
  LIMIT,
  async () => {
    const reference = `${own}/modes:1`;
    const more = [
      'cp /bin/true /usr/local/bin/as-root && chmod 6755 /usr/local/bin/as-root',
      'install -d -m 3770 -o nobody -g nogroup /var/spool/app',
      `ln /${SITE}/alpha/data.bin /${SITE}/beta/alias.bin`,
      `ln /${SITE}/alpha/data.bin /opt/alias.bin`,
      'ln -s ../as-root /usr/local/bin/link && chown -h nobody /usr/local/bin/link',
      'rm -r /usr/share/doc/bash && rm /usr/bin/env && mkdir /usr/bin/env',
    ].join(' && ');
    await using project = await localProject({ more });
    const { segments } = await built(['--push', '-t', reference, project.path]);
    assert.deepEqual(
      segments.map(({ kind }) => kind).filter((kind) => kind !== 'composed'),
      ['split'],
    );
    const { tree } = await readImage(reference);
    assert.equal(tree.entries.get('usr/local/bin/as-root')?.mode, 0o6755);
    assert.equal(tree.entries.get('usr/bin/env')?.type, 'directory');
    await assertVerified(reference, project);
  },
);

const WHOLE: Readonly<Record<string, readonly [command: string, reason: RegExp, path: string]>> = {
  'a capability': [
    `cp /bin/true /opt/ping && python3 -c "import os; os.setxattr('/opt/ping', 'security.capability', bytes([1, 0, 0, 2, 0, 32] + [0] * 14))"`,
    /^\/opt\/ping has extended attributes$/,
    'opt/ping',
  ],
  'a device': ['mknod -m 666 /opt/null c 1 3', /^\/opt\/null is a device or a pipe$/, 'opt/null'],
};

for (const [what, [more, reason, path]] of Object.entries(WHOLE))
  test(
    `${what} in what was run: its layers stay as they are, equal to a plain build, and this is told from then on`,
    LIMIT,
    async () => {
      const reference = `${own}/whole-${path.replace('/', '-')}:1`;
      await using project = await localProject({ more });
      assert.deepEqual(
        (await told<PlanResult>('plan', reference, project)).segments.map(({ kind, state }) => [kind, state]),
        [
          ['split', 'missing'],
          ['composed', 'composed'],
        ],
      );
      const reasons = ({ segments }: { segments: readonly { notSplit?: { reason: string } }[] }) =>
        segments.flatMap(({ notSplit }) => notSplit?.reason ?? []);
      const first = await built(['--push', '-t', reference, project.path]);
      assert.match(reasons(first).join(), reason);
      assert.ok((await readImage(reference)).tree.entries.has(path));
      await assertVerified(reference, project);
      const second = await built(['--push', '-t', reference, project.path]);
      assert.equal(second.builder, null);
      assert.match(reasons(second).join(), reason, 'kept with the state that the build begins from');
      await project.writeText('app.py', 'import alpha\n');
      assert.match(reasons(await told<PlanResult>('plan', reference, project)).join(), reason);
      const { solved } = await told<ExplainResult>('explain', reference, project);
      assert.deepEqual(
        solved.map(({ state, notSplit }) => [state, reason.test(notSplit?.reason ?? '')]),
        [['there', true]],
      );
    },
  );

test(
  'a cache that pip leaves in the image has a word said about it, and is in no layer of a distribution',
  LIMIT,
  async () => {
    // What pip does with what an index lets it keep.
    const cache = 'mkdir -p /root/.cache/pip/http && cp /wheels/*.whl /root/.cache/pip/http/';
    const reference = `${own}/cached:1`;
    await using project = await localProject({ more: cache });
    const { exitCode, stderr } = await layerwright(['build', '--push', '-t', reference, project.path]);
    assert.equal(exitCode, 0, stderr);
    assert.match(
      stderr,
      /^RUN in line 3 leaves 2 MB of caches in the image: pip install --no-cache-dir, or RUN --mount=type=cache/m,
    );
    const { tree } = await readImage(reference);
    const layersOf = (pattern: RegExp) =>
      new Set(
        [...tree.entries.values()]
          .filter(({ path, type }) => type === 'file' && pattern.test(path))
          .map(({ layer }) => layer),
      );
    const cached = layersOf(/^root\/\.cache\//);
    assert.equal(cached.size, 1);
    const installed = layersOf(/site-packages\/(?:alpha|beta|gamma)\//);
    assert.ok([...installed].every((layer) => !cached.has(layer)));
  },
);
