import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';

const root = join(import.meta.dirname, '..', '..');

test('the example in testing.md is a test that passes', async () => {
  const page = await readFile(join(root, 'docs', 'reference', 'testing.md'), 'utf8');
  const [, example = ''] = /```js\n([\s\S]+?)```/.exec(page) ?? [];
  const source = pathToFileURL(join(root, 'src', 'testing', 'registry.ts')).href;
  const code = example.replace("'layerwright/testing'", `'${source}'`);
  assert.notEqual(code, example, 'it imports what it is about');
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'example.test.mjs');
  await writeFile(file, code);
  // Node's runner would take it for a part of this very test.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const result = await run([process.execPath, '--test', file], { env });
  assert.equal(result.exitCode, 0, result.stdout);
  assert.match(result.stdout, /pass 1\b/);
});
