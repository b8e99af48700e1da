import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonFacts } from '../../../src/python/detect/detect.ts';
import { uvConfigurations } from '../../../src/python/detect/detect-uv.ts';
import type { PythonFacts } from '../../../src/python/facts.ts';
import { DEBIAN, distribution, type Files, imageOf, launcher, OFFICIAL, SITE, VENV } from '../images.ts';

/** Facts of an image whose user's home directory is known, or not. */
function factsOf(
  files: Files,
  program: string,
  options: { env?: string[]; home?: string } = {},
): PythonFacts {
  const { env = [], home } = options;
  const result = pythonFacts({ ...imageOf(files, env), ...(home && { home }) }, program);
  assert.ok('facts' in result, JSON.stringify(result));
  return result.facts;
}

function unclearOf(files: Files, program: string, options: { env?: string[]; home?: string } = {}) {
  const { env = [], home } = options;
  const result = pythonFacts({ ...imageOf(files, env), ...(home && { home }) }, program);
  assert.ok('reason' in result, JSON.stringify(result));
  return result;
}

/** As Wolfi's Python is: packages of apk, glibc, Python in /usr. */
const WOLFI: Files = {
  lib: '-> usr/lib',
  'usr/bin/python': '-> python3.12',
  'usr/bin/python3.12': 'ELF',
  'usr/bin/pip': launcher('/usr/bin/python3.12'),
  'usr/lib/python3.12/os.py': '',
  'usr/lib/apk/db/installed':
    'P:glibc\nV:2.41-r3\n\nP:python-3.12\nV:3.12.9-r2\n\nP:python-3.12-base\nV:3.12.9-r2\n\n',
  ...distribution('usr/lib/python3.12/site-packages', 'pip', '25.0'),
};

test("Wolfi has glibc and installs into site-packages, whatever Alpine's packages are called", () => {
  const facts = factsOf(WOLFI, 'pip');
  assert.deepEqual(facts.libc, { kind: 'glibc', version: '2.41' });
  assert.deepEqual([facts.version, facts.pip], ['3.12.9', '25.0']);
  assert.equal(facts.scheme.purelib, '/usr/lib/python3.12/site-packages');
  assert.equal(facts.scheme.scripts, '/usr/bin');
  const database = `${WOLFI['usr/lib/apk/db/installed']}P:musl\nV:1.2.5-r0\n\n`;
  const both = unclearOf({ ...WOLFI, 'usr/lib/apk/db/installed': database }, 'pip');
  assert.match(both.reason, /both glibc and musl/);
});

test("distroless images have Debian's Python and lists of packages, and no pip", () => {
  const paragraph = (text: string) =>
    text.replace(/^Status: .*\n/m, '').replace('Package: libc6-dev\nVersion: 9\n\n', '');
  const [libc = '', python = ''] = (DEBIAN['var/lib/dpkg/status'] ?? '').split(/(?=Package: python)/);
  const files: Files = {
    'usr/bin/python3': '-> python3.11',
    'usr/bin/python3.11': 'ELF',
    'usr/lib/python3.11/os.py': '',
    'usr/lib/python3.11/sysconfig.py': DEBIAN['usr/lib/python3.11/sysconfig.py'],
    'var/lib/dpkg/status.d/libc6': paragraph(libc.slice(libc.indexOf('Package: libc6\n'))),
    'var/lib/dpkg/status.d/python3.11-minimal': paragraph(python),
  };
  const facts = factsOf(files, 'python3');
  assert.deepEqual([facts.version, facts.pip, facts.installed], ['3.11.2', undefined, []]);
  assert.deepEqual(facts.libc, { kind: 'glibc', version: '2.36' });
  assert.equal(facts.scheme.purelib, '/usr/local/lib/python3.11/dist-packages');
});

test('Conda is recognised in its base, in its other environments and below virtual environments, and left alone', () => {
  const conda = (prefix: string): Files => ({
    [`${prefix}/bin/python`]: '-> python3.12',
    [`${prefix}/bin/python3.12`]: 'ELF',
    [`${prefix}/bin/pip`]: launcher(`/${prefix}/bin/python`),
    [`${prefix}/conda-meta/history`]: '',
    [`${prefix}/lib/python3.12/os.py`]: '',
    'var/lib/dpkg/status': DEBIAN['var/lib/dpkg/status'],
  });
  const base = conda('opt/conda');
  const found = unclearOf(base, 'pip', { env: ['PATH=/opt/conda/bin:/usr/bin'] });
  assert.match(found.reason, /^\/opt\/conda is a Conda environment/);
  assert.match(found.hint ?? '', /official Python image/);
  const other = unclearOf({ ...base, ...conda('opt/conda/envs/app') }, '/opt/conda/envs/app/bin/python');
  assert.match(other.reason, /^\/opt\/conda\/envs\/app is a Conda environment/);
  const venv: Files = {
    'opt/venv/bin/python': '-> /opt/conda/bin/python',
    'opt/venv/pyvenv.cfg': 'home = /opt/conda/bin\ninclude-system-site-packages = false\n',
  };
  assert.match(unclearOf({ ...base, ...venv }, '/opt/venv/bin/python').reason, /Conda environment/);
});

test("a known user's packages come first; those of other users are nothing", () => {
  const site = 'home/app/.local/lib/python3.12/site-packages';
  const files: Files = {
    ...OFFICIAL,
    ...distribution(site, 'pip', '25.0'),
    ...distribution(site, 'idna', '3.10'),
  };
  const own = factsOf(files, 'pip', { home: '/home/app' });
  assert.equal(own.userBase, '/home/app/.local');
  assert.deepEqual(own.installed, [
    { name: 'idna', version: '3.10', metadata: `/${site}/idna-3.10.dist-info`, removable: true, user: true },
    { name: 'pip', version: '25.0', metadata: `/${site}/pip-25.0.dist-info`, removable: true, user: true },
  ]);
  const other = factsOf(files, 'pip', { home: '/root' });
  assert.deepEqual(
    other.installed.map(({ name, version, user }) => [name, version, user]),
    [['pip', '24.2', undefined]],
  );
  const named = factsOf(files, 'pip', { home: '/root', env: ['PYTHONUSERBASE=/home/app/.local'] });
  assert.deepEqual([named.pip, named.userBase], ['25.0', '/home/app/.local']);
  const without = factsOf(files, 'pip', { home: '/home/app', env: ['PYTHONNOUSERSITE=1'] });
  assert.deepEqual([without.pip, without.userBase], ['24.2', '/home/app/.local']);
  const venv = factsOf({ ...files, ...VENV }, '/opt/venv/bin/pip', { home: '/home/app' });
  assert.deepEqual([venv.pip, venv.userBase], ['24.1', undefined]);
  const relative = unclearOf(files, 'pip', { home: '/root', env: ['PYTHONUSERBASE=local'] });
  assert.match(relative.reason, /packages are in "local"/);
  const customised = { ...files, [`${site}/usercustomize.py`]: '' };
  assert.match(unclearOf(customised, 'pip', { home: '/home/app' }).reason, /usercustomize/);
});

test('a virtual environment may be of a Python that was put elsewhere', () => {
  const home = 'root/.local/share/uv/python/cpython-3.12.7-linux-x86_64-gnu';
  const files: Files = {
    [`${home}/bin/python3.12`]: 'ELF',
    [`${home}/lib/python3.12/os.py`]: '',
    [`${home}/include/python3.12/patchlevel.h`]: '#define PY_VERSION "3.12.7"\n',
    'var/lib/dpkg/status': DEBIAN['var/lib/dpkg/status'],
    'app/.venv/bin/python': `-> /${home}/bin/python3.12`,
    'app/.venv/pyvenv.cfg': `home = /${home}/bin\nimplementation = CPython\nuv = 0.9.30\nversion_info = 3.12.7\ninclude-system-site-packages = false\n`,
  };
  const facts = factsOf(files, '/app/.venv/bin/python');
  assert.deepEqual([facts.version, facts.venv, facts.installed], ['3.12.7', '/app/.venv', []]);
  const gone = { ...files, [`${home}/bin/python3.12`]: undefined };
  assert.match(unclearOf(gone, '/app/.venv/bin/python').reason, /not in the image/);
});

test('only settings of uv that change what it installs count', () => {
  const paths = (files: Files, env: string[] = []) => uvConfigurations(imageOf(files, env), '/root');
  const harmless = '# Whom to believe\nnative-tls = true # or not\nsystem-certs=true\n\n';
  assert.deepEqual(paths({ 'etc/uv/uv.toml': harmless }), []);
  assert.deepEqual(paths({ 'etc/uv/uv.toml': `${harmless}offline = true\n` }), ['/etc/uv/uv.toml']);
  assert.deepEqual(paths({ 'root/.config/uv/uv.toml': '[pip]\nnative-tls = true\n' }), [
    '/root/.config/uv/uv.toml',
  ]);
  const moved = { 'c/uv/uv.toml': 'offline = true', 'd/uv/uv.toml': 'offline = true' };
  assert.deepEqual(paths(moved, ['XDG_CONFIG_HOME=/c', 'XDG_CONFIG_DIRS=/x:/d']), [
    '/c/uv/uv.toml',
    '/d/uv/uv.toml',
  ]);
  assert.deepEqual(paths({ ...OFFICIAL, [`${SITE}/uv/uv.toml`]: 'offline = true' }), []);
});
