import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PipInstall, type RunStep, recognise } from '../../../src/python/recognise/recognise.ts';
import { BASE as base, recognised } from '../recognise-describe.ts';

function steps(command: RunStep['command'], changes: Partial<RunStep> = {}) {
  const found = recognise({ ...base, command, ...changes });
  assert.ok(!('reason' in found), `${command}: ${'reason' in found ? found.reason : ''}`);
  return found.steps;
}

function install(command: RunStep['command'], changes: Partial<RunStep> = {}): PipInstall {
  const [step, ...more] = steps(command, changes);
  assert.equal(more.length, 0);
  assert.equal(step?.kind, 'pip-install');
  return step as PipInstall;
}

function reason(command: RunStep['command'], changes: Partial<RunStep> = {}): string {
  const found = recognise({ ...base, command, ...changes });
  assert.ok('reason' in found, `${command} is recognised`);
  return found.reason;
}

test('the usual installation is recognised with its files and options', () => {
  const step = install(
    'set -eux; pip install --no-cache-dir --no-compile -Ur requirements.txt -cconstraints.txt "uvicorn[standard]>=0.30" httpx==0.27 && rm -rf /root/.cache/pip',
  );
  assert.equal(step.program, 'pip');
  assert.equal(step.through, 'pip');
  assert.deepEqual(step.requirementFiles, ['requirements.txt']);
  assert.deepEqual(step.constraintFiles, ['constraints.txt']);
  assert.deepEqual(step.requirements, ['uvicorn[standard]>=0.30', 'httpx==0.27']);
  assert.deepEqual([step.options.upgrade, step.options.compile, step.options.noDeps], [true, false, false]);
});

test('pip is found under all its names', () => {
  for (const [command, program, through] of [
    ['pip3 install a', 'pip3', 'pip'],
    ['pip3.12 install a', 'pip3.12', 'pip'],
    ['/opt/venv/bin/pip install a', '/opt/venv/bin/pip', 'pip'],
    ['python -m pip install a', 'python', 'python'],
    ['/usr/bin/python3.11 -m pip --no-cache-dir install a', '/usr/bin/python3.11', 'python'],
    ['. /opt/venv/bin/activate && pip install a', '/opt/venv/bin/pip', 'pip'],
    ['. /opt/venv/bin/activate && python3 -m pip install a', '/opt/venv/bin/python3', 'python'],
  ]) {
    const step = install(command as string);
    assert.deepEqual([step.program, step.through], [program, through], command);
  }
  assert.deepEqual(install(['pip', 'install', '$A', 'b'].map((word) => word.replace('$', ''))).requirements, [
    'A',
    'b',
  ]);
});

test('a virtual environment is made, then filled', () => {
  const found = steps(
    'python3 -m venv --copies /opt/venv && /opt/venv/bin/pip install a && /opt/venv/bin/pip install b',
  );
  assert.deepEqual(
    found.map((step) => [step.kind, 'program' in step && step.program]),
    [
      ['venv', 'python3'],
      ['pip-install', '/opt/venv/bin/pip'],
      ['pip-install', '/opt/venv/bin/pip'],
    ],
  );
  assert.match(reason('python -m venv --system-site-packages /v && pip install a'), /--system-site-packages/);
  assert.match(reason('python -m venv /v /w'), /one directory/);
});

test('variables of the step are put in, and those of pip count as options', () => {
  const env = {
    ...base.env,
    VERSION: '1.2',
    PIP_INDEX_URL: 'https://user:secret@index.example/simple',
    PIP_EXTRA_INDEX_URL: 'https://one.example/simple https://two.example/simple',
    PIP_NO_CACHE_DIR: '1',
    PIP_CONSTRAINT: '/constraints.txt',
    PIP_NO_COMPILE: '0',
    PIP_PRE: '',
  };
  const step = install(
    'PIP_NO_DEPS=1 pip install a==$VERSION --extra-index-url https://three.example/simple',
    { env },
  );
  assert.deepEqual(step.requirements, ['a==1.2']);
  assert.equal(step.options.indexUrl, 'https://user:secret@index.example/simple');
  assert.deepEqual(
    step.options.extraIndexUrls.map((url) => new URL(url).host),
    ['one.example', 'two.example', 'three.example'],
  );
  assert.deepEqual(step.constraintFiles, ['/constraints.txt']);
  // pip's own oddity: the value is that of "compile".
  assert.equal(step.options.compile, false);
  assert.equal(step.options.noDeps, true);
  assert.equal(step.options.pre, false);
  assert.equal(install('export PIP_PRE=1 && pip install a').options.pre, true);
  assert.deepEqual(install('pip install a', { env: { ...env, PIP_TARGET: '/x' } }).destination, {
    kind: 'target',
    directory: '/x',
  });
  assert.equal(install('pip install a', { env: { ...env, PIP_USER: 'yes' } }).destination.kind, 'user');
  assert.match(reason('pip install a', { env: { ...env, PIP_ROOT: '/x' } }), /PIP_ROOT.*another root/);
  assert.match(reason('pip install a', { env: { ...env, PIP_SOMETHING_NEW: '1' } }), /PIP_SOMETHING_NEW/);
  assert.equal(install('pip install a', { env: { ...env, PIP_USER: 'no' } }).requirements.length, 1);
});

test('of several pip.conf the last one counts, variables come after, the command line last', () => {
  const pipConfigurations = [
    '[global]\nindex-url = https://one.example/simple\nuser = true\n# comment\n[list]\nformat = columns\n',
    '[global]\nindex_url: https://two.example/simple\nuser = no\n[install]\nextra-index-url =\n  https://a.example/s\n  https://b.example/s\n',
  ];
  const step = install('pip install a', { pipConfigurations });
  assert.equal(step.options.indexUrl, 'https://two.example/simple');
  assert.deepEqual(step.options.extraIndexUrls, ['https://a.example/s', 'https://b.example/s']);
  const env = { ...base.env, PIP_EXTRA_INDEX_URL: 'https://c.example/s' };
  assert.deepEqual(install('pip install a', { pipConfigurations, env }).options.extraIndexUrls, [
    'https://c.example/s',
  ]);
  assert.equal(
    install('pip install -i https://d.example/s a', { pipConfigurations, env }).options.indexUrl,
    'https://d.example/s',
  );
  assert.deepEqual(
    install('pip install a', { pipConfigurations: ['[global]\nfind-links = /wheels\n'] }).options.findLinks,
    ['/wheels'],
  );
  const wheels = recognised('pip wheel a', {
    pipConfigurations: ['[wheel]\nwheel-dir = /w\n[install]\nuser = true\n'],
  });
  assert.equal(wheels.steps[0]?.kind === 'pip-wheel' && wheels.steps[0].wheelDirectory, '/w');
  assert.match(reason('pip install a', { pipConfigurations: ['nonsense'] }), /not understood/);
  assert.equal(
    install('pip install a', { pipConfigurations, env: { PIP_CONFIG_FILE: '/dev/null' } }).options.indexUrl,
    undefined,
  );
});

test('what installs from elsewhere, to elsewhere or by other rules is left to BuildKit', () => {
  const refused: Record<string, RegExp> = {
    'pip install "a @ ./a" ': /more than extras/,
    'pip install git+https://user@example.org/a/b': /holds a login/,
    'pip install -e git+https://example.org/a/b#egg=b': /no directory/,
    'pip install hg+https://example.org/a': /no Git repository/,
    'pip install "a @ http://example.org/a.whl"': /no address of https/,
    'pip install "https://example.org/a.whl#md5=00"': /md5/,
    'pip install --root=/x a': /another root/,
    'pip install --user --prefix=/x a': /together/,
    'pip install --no-binary :all: a': /source/,
    'pip install --platform linux_x86_64 a': /another environment/,
    'pip install --group x.toml:dev': /no dependency group/,
    'pip install --wheel-dir /w a': /--wheel-dir/,
    'pip wheel --user a': /no option --user/,
    'pip install --never-heard-of a': /--never-heard-of is not known/,
    'pip install -Z a': /-Z is not known/,
    'pip install': /without a requirement/,
    'pip wheel': /without a requirement/,
    'pip install "a==="': /not understood/,
    'pip install a*': /pattern/,
    'pip install [a]': /pattern/,
    'pip install -r *.txt': /pattern/,
    'pip install https://example.org/?.whl': /pattern/,
    'pip install "/w/*"/*.whl': /pattern/,
    'pip install foo>=1.0': /redirection/,
    'pip uninstall -y a': /uninstall/,
    'pip install --index-url http://index.example/simple a': /plain HTTP/,
    'pip install --index-url file:///x a': /no web address/,
    'pip install a || true': /alternative/,
    'pip install a && apt-get update': /apt-get/,
    'apt-get update': /apt-get/,
    'echo done': /installs nothing/,
    'cd - && pip install a': /it runs cd/,
    'cd && pip install a': /it runs cd/,
    'pip install a && rm -rf /app': /it runs rm/,
    'pip install a && rm -rf .cache': /it runs rm/,
    'pip install a && rm -rf /root/.cache /root/.*': /it runs rm/,
    'pip install a && mkdir -p /x': /it runs mkdir/,
    'pip install a && find / -name x -delete': /it runs find/,
    'pip config set global.index-url https://x && pip install a': /it runs pip config/,
    'python setup.py install': /setup.py/,
    'python -m compileall /app': /compileall/,
    'python -m uv pip install a': /python -m uv/,
    'python -m pip install a $UNKNOWN': /UNKNOWN/,
    'PATH=/x pip install a': /PATH/,
    'HOME=/x pip install a': /HOME/,
    'PYTHONHOME=/x pip install a': /PYTHONHOME/,
    'LD_PRELOAD=/x.so pip install a': /LD_PRELOAD/,
    'export PATH=/x:$PATH && pip install a': /PATH/,
    'source venv/bin/activate.fish && pip install a': /venv\/bin\/activate/,
  };
  for (const [command, expected] of Object.entries(refused)) assert.match(reason(command), expected, command);
});

test('an index in plain HTTP counts where its host is trusted or is this machine', () => {
  install('pip install -i http://index.example:81/simple --trusted-host index.example a');
  install('pip install -i http://index.example:81/simple --trusted-host index.example:81 a');
  install('pip install -i http://127.0.0.1:81/simple a');
  assert.match(reason('pip install -i http://index.example/simple --trusted-host localhost a'), /plain HTTP/);
});

test('mounts that leave a trace or bring something unknown are a reason, caches are not', () => {
  const mount = (type: string, target: string, more: object = {}) => ({
    mounts: [{ type, target, source: '', from: undefined, ...more }],
  });
  install('pip install a', mount('cache', '/root/.cache/pip'));
  install('pip install a', { ...mount('cache', '/c'), env: { PIP_CACHE_DIR: '/c' } });
  assert.match(reason('pip install a', mount('cache', '/usr/local/lib')), /cache mount at/);
  assert.match(reason('pip install a', mount('secret', '/root/.netrc')), /secret/);
  assert.match(reason('pip install a', mount('ssh', '')), /ssh/);
  for (const target of ['/root/.cache/uv', '/root/.cache/pypoetry', '/root/.cache', '/var/cache/apt'])
    install('pip install a', mount('cache', target));
  install('pip install a', { ...mount('cache', '/c/'), env: { UV_CACHE_DIR: '/c' } });
  assert.deepEqual(
    recognised('pip install a', mount('bind', '/w', { from: 'builder', source: '/x' })).binds,
    [{ target: '/w', source: '/x', from: 'builder' }],
  );
  const found = recognise({
    ...base,
    command: 'pip install -r /r.txt',
    ...mount('bind', '/r.txt', { source: 'requirements.txt' }),
  });
  assert.deepEqual('binds' in found && found.binds, [
    { target: '/r.txt', source: 'requirements.txt', from: undefined },
  ]);
});

test('a shell, a user or a Python that works otherwise is a reason', () => {
  install('pip install a', { shell: ['/bin/bash', '-o', 'pipefail', '-c'] });
  install('pip install a', { shell: ['/bin/bash', '-euxo', 'pipefail', '-c'] });
  assert.match(reason('pip install a', { shell: ['/usr/bin/env', 'python', '-c'] }), /shell/);
  assert.match(reason('pip install a', { shell: ['/bin/bash', '-lc'] }), /shell/);
  for (const name of ['PYTHONHOME', 'PYTHONOPTIMIZE', 'PYTHONPYCACHEPREFIX', 'LD_PRELOAD', 'PYTHONNEWTHING'])
    assert.match(reason('pip install a', { env: { [name]: '1' } }), new RegExp(name));
  install('pip install a', {
    env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1', PYTHONOPTIMIZE: '' },
  });
});

test("directories in front of Python's own are told", () => {
  assert.deepEqual(install('pip install a', { env: { PYTHONPATH: '/src:lib' } }).searchPath, [
    '/src',
    '/app/lib',
  ]);
  assert.deepEqual(install('python -m pip install a').searchPath, ['/app']);
  assert.deepEqual(install('pip install a').searchPath, []);
});

test('a step that installs nothing is told by what it runs, whatever is around it', () => {
  const told: readonly [RunStep['command'], Partial<RunStep>, string][] = [
    [
      'python -m compileall -q app && python manage.py collectstatic --noinput',
      { user: '10001' },
      'python -m compileall and python manage.py',
    ],
    [
      'apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*',
      { mounts: [{ type: 'cache', target: '/var/cache/apt', source: '', from: undefined }] },
      'apt-get',
    ],
    ['rm -f /a && echo \'x "y" && z;\' > /b && apt-get update && groupadd c', {}, 'apt-get and groupadd'],
    ['groupadd a && useradd b && install -d c && curl d', {}, 'groupadd, useradd and more'],
    ['if [ -f x ]; then FOO=1 python -u -m foo; fi', { env: { PYTHONHOME: '/x' } }, 'python -m foo'],
    ['curl -sSL https://example.org | /usr/bin/python3 -', {}, 'curl and python3'],
    ['pip download -r r.txt', {}, 'pip download'],
    ['uv run --frozen main.py', {}, 'uv run'],
    ['mkdir /x', {}, 'mkdir'],
    [['/usr/local/bin/tool', 'a b'], {}, 'tool'],
  ];
  for (const [command, changes, programs] of told)
    assert.equal(reason(command, changes), `it runs ${programs}, which only BuildKit can do`);
});

test('of a step that installs something, what a user can do about it is told', () => {
  const hints: readonly [string, Partial<RunStep>, RegExp][] = [
    ['apt-get update && pip install a', {}, /RUN of its own/],
    ['cd && pip install -r r.txt', {}, /WORKDIR/],
    ['pip install a | tee log', {}, /RUN of its own/],
    ['pip install a>=1', {}, /quote it/],
    ['pip install $A', {}, /ARG or ENV/],
    ['pip install --root=/x a', {}, /Leave --root out/],
    ['pip install git+ssh://git@example.org/a', {}, /package index/],
    ['pip install -i http://index.example/simple a', {}, /--trusted-host index\.example/],
    ['PATH=/x pip install a', {}, /PATH by ENV/],
    ['pip install a', { env: { PYTHONOPTIMIZE: '1' } }, /below the installation/],
    ['pip install a', { shell: ['/bin/zsh', '-c'] }, /SHELL/],
    [
      'pip install a',
      { mounts: [{ type: 'cache', target: '/c', source: '', from: undefined }] },
      /\/root\/\.cache\/pip/,
    ],
  ];
  for (const [command, changes, hint] of hints) {
    const found = recognise({ ...base, command, ...changes });
    assert.match(('hint' in found && found.hint) || '', hint, command);
  }
});

test('a variable in front of a command of the shell itself may outlive it', () => {
  assert.match(reason('PYTHONHOME=/x . /opt/venv/bin/activate && pip install a'), /PYTHONHOME/);
  assert.match(reason('FOO=x export PIP_PRE=1 && pip install a'), /FOO/);
});

test('a variable that is only the shell’s own is put in, but programs do not see it', () => {
  const step = install('PIP_PRE=1; V=2; pip install a==$V');
  assert.deepEqual([step.options.pre, step.requirements, step.env.V], [false, ['a==2'], undefined]);
  assert.equal(install('PIP_PRE=1; export PIP_PRE; pip install a').options.pre, true);
  assert.equal(install('PIP_PRE=1; pip install a', { env: { PIP_PRE: '0' } }).options.pre, true);
  assert.equal(install('CFLAGS=-O2 pip install a').env.CFLAGS, '-O2');
});

test('in another directory all paths are whole', () => {
  const step = install(
    'cd /srv && cd api && pip install -r r.txt -c ../c.txt -r https://example.org/r.txt . ./a.whl',
  );
  assert.deepEqual(step.requirementFiles, ['/srv/api/r.txt', 'https://example.org/r.txt']);
  assert.deepEqual(step.constraintFiles, ['/srv/c.txt']);
  assert.deepEqual(step.localProjects, [{ path: '/srv/api', extras: [], editable: false }]);
  assert.deepEqual(step.localFiles, [{ path: '/srv/api/a.whl', pattern: false, extras: [] }]);
  assert.equal(step.workdir, '/srv/api');
  assert.deepEqual(install('cd lib && python -m pip install a').searchPath, ['/app/lib']);
});

test('who runs it is nothing to the command: whether that user may write is seen in the image', () => {
  const user = { user: '1000', env: { ...base.env, HOME: '/home/app' } };
  assert.deepEqual(install('pip install --user a', user).destination, {
    kind: 'user',
    directory: '/home/app/.local',
  });
  assert.deepEqual(install('pip install a', user).destination, { kind: 'environment' });
  // Then the home directory does not stand in.
  assert.deepEqual(install('pip install --no-user a', user).destination, {
    kind: 'environment',
    insisted: true,
  });
});
