import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withLayer } from '../../bench/base-image.ts';
import { DOCKERFILE, withLink } from '../../bench/peers.ts';
import { SCENARIOS } from '../../bench/sample.ts';
import { CHAT } from '../../bench/scenarios.ts';

test('every change of a scenario finds in the example what it changes, once', async () => {
  const changed: string[] = [];
  const texts = new Map<string, string>();
  const project = {
    directory: CHAT.directory,
    async change(file: string, before: string, after: string) {
      const text = texts.get(file) ?? readFileSync(join(CHAT.directory, file), 'utf8');
      assert.equal(text.split(before).length, 2, `${file} has ${before} once`);
      texts.set(file, text.replace(before, after));
      changed.push(file);
    },
  };
  for (const scenario of SCENARIOS) await CHAT.changes[scenario]?.(project);
  assert.deepEqual(changed, ['app/__init__.py', ...Array(6).fill('requirement.txt')]);
});

test('the peer with --link differs from the recipe in nothing else', () => {
  const recipe = readFileSync(join(CHAT.directory, DOCKERFILE), 'utf8');
  const linked = withLink(recipe);
  assert.equal(linked.match(/^COPY --link /gm)?.length, recipe.match(/^COPY /gm)?.length);
  assert.equal(linked.replaceAll('--link ', ''), recipe.replaceAll('--link ', ''));
  assert.equal(linked.match(/^COPY --link /gm)?.length, 4);
});

test('a patched base has one layer more, and the same Python', () => {
  const config = {
    architecture: 'amd64',
    config: { Env: ['PYTHON_VERSION=3.11.2'] },
    rootfs: { type: 'layers', diff_ids: ['sha256:a'] },
    history: [{ created_by: 'ADD rootfs.tar /' }],
  };
  assert.deepEqual(JSON.parse(withLayer(JSON.stringify(config), 'sha256:b')), {
    ...config,
    rootfs: { type: 'layers', diff_ids: ['sha256:a', 'sha256:b'] },
    history: [...config.history, { created_by: 'a patch level of the operating system' }],
  });
});
