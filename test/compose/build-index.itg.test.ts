import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../support/package-index.ts';
import { SITE } from './base-image.ts';
import { codeOf, leftIn, plainDockerfile, type Workshop, workshop } from './workshop.ts';

const MODULE = { name: 'demo.py', content: 'version = "1.0"\n' };

/** It ends with this error, nothing was pushed, and nothing is left behind. */
async function fails(
  shop: Workshop,
  code: string,
  exit: number,
  words: RegExp,
  args: readonly string[] = [],
): Promise<void> {
  const result = await shop.build(args);
  assert.equal(result.exitCode, exit, result.stderr);
  assert.equal(codeOf(result), code, result.stderr);
  assert.match(result.stderr, words);
  const pushed = shop.registry.requests.filter(
    ({ method, path }) => method === 'PUT' && path === '/v2/app/manifests/1',
  );
  assert.deepEqual(pushed, []);
  assert.deepEqual(await leftIn(shop), []);
}

test('a wheel with another hash than its index says is refused', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE], { sha256: 'ab'.repeat(32) });
  await fails(shop, 'WHEEL_HASH_MISMATCH', 1, /demo-1\.0-py3-none-any\.whl has not the hash of the lock/);
});

test('a wheel that was exchanged since it was locked is refused, whatever its index says by then', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  await shop.built();
  const before = await shop.image();
  const layer = before.manifest.layers[3]?.digest as string;
  await shop.registry.blobs.remove(layer);
  shop.index.add({ name: 'demo' }, [{ ...MODULE, content: 'version = "1.1"\n' }]);
  const { exitCode, stderr } = await shop.build(['-t', `${shop.app}:2`]);
  assert.deepEqual([exitCode, codeOf({ stderr })], [1, 'WHEEL_HASH_MISMATCH'], stderr);
});

test('a hash in the requirement file outranks the index', async () => {
  await using shop = await workshop();
  const bytes = shop.index.add({ name: 'demo' }, [MODULE]);
  await shop.project.write({ 'requirements.txt': `demo==1.0 --hash=sha256:${sha256(bytes)}\n` });
  await shop.built();
  shop.index.add({ name: 'demo' }, [{ ...MODULE, content: 'evil = True\n' }]);
  await shop.project.write({
    'requirements.txt': `demo==1.0 --hash=sha256:${sha256(bytes)}\n# other lines, the same lock\n`,
  });
  assert.ok((await shop.built()).layers, 'the lock is known: nothing is asked');
  await shop.project.write({ 'requirements.txt': `demo==1.0 --hash=sha256:${'cd'.repeat(32)}\n` });
  const { exitCode, stderr } = await shop.build();
  assert.equal(exitCode, 1, stderr);
});

const INVALID: Readonly<Record<string, readonly [parts: Parameters<Workshop['index']['add']>[1], RegExp]>> = {
  'a path that leads out': [[MODULE, { name: '../../../etc/evil' }], /leads out of the wheel/],
  'an absolute path': [[MODULE, { name: '/etc/evil' }], /its path is absolute/],
  'a link': [[MODULE, { name: 'link', content: '/etc/passwd', mode: 0o120777 }], /it is a link/],
  'names that differ in case only': [[MODULE, { name: 'Demo.py' }], /in letter case only/],
  'a member that is there twice': [[MODULE, MODULE], /it is there twice/],
  'a member that is larger than it says': [
    [{ name: 'demo.py', content: Buffer.alloc(20_000_000), central: { size: 9 }, local: { size: 9 } }],
    /demo\.py/,
  ],
  'a size that cannot be': [
    [{ ...MODULE, central: { size: 0x7fffffff }, local: { size: 0x7fffffff } }],
    /cannot come out of/,
  ],
};

for (const [what, [parts, words]] of Object.entries(INVALID))
  test(`a wheel with ${what} is left to pip: nothing of it is written`, async () => {
    await using shop = await workshop();
    shop.index.add({ name: 'demo' }, parts);
    await fails(shop, 'NOT_COMPOSABLE', 1, words);
    const { stderr } = await shop.build();
    assert.match(stderr, /Dockerfile:4: RUN: demo/, 'it says where');
  });

test('without a wheel for the platform --way composed says so, and why', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo', tag: 'cp39-cp39-win_amd64' }, [MODULE]);
  await fails(
    shop,
    'NOT_COMPOSABLE',
    1,
    /Dockerfile:4: RUN: resolving by the tool of the image .* has to be run by BuildKit, once/,
  );
});

test('a version that was yanked is installed if it is pinned, as with pip, and passed over if not', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE], { yanked: 'it was a mistake' });
  shop.index.add({ name: 'demo', version: '0.9' }, [{ ...MODULE, content: 'version = "0.9"\n' }]);
  await shop.built();
  assert.ok((await shop.image()).holds(`${SITE}/demo.py`, MODULE.content));
  await shop.project.write({ 'requirements.txt': 'demo\n' });
  await shop.built();
  assert.ok((await shop.image()).holds(`${SITE}/demo.py`, 'version = "0.9"\n'));
});

test("a version that is not there, and requirements that contradict each other, are the user's", async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo', metadata: 'Requires-Dist: other<1\n' }, [MODULE]);
  shop.index.add({ name: 'other', version: '2.0' });
  shop.index.add({ name: 'other', version: '0.5' });
  await shop.project.write({ 'requirements.txt': 'demo==1.0\nother==2.0\n' });
  await fails(shop, 'LOCK_UNSATISFIABLE', 1, /no set of versions fulfils the requirements/);
  await shop.project.write({ 'requirements.txt': 'nothing-like-it==1.0\n' });
  await fails(shop, 'LOCK_UNSATISFIABLE', 1, /nothing-like-it was not found/);
});

test('an index that is down: what is known is built, what is not is temporary', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  await shop.built();
  const asked = shop.index.requests.length;
  shop.index.intercept = (_request, response) => {
    response.destroy();
    return true;
  };
  await shop.project.write({ 'app.py': 'print("changed")\n' });
  const { layers } = await shop.built();
  assert.equal(layers?.found, 3);
  assert.ok((await shop.image()).holds('app/app.py', 'print("changed")\n'));
  assert.equal(shop.index.requests.length, asked, 'nobody asked it');
  const layer = (await shop.image()).manifest.layers[3]?.digest as string;
  await shop.registry.blobs.remove(layer);
  const lost = await shop.build(['-t', `${shop.app}:2`]);
  assert.deepEqual([lost.exitCode, codeOf(lost)], [75, 'UNREACHABLE'], lost.stderr);
  await shop.project.write({ 'requirements.txt': 'demo>=1.0\n' });
  const { exitCode, stderr } = await shop.build(['-t', `${shop.app}:2`]);
  assert.deepEqual([exitCode, codeOf({ stderr })], [75, 'INDEX_UNREACHABLE'], stderr);
});

test('an index that refuses, and one that answers nonsense', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  shop.index.intercept = (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    return true;
  };
  await fails(shop, 'INDEX_DENIED', 2, /refuses the login, or wants one/);
  shop.index.intercept = (request, response) => {
    if (request.url?.includes('/files/')) return false;
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in to the guest network</html>');
    return true;
  };
  const { exitCode, stderr } = await shop.build();
  assert.ok(exitCode === 1 || exitCode === 75, stderr);
});

test('what the project, the machine or the user says of indexes to uv and pip does not matter', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  const other = 'http://127.0.0.1:9/simple';
  await shop.project.write({
    'uv.toml': `index-url = "${other}"\n[[index]]\nurl = "${other}"\ndefault = true\n`,
    'pip.conf': `[global]\nindex-url = ${other}\n`,
    'pyproject.toml': `[project]\nname = "x"\nversion = "1"\n[[tool.uv.index]]\nname = "e"\nurl = "${other}"\ndefault = true\n[tool.uv]\noverride-dependencies = ["demo==9"]\n`,
    ...{ '.env': `UV_DEFAULT_INDEX=${other}\n`, '.python-version': '3.8\n', 'demo.py': 'raise SystemExit\n' },
  });
  await shop.built([], {
    env: {
      ...{ UV_INDEX_URL: other, UV_DEFAULT_INDEX: other, UV_EXTRA_INDEX_URL: other, PIP_INDEX_URL: other },
      ...{
        UV_CONFIG_FILE: `${shop.project.path}/uv.toml`,
        UV_PYTHON: '3.8',
        UV_OFFLINE: '1',
        UV_NO_INDEX: '1',
      },
      PIP_CONFIG_FILE: `${shop.project.path}/pip.conf`,
    },
  });
  assert.ok((await shop.image()).holds(`${SITE}/demo.py`, MODULE.content));
});

test('an index that the image is configured for, whenever that came, is the one that is asked', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  const dockerfile = plainDockerfile(shop.base, shop.index.url).replace(/--index-url \S+/, '');
  const configuration = `[global]\nindex-url = ${shop.index.url}\n`;
  const ways: Readonly<Record<string, string>> = {
    'a variable': dockerfile.replace('WORKDIR', `ENV PIP_INDEX_URL=${shop.index.url}\nWORKDIR`),
    'a file that is copied before': dockerfile.replace('COPY', 'COPY pip.conf /etc/pip.conf\nCOPY'),
    'a file of the user': dockerfile.replace('COPY', 'COPY pip.conf /root/.config/pip/\nCOPY'),
    'a stage before': dockerfile.replace(
      '\n',
      ' AS configured\nCOPY pip.conf /etc/pip.conf\nFROM configured\n',
    ),
  };
  for (const [what, text] of Object.entries(ways)) {
    await shop.project.write({ Dockerfile: text, 'pip.conf': configuration });
    await shop.built();
    assert.ok((await shop.image()).holds(`${SITE}/demo.py`, MODULE.content), what);
  }
});

test('a file that configures pip in a way that is not understood leaves it to pip', async () => {
  await using shop = await workshop();
  shop.index.add({ name: 'demo' }, [MODULE]);
  await shop.project.write({
    Dockerfile: plainDockerfile(shop.base, shop.index.url).replace(
      'COPY',
      'COPY pip.conf /etc/pip.conf\nCOPY',
    ),
    'pip.conf': '[install]\nroot = /srv\n',
  });
  await fails(shop, 'NOT_COMPOSABLE', 1, /Dockerfile:5: RUN: .*root/);
  await shop.project.write({
    Dockerfile: plainDockerfile(shop.base, shop.index.url).replace(
      'COPY',
      'COPY pip.conf /srv/\nENV PIP_CONFIG_FILE=/srv/pip.conf\nCOPY',
    ),
  });
  await fails(shop, 'NOT_COMPOSABLE', 1, /Dockerfile:6: RUN: PIP_CONFIG_FILE/);
});
