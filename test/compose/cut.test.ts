import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absolutePath, reconfigured } from '../../src/compose/cut.ts';
import { skeletonText } from '../../src/compose/solve/skeleton.ts';
import { NotComposable } from '../../src/compose/state.ts';
import { partsOf, shapeOf, stageOf } from './stages.ts';

const FROM = 'FROM python:3.11-slim\n';

test('what only says something, and what is copied from the context, stands for itself', () => {
  const text = `${FROM}ENV A=1\nLABEL b=c\nWORKDIR /app\nCOPY . .\nADD x y\nUSER 1000\nCMD ["x"]\n`;
  assert.deepEqual(
    shapeOf(text),
    [0, 1, 2, 3, 4, 5, 6].map((at) => `plain ${at}`),
  );
});

test('the usual file: requirements, installation, application', () => {
  const text = `${FROM}WORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nCMD ["x"]\n`;
  assert.deepEqual(shapeOf(text), ['plain 0', 'plain 1', 'install 2', 'plain 3', 'plain 4']);
});

test('what has to run is solved with all before it, up to the last of its kind', () => {
  const text = `${FROM}ENV A=1\nRUN apt-get update\nCOPY x y\nRUN make\nENV B=1\nRUN pip install a==1\nCMD ["x"]\n`;
  assert.deepEqual(shapeOf(text), ['solved 0-3', 'plain 4', 'install 5', 'plain 6']);
});

test('what has to run after an installation is another segment, and what follows it is composed', () => {
  const text = `${FROM}RUN one\nRUN pip install a==1\nCOPY x y\nRUN two\nRUN pip install b==1\nRUN three\nCOPY z z\n`;
  assert.deepEqual(shapeOf(text), [
    'solved 0-0',
    'install 1',
    'solved 2-3',
    'install 4',
    'solved 5-5',
    'plain 6',
  ]);
});

test('why each instruction of a segment has to run is told with its line, its keyword and what to change', () => {
  const [part] = partsOf(`${FROM}ENV A=1\nRUN one \\\n  two\nRUN pip install a==1 && make\n`);
  assert.ok(part?.kind === 'solved');
  assert.deepEqual(
    part.why.map(({ place, line, instruction }) => [place, line, instruction]),
    [
      ['Dockerfile:3', 3, 'RUN'],
      ['Dockerfile:5', 5, 'RUN'],
    ],
  );
  assert.match(part.why[1]?.reason ?? '', /runs make/);
  assert.match(part.why[1]?.hint ?? '', /RUN of its own/);
});

test('a virtual environment at the beginning of a step is made by the image, the rest is composed', async () => {
  const text = `${FROM}COPY r.txt .\nRUN python -m venv /opt/venv && /opt/venv/bin/pip install -r r.txt\nCOPY . .\n`;
  // It does not see what is copied in between, so that a changed file does not make it once more.
  assert.deepEqual(shapeOf(text), ['skeleton of 1', 'plain 0', 'install 1', 'plain 2']);
  const [skeleton, , install] = partsOf(text);
  assert.ok(skeleton?.kind === 'skeleton' && install?.kind === 'install');
  assert.equal(await skeletonText(skeleton.need, async () => undefined), 'python -m venv /opt/venv');
  assert.deepEqual(
    install.step.steps.map(({ kind }) => kind),
    ['pip-install'],
  );
});

test('a virtual environment in a RUN of its own is solved, with what was before it', () => {
  const text = `${FROM}ENV A=1\nRUN python -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\nRUN pip install a==1\n`;
  assert.deepEqual(shapeOf(text), ['solved 0-1', 'plain 2', 'install 3']);
});

test('a virtual environment behind an installation, and odd names of one', async () => {
  const late = `${FROM}RUN pip install a==1 && python -m venv /opt/venv\n`;
  assert.deepEqual(shapeOf(late), ['solved 0-0']);
  const odd = `${FROM}RUN python -m venv "/opt/my env" && "/opt/my env/bin/pip" install a==1\n`;
  const [skeleton] = partsOf(odd);
  assert.ok(skeleton?.kind === 'skeleton');
  assert.equal(await skeletonText(skeleton.need, async () => undefined), "python -m venv '/opt/my env'");
});

test('the environment that a tool makes for its project is made alone, after the tool is there and before files are copied', () => {
  const sync = `${FROM}COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/\nWORKDIR /app\nCOPY . .\nRUN uv sync --frozen\n`;
  assert.deepEqual(shapeOf(sync), [
    'splice 0-0 of ghcr.io/astral-sh/uv:0.9',
    'skeleton of 3',
    'plain 1',
    'plain 2',
    'install 3',
  ]);
  const hasEnvironment = (directory: string) => directory === '/app/.venv';
  assert.deepEqual(shapeOf(sync, { hasEnvironment }), [
    'splice 0-0 of ghcr.io/astral-sh/uv:0.9',
    'plain 1',
    'plain 2',
    'install 3',
  ]);
  const twice = `${FROM}WORKDIR /app\nRUN uv sync --frozen --no-install-project\nCOPY . .\nRUN uv sync --frozen\n`;
  assert.deepEqual(shapeOf(twice), ['skeleton of 1', 'plain 0', 'install 1', 'plain 2', 'install 3']);
});

test('where dependency steps are to be split, none is composed', () => {
  assert.deepEqual(shapeOf(`${FROM}RUN pip install a==1\nCOPY . .\n`, { composes: false }), [
    'solved 0-0',
    'plain 1',
  ]);
});

const BUILDER = `FROM python:3.11-slim AS builder\nRUN python -m venv /opt/venv\n${FROM}`;

test('neighbouring copies from one stage are one part', () => {
  const text = `${BUILDER}COPY --from=builder /opt/venv /opt/venv\nCOPY --from=builder /opt/more /opt/more/\nENV A=1\nCOPY --from=builder /srv /srv\n`;
  assert.deepEqual(shapeOf(text), ['splice 0-1 of 0', 'plain 2', 'splice 3-3 of 0']);
  const two = `FROM python:3.11 AS other\nFROM python:3.11-slim AS builder\n${FROM}COPY --from=builder /a /a\nCOPY --from=other /b /b\n`;
  assert.deepEqual(shapeOf(two), ['splice 0-0 of 1', 'splice 1-1 of 0']);
});

test('a copy of all of a stage, or of what is left of one, has to run', () => {
  const copies = {
    'COPY --from=builder --exclude=*.pyc /opt/venv /opt/venv': /a part of another stage/,
    'COPY --from=builder / /': /all of another stage/,
    'ADD https://example.com/x /x': /downloads/,
  };
  for (const [line, reason] of Object.entries(copies)) {
    const [part, ...more] = partsOf(`${BUILDER}${line}\n`);
    assert.ok(part?.kind === 'solved' && more.length === 0, line);
    assert.match(part.why[0]?.reason ?? '', reason, line);
  }
});

test('a copy to a relative path is seen from the working directory', () => {
  assert.deepEqual(shapeOf(`${BUILDER}WORKDIR /opt\nCOPY --from=builder /opt/venv venv\n`), [
    'plain 0',
    'splice 1-1 of 0',
  ]);
  assert.equal(absolutePath('../x//./y/', '/a/b'), '/a/x/y');
  assert.equal(absolutePath('../../..', '/a'), '/');
  assert.equal(absolutePath('/', '/a'), '/');
});

test('an installation that runs otherwise than usual has to run', () => {
  const runs = [
    'RUN --network=none pip install a==1',
    'RUN --security=insecure pip install a==1',
    'RUN <<E\npip install a==1\nmake\nE',
    'RUN pip install a==1 || true',
    'RUN pip install $(cat x)',
  ];
  for (const line of runs) assert.deepEqual(shapeOf(`${FROM}${line}\n`), ['solved 0-0'], line);
  assert.deepEqual(shapeOf(`${FROM}SHELL ["python", "-c"]\nRUN pip install a==1\n`), ['solved 0-1']);
});

test('whoever USER is may install: what that user may write is seen in the image', () => {
  for (const user of ['root', '0', '0:0', 'root:root', '0:', '1000', 'app', 'root:users'])
    assert.deepEqual(shapeOf(`${FROM}USER ${user}\nRUN pip install a==1\n`), ['plain 0', 'install 1'], user);
});

test('what only root surely has is left to be run for others', () => {
  const run = (text: string) => shapeOf(`${FROM}USER app\nWORKDIR /app\nRUN ${text}\n`).at(-1);
  assert.equal(run('--mount=type=cache,target=/home/app/.cache/pip pip install a==1'), 'install 2');
  const cached = 'target=/home/app/.cache/uv uv pip install --system a==1';
  assert.equal(run(`--mount=type=cache,${cached}`), 'solved 0-2');
  assert.equal(run(`--mount=type=cache,uid=1000,${cached}`), 'install 2');
  assert.equal(run('poetry config virtualenvs.create false && poetry install --no-root'), 'solved 0-2');
  const secrets = new Map([['netrc', 'machine example.org login a password b\n']]);
  const secret = 'RUN --mount=type=secret,id=netrc,target=/root/.netrc pip install a==1\n';
  assert.deepEqual(shapeOf(`${FROM}${secret}`, { secrets }), ['install 0']);
  assert.deepEqual(shapeOf(`${FROM}USER app\n${secret}`, { secrets }), ['solved 0-1']);
});

test('an environment of another user is made below WORKDIR and USER, which decide whose it is', () => {
  const text = 'WORKDIR /app\nUSER app\nCOPY a a\nRUN python -m venv .venv && .venv/bin/pip install a==1\n';
  const shape = shapeOf(`${FROM}${text}`);
  assert.deepEqual(shape, ['plain 0', 'plain 1', 'skeleton of 3', 'plain 2', 'install 3']);
});

test('a line that turned out not to be composable is solved, with its reason', () => {
  const text = `${FROM}COPY a a\nRUN pip install a==1\nCOPY b b\nRUN pip install b==1\n`;
  assert.deepEqual(shapeOf(text), ['plain 0', 'install 1', 'plain 2', 'install 3']);
  const forced = new Map([[3, { reason: 'so it is', hint: 'do that' }]]);
  assert.deepEqual(shapeOf(text, { forced }), ['solved 0-1', 'plain 2', 'install 3']);
  const [part] = partsOf(text, { forced });
  assert.ok(part?.kind === 'solved');
  assert.deepEqual(part.why, [
    { place: 'Dockerfile:3', line: 3, instruction: 'RUN', reason: 'so it is', hint: 'do that' },
  ]);
  const copy = new Map([[4, { reason: 'a copy', hint: undefined }]]);
  assert.deepEqual(shapeOf(text, { forced: copy }), ['plain 0', 'install 1', 'solved 2-2', 'install 3']);
  const venv = `${FROM}RUN python -m venv /v && /v/bin/pip install a==1\n`;
  const whole = new Map([[2, { reason: 'all of it', hint: undefined }]]);
  assert.deepEqual(
    shapeOf(venv, { forced: whole }),
    ['solved 0-0'],
    'no command: the instruction as it stands',
  );
});

test('a splice of which one copy is forced goes on with the others', () => {
  const text = `${BUILDER}COPY --from=builder /a /a\nCOPY --from=builder /b /b\nCOPY --from=builder /c /c\n`;
  const forced = new Map([[5, { reason: 'so it is', hint: undefined }]]);
  assert.deepEqual(shapeOf(text, { forced }), ['splice 0-0 of 0', 'solved 1-1', 'splice 2-2 of 0']);
});

test('every instruction is in exactly one part, or in one and the step behind its command', () => {
  const lines = [
    'ENV A=1',
    'RUN make',
    'COPY x y',
    'RUN pip install a==1',
    'RUN python -m venv /v && /v/bin/pip install b==1',
    'COPY --from=builder /opt/venv /opt/venv',
    'WORKDIR /x',
  ];
  for (let round = 0; round < 200; round++) {
    const chosen = Array.from(
      { length: 1 + (round % 7) },
      (_, at) => lines[(round * 31 + at * at * 7) % lines.length],
    );
    const seen: number[] = [];
    for (const part of partsOf(`${BUILDER}${chosen.join('\n')}\n`)) {
      // It stands for nothing of its own.
      if (part.kind === 'skeleton') continue;
      const [from, to] =
        part.kind === 'plain' || part.kind === 'install' ? [part.at, part.at] : [part.from, part.to];
      for (let at = from; at <= to; at++) seen.push(at);
    }
    assert.deepEqual(
      seen,
      chosen.map((_, at) => at),
      chosen.join('; '),
    );
  }
});

test('an installation is read again with the files that configure pip by then', () => {
  const stage = stageOf(`${FROM}COPY pip.conf /etc/pip.conf\nRUN pip install a==1\n`);
  const [, part] = partsOf(`${FROM}COPY pip.conf /etc/pip.conf\nRUN pip install a==1\n`);
  assert.ok(part?.kind === 'install');
  assert.equal(reconfigured(stage, part, []), part);
  const [action] = reconfigured(stage, part, ['[global]\nindex-url = https://own.example/simple\n']).step
    .steps;
  assert.ok(action?.kind === 'pip-install');
  assert.equal(action.options.indexUrl, 'https://own.example/simple');
  assert.throws(
    () => reconfigured(stage, part, ['[install]\nroot = /srv\n']),
    (error) => error instanceof NotComposable && error.line === 3 && /root/.test(error.reason),
  );
});

test('what uv compiles of an environment is compiled with it; who makes it is told', async () => {
  const env = 'ENV UV_COMPILE_BYTECODE=1\n';
  const compiled =
    '/opt/venv/bin/python -I -m compileall -q /opt/venv/lib/python3.*/site-packages/_virtualenv.py';
  const words = async (text: string) => {
    const parts = partsOf(`${FROM}${text}`);
    const skeleton = parts.find((part) => part.kind === 'skeleton');
    const install = parts.find((part) => part.kind === 'install');
    assert.ok(skeleton?.kind === 'skeleton' && install?.kind === 'install');
    const project = { prompt: 'x', requiresPython: undefined, pinned: undefined };
    return { command: await skeletonText(skeleton.need, async () => project), selfMade: install.selfMade };
  };
  const venv = 'RUN uv venv /opt/venv && uv pip install --python /opt/venv a==1\n';
  assert.deepEqual(await words(venv), { command: 'uv venv /opt/venv', selfMade: [] });
  assert.deepEqual(await words(env + venv), { command: `uv venv /opt/venv && ${compiled}`, selfMade: [] });
  const sync = 'ENV UV_PROJECT_ENVIRONMENT=/opt/venv\nRUN uv sync --frozen\n';
  const made = '{ [ -e /opt/venv/pyvenv.cfg ] || uv venv --no-project --no-config --prompt x /opt/venv; }';
  assert.deepEqual(await words(sync), { command: made, selfMade: ['/opt/venv'] });
  assert.deepEqual(await words(env + sync), { command: `${made} && ${compiled}`, selfMade: ['/opt/venv'] });
  const pip = 'RUN python -m venv /opt/venv && uv pip install --python /opt/venv a==1\n';
  assert.deepEqual(await words(env + pip), { command: 'python -m venv /opt/venv', selfMade: [] });
});
