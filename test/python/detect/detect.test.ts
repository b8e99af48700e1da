import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonFacts } from '../../../src/python/detect/detect.ts';
import type { PythonFacts } from '../../../src/python/facts.ts';
import { DEBIAN, distribution, type Files, imageOf, launcher, OFFICIAL, SITE, VENV } from '../images.ts';

function factsOf(files: Files, program: string, env: readonly string[] = []): PythonFacts {
  const result = pythonFacts(imageOf(files, env), program);
  assert.ok('facts' in result, JSON.stringify(result));
  return result.facts;
}

function reasonOf(files: Files, program = 'python', env: readonly string[] = []): string {
  const result = pythonFacts(imageOf(files, env), program);
  return 'reason' in result ? result.reason : JSON.stringify(result.facts);
}

test('the official layout: everything below /usr/local', () => {
  const pip = `/${SITE}/pip-24.2.dist-info`;
  assert.deepEqual(factsOf(OFFICIAL, 'pip'), {
    executable: '/usr/local/bin/python3.12',
    version: '3.12.7',
    cacheTag: 'cpython-312',
    scheme: {
      ...{ purelib: `/${SITE}`, platlib: `/${SITE}`, headers: '/usr/local/include/python3.12' },
      ...{ scripts: '/usr/local/bin', data: '/usr/local' },
    },
    libc: { kind: 'glibc', version: '2.36' },
    architecture: 'amd64',
    installed: [{ name: 'pip', version: '24.2', metadata: pip, removable: true }],
    pip: '24.2',
    externallyManaged: false,
    venv: undefined,
  });
});

test('the executable is what was called, as sys.executable says, and for pip what its shebang says', () => {
  const calls = [
    ['python', '/usr/local/bin/python'],
    ['python3', '/usr/local/bin/python3'],
    ['/usr/local/bin/python3.12', '/usr/local/bin/python3.12'],
    ['pip', '/usr/local/bin/python3.12'],
    ['uv', '/usr/local/bin/python'],
  ];
  for (const [program = '', executable] of calls)
    assert.equal(factsOf(OFFICIAL, program).executable, executable);
  const env = { ...OFFICIAL, 'usr/local/bin/pip': launcher('/usr/bin/env python3') };
  assert.equal(factsOf(env, 'pip').executable, '/usr/local/bin/python3');
  const both = { ...OFFICIAL, ...DEBIAN, 'var/lib/dpkg/status': DEBIAN['var/lib/dpkg/status'] };
  assert.equal(factsOf(both, 'python3', ['PATH=/bin:/usr/local/bin']).executable, '/bin/python3');
  assert.equal(
    factsOf(both, 'python3', ['PATH=/none:/usr/local/bin:/bin']).executable,
    '/usr/local/bin/python3',
  );
});

test("Debian's layout: pip installs below /usr/local, sees Debian's packages and cannot remove them", () => {
  const facts = factsOf(DEBIAN, 'pip');
  assert.deepEqual(facts.scheme, {
    purelib: '/usr/local/lib/python3.11/dist-packages',
    platlib: '/usr/local/lib/python3.11/dist-packages',
    headers: '/usr/include/python3.11',
    scripts: '/usr/local/bin',
    data: '/usr/local',
  });
  assert.deepEqual(
    [facts.executable, facts.version, facts.pip, facts.externallyManaged],
    ['/usr/bin/python3', '3.11.2', '23.0.1', true],
  );
  assert.deepEqual(
    facts.installed.map(({ name, version, removable }) => [name, version, removable]),
    [
      ['pip', '23.0.1', false],
      ['wheel', '0.38.4', false],
    ],
  );
  const own = factsOf(
    { ...DEBIAN, ...distribution('usr/local/lib/python3.11/dist-packages', 'Pip', '24.0') },
    'pip',
  );
  assert.deepEqual([own.pip, own.installed[0]?.removable], ['24.0', true], 'the first of sys.path counts');
});

test('a virtual environment has its own directories and nothing of the system', () => {
  const files = { ...OFFICIAL, ...VENV, 'usr/local/lib/python3.12/EXTERNALLY-MANAGED': '' };
  for (const [program, env, executable] of [
    ['/opt/venv/bin/pip', [], '/opt/venv/bin/python'],
    ['pip', ['PATH=/usr/bin', 'PATH=/opt/venv/bin:/usr/local/bin'], '/opt/venv/bin/python'],
    ['python3', ['PATH=/opt/venv/bin:/usr/local/bin'], '/opt/venv/bin/python3'],
  ] as const) {
    const facts = factsOf(files, program, env);
    const site = '/opt/venv/lib/python3.12/site-packages';
    assert.deepEqual(facts.scheme, {
      ...{ purelib: site, platlib: site, headers: '/opt/venv/include/site/python3.12' },
      ...{ scripts: '/opt/venv/bin', data: '/opt/venv' },
    });
    assert.deepEqual([facts.executable, facts.venv, facts.version], [executable, '/opt/venv', '3.12.7']);
    assert.deepEqual([facts.pip, facts.externallyManaged, facts.installed.length], ['24.1', false, 1]);
  }
  assert.equal(
    factsOf(files, 'uv', ['PATH=/opt/venv/bin:/usr/local/bin']).executable,
    '/usr/local/bin/python',
  );
  const bare = Object.fromEntries(
    Object.entries(files).filter(([path]) => !/venv\/(?:bin\/pip|lib)/.test(path)),
  );
  assert.equal(factsOf(bare, '/opt/venv/bin/python').pip, undefined, 'made by uv, or without pip');
});

test("Alpine's C library is musl, and its Python installs into site-packages", () => {
  const apk = 'C:Q1x=\nP:musl\nV:1.2.5-r9\n\nC:Q1y=\nP:python3\nV:3.12.8-r1\n\n';
  const official = { ...OFFICIAL, 'var/lib/dpkg/status': undefined, 'lib/apk/db/installed': apk };
  assert.deepEqual(factsOf(official, 'pip').libc, { kind: 'musl', version: '1.2' });
  const own = {
    ...{ 'usr/bin/python3': '-> python3.12', 'usr/bin/python3.12': 'ELF', 'usr/lib/python3.12/os.py': '' },
    ...{ 'usr/lib/python3.12/site-packages/': '', 'usr/lib/apk/db/installed': apk },
  };
  const facts = factsOf(own, 'python3');
  assert.deepEqual(
    [facts.scheme.purelib, facts.scheme.scripts, facts.version],
    ['/usr/lib/python3.12/site-packages', '/usr/bin', '3.12.8'],
  );
});

test('versions come from packages and headers, the C library from packages or the name of its file', () => {
  const without = { ...OFFICIAL, 'usr/local/include/python3.12/patchlevel.h': undefined };
  assert.equal(factsOf(without, 'python', ['PYTHON_VERSION=3.12.1']).version, '3.12.1');
  assert.match(reasonOf(without), /version of \/usr\/local's Python 3.12 is not known/);
  assert.match(reasonOf(without, 'python', ['PYTHON_VERSION=3.11.1']), /of the version 3.11.1/);
  const candidate = {
    ...OFFICIAL,
    'usr/local/include/python3.12/patchlevel.h': '#define PY_VERSION "3.12.0rc1"\n',
  };
  assert.match(reasonOf(candidate), /of the version 3.12.0rc1/);
  const old = { ...OFFICIAL, 'var/lib/dpkg/status': undefined, 'lib64/libc-2.26.so': '' };
  assert.deepEqual(factsOf(old, 'python').libc, { kind: 'glibc', version: '2.26' });
  assert.match(reasonOf({ ...OFFICIAL, 'var/lib/dpkg/status': undefined }), /C library/);
  const removed = `Package: libc6\nStatus: deinstall ok config-files\nVersion: 2.36-9\n`;
  assert.match(reasonOf({ ...OFFICIAL, 'var/lib/dpkg/status': removed }), /C library/);
  const distroless = {
    ...OFFICIAL,
    'var/lib/dpkg/status': undefined,
    'var/lib/dpkg/status.d/libc6': 'Package: libc6\nVersion: 1:2.41-1\n',
  };
  assert.equal(factsOf(distroless, 'python').libc.version, '2.41');
});

test('what is installed is read from metadata, else from the name of its directory', () => {
  const files = {
    ...OFFICIAL,
    ...distribution(SITE, 'Foo.Bar_baz', '1.0'),
    [`${SITE}/big-2.0.dist-info/`]: '',
    [`${SITE}/old_one-3.1-py3.12.egg-info`]: 'Metadata-Version: 1.0\nName: old-one\nVersion: 3.1\n',
  };
  const image = imageOf({ ...files, [`${SITE}/big-2.0.dist-info/METADATA`]: 'x' });
  const contents = new Map([...image.contents].filter(([path]) => !path.includes('big-2.0')));
  const result = pythonFacts({ ...image, contents }, 'pip');
  assert.deepEqual(
    'facts' in result &&
      result.facts.installed.map(({ name, version, removable }) => [name, version, removable]),
    [
      ['big', '2.0', false],
      ['foo-bar-baz', '1.0', true],
      ['old-one', '3.1', false],
      ['pip', '24.2', true],
    ],
  );
});

test('known files that run at the start of Python are no obstacle', () => {
  const files = {
    ...OFFICIAL,
    [`${SITE}/distutils-precedence.pth`]:
      "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim(); ",
    [`${SITE}/_virtualenv.pth`]: 'import _virtualenv',
    [`${SITE}/Paste-3.10.1-nspkg.pth`]:
      "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('paste',));importlib = __import__('importlib.util');__import__('importlib.machinery');m = sys.modules.setdefault('paste', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('paste', [os.path.dirname(p)])));m = m or sys.modules.setdefault('paste', types.ModuleType('paste'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)\n",
    [`${SITE}/protobuf-3.20.0-nspkg.pth`]:
      "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google',));importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');m = has_mfs and sys.modules.setdefault('google', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('google', [os.path.dirname(p)])));m = m or sys.modules.setdefault('google', types.ModuleType('google'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)\n",
  };
  assert.equal(factsOf(files, 'pip').pip, '24.2');
  assert.equal(factsOf(files, 'pip', ['PYTHONPATH=/app:lib', 'PYTHONUNBUFFERED=1']).pip, '24.2');
});

test('what is not surely understood is a reason', () => {
  const pipOf = (text: string) => ({ ...OFFICIAL, 'usr/local/bin/pip': text });
  const venv = (text: string) => ({ ...OFFICIAL, ...VENV, 'opt/venv/pyvenv.cfg': text });
  const inSite = (name: string, text = '') => ({ ...OFFICIAL, [`${SITE}/${name}`]: text });
  const cases: readonly (readonly [Files, string, readonly string[], RegExp])[] = [
    [OFFICIAL, 'python2', [], /not in the image's PATH/],
    [OFFICIAL, 'sh', [], /not in the image's PATH/],
    [{ ...OFFICIAL, 'bin/sh': '' }, 'sh', [], /neither Python nor pip/],
    [OFFICIAL, '/opt/python', [], /not in the image/],
    [OFFICIAL, './python', [], /relative/],
    [OFFICIAL, '/usr/local/bin/../bin/python', [], /plain/],
    [OFFICIAL, 'python', ['PATH=bin:/usr/local/bin'], /PATH has "bin"/],
    [OFFICIAL, 'python', ['PATH=/usr/local/bin/'], /PATH has/],
    [OFFICIAL, 'python', ['PYTHONHOME=/x'], /PYTHONHOME is set/],
    [OFFICIAL, 'pip', ['PYTHONOPTIMIZE=1'], /PYTHONOPTIMIZE/],
    [OFFICIAL, 'uv', ['UV_PYTHON=3.11'], /UV_PYTHON/],
    [{}, 'uv', [], /no Python/],
    [pipOf('#!/bin/sh\nexec python3 -m pip "$@"\n'), 'pip', [], /not pip's own launcher/],
    [pipOf(`${launcher('/usr/local/bin/python')}import evil\n`), 'pip', [], /not pip's own launcher/],
    [pipOf(launcher('/usr/local/bin/python -I')), 'pip', [], /options/],
    [pipOf(launcher('/usr/local/bin/gone')), 'pip', [], /not in the image/],
    [
      { ...OFFICIAL, 'usr/local/bin/python3.12': '-> /opt/pypy/bin/pypy3', 'opt/pypy/bin/pypy3': '' },
      'python',
      [],
      /no CPython/,
    ],
    [
      { ...OFFICIAL, 'usr/local/bin/python3': '-> python3.7', 'usr/local/bin/python3.7': '' },
      'python',
      [],
      /no CPython 3.8 to 3.14/,
    ],
    [
      { ...OFFICIAL, 'usr/local/bin/python3': '-> python3.13t', 'usr/local/bin/python3.13t': '' },
      'python',
      [],
      /no CPython/,
    ],
    [{ ...OFFICIAL, 'usr/local/conda-meta/history': '' }, 'python', [], /Conda/],
    [{ ...OFFICIAL, 'usr/local/lib/python3.12/os.py': undefined }, 'python', [], /standard library/],
    [{ ...OFFICIAL, 'lib/apk/db/installed': 'P:musl\nV:1.2.5-r0\n' }, 'python', [], /Debian's and Alpine's/],
    [{ ...OFFICIAL, 'usr/local/bin/pyvenv.cfg': '' }, 'python', [], /pyvenv.cfg/],
    [
      venv('home = /usr/local/bin\ninclude-system-site-packages = true\n'),
      '/opt/venv/bin/pip',
      [],
      /system's packages/,
    ],
    [venv('home = /usr/local/bin\n'), '/opt/venv/bin/pip', [], /system's packages/],
    [
      venv('home = /usr/bin\ninclude-system-site-packages = false\n'),
      '/opt/venv/bin/pip',
      [],
      /says \/usr\/bin, but/,
    ],
    [venv('include-system-site-packages = false\n'), '/opt/venv/bin/pip', [], /no home/],
    [
      venv('implementation = PyPy\nhome = /usr/local/bin\ninclude-system-site-packages = false\n'),
      '/opt/venv/bin/pip',
      [],
      /PyPy/,
    ],
    [
      { ...OFFICIAL, ...VENV, 'opt/venv/lib/python3/dist-packages/x': '' },
      '/opt/venv/bin/pip',
      [],
      /in the virtual environment/,
    ],
    [{ ...DEBIAN, 'usr/lib/python3.11/sysconfig.py': 'posix_prefix' }, 'pip', [], /not known/],
    [DEBIAN, 'pip', ['DEB_PYTHON_INSTALL_LAYOUT=deb'], /DEB_PYTHON_INSTALL_LAYOUT/],
    [{ ...DEBIAN, 'etc/python3.11/sitecustomize.py': 'import evil\n' }, 'pip', [], /sitecustomize/],
    [{ ...DEBIAN, 'usr/lib/python3/dist-packages/apport_python_hook.py': '' }, 'pip', [], /sitecustomize/],
    [inSite('usercustomize.py'), 'pip', [], /usercustomize/],
    [inSite('sitecustomize/__init__.py'), 'pip', [], /sitecustomize/],
    [inSite('__editable__.app-1.pth', '/app/src\n'), 'pip', [], /changes what Python finds/],
    [inSite('x.pth', "import os; os.system('x')\n"), 'pip', [], /changes what Python finds/],
    [
      inSite('distutils-precedence.pth', 'import _virtualenv; evil\n'),
      'pip',
      [],
      /changes what Python finds/,
    ],
    [inSite('x.egg-link', '/app'), 'pip', [], /no installed distribution/],
    [inSite('~ip-1.0.dist-info/METADATA', 'Name: pip\nVersion: 1\n'), 'pip', [], /no installed distribution/],
    [inSite('x-1.0.dist-info/RECORD'), 'pip', [], /no installed distribution/],
    [{ ...OFFICIAL, ...distribution(SITE, 'pip', '1.0') }, 'pip', [], /two versions of pip/],
    [
      { ...OFFICIAL, ...distribution('app', 'x', '1.0') },
      'pip',
      ['PYTHONPATH=/app'],
      /outside its site directories/,
    ],
    [{ ...OFFICIAL, 'app/pip/__init__.py': '' }, 'pip', ['PYTHONPATH=/app'], /outside its site directories/],
    [{ ...OFFICIAL, 'app/sitecustomize.py': '' }, 'pip', ['PYTHONPATH=/app'], /sitecustomize/],
    [{ ...OFFICIAL, 'root/.local/lib/python3.12/site-packages/x.py': '' }, 'pip', [], /packages of a user/],
    [
      { ...OFFICIAL, 'data/lib/python3.12/site-packages/x.py': '' },
      'pip',
      ['PYTHONUSERBASE=/data'],
      /packages of a user/,
    ],
    [
      {
        ...OFFICIAL,
        [`${SITE}/README.txt`]: undefined,
        [`${SITE}/pip-24.2.dist-info/METADATA`]: undefined,
        [`${SITE}/pip-24.2.dist-info/RECORD`]: undefined,
      },
      'python',
      [],
      /no site-packages/,
    ],
  ];
  for (const [files, program, env, expected] of cases) assert.match(reasonOf(files, program, env), expected);
});
