import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { canonicalCode } from '../../src/verify/marshal.ts';

/** Compiles modules of Python's library; for each as it is, and with one constant altered: as a bytecode file has it, and without references. */
const COMPILE = `
import base64, glob, importlib.util, json, marshal, os, struct, sysconfig
library = sysconfig.get_paths()['stdlib']
magic = struct.unpack('<H', importlib.util.MAGIC_NUMBER[:2])[0]
found = []
for path in sorted(glob.glob(library + '/*.py') + glob.glob(library + '/asyncio/*.py'))[:220]:
    code = compile(open(path, 'rb').read(), path, 'exec')
    consts = tuple(one + 1 if type(one) is int else one for one in code.co_consts) + ('more',)
    other = code.replace(co_consts=consts)
    found.append([base64.b64encode(marshal.dumps(one, version)).decode() for one in (code, other) for version in (4, 2)])
print(json.dumps({'magic': magic, 'found': found}))
`;

test("the canonical form tells what Python's own marshal tells, for all of Python's library", async () => {
  const { stdout, exitCode, stderr } = await run(['python3', '-I', '-S', '-c', COMPILE]);
  assert.equal(exitCode, 0, stderr);
  const { magic, found } = JSON.parse(stdout) as { magic: number; found: [string, string, string, string][] };
  assert.ok(found.length > 150);
  const seen = new Set<string>();
  for (const texts of found) {
    const [code, plain, other, otherPlain] = texts.map((text) => {
      const canonical = canonicalCode(Buffer.from(text, 'base64'), magic);
      assert.ok(canonical, 'it can be read');
      return canonical.toString('base64');
    });
    assert.equal(code, plain);
    assert.equal(other, otherPlain);
    assert.notEqual(code, other);
    seen.add(code as string);
  }
  assert.equal(seen.size, found.length, 'no two modules are the same');
});
