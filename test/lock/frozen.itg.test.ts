import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { type FrozenInput, type FrozenResult, resolveFrozen } from '../../src/lock/frozen.ts';
import type { InstalledDistribution, PythonFacts } from '../../src/python/facts.ts';
import { DEFAULT_SELECTION, type LockSelection } from '../../src/python/recognise/lock-selection.ts';
import type { InstallTool } from '../../src/python/recognise/recognise.ts';
import { parseWheelName } from '../../src/python/wheel-tags.ts';
import { projectOf } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import { FACTS } from './support.ts';

const PROJECTS = join(import.meta.dirname, '..', 'lockfiles', 'projects');

/** One command that is run, and what it is as an input. */
interface Case {
  readonly project: string;
  readonly kind: FrozenInput['lock']['kind'];
  readonly tool: InstallTool;
  /** What stands before it in the environment. */
  readonly first?: string;
  readonly command: string;
  readonly selection?: Partial<LockSelection>;
  readonly own?: FrozenInput['own'];
  readonly exact?: boolean;
  readonly freshness?: FrozenInput['freshness'];
  /** The environment; `/opt/venv` if not given, undefined for Python's own. */
  readonly venv?: string | undefined;
  /** Where it is run. */
  readonly directory?: string;
  /** The lock's name, where it is not the usual one. */
  readonly lock?: string;
}

const UV = 'UV_PROJECT_ENVIRONMENT=/opt/venv uv sync --no-progress';
const POETRY = 'VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH poetry';
const POETRY1 = 'VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH /opt/poetry1/bin/poetry';
const VENV = 'python -m venv /opt/venv';
const PIPENV = 'pip install -q pipenv==2026.10.3';
const SEEDED = 'uv venv --seed /opt/venv';

const uv = (project: string, options: string, more: Partial<Case> = {}): Case => ({
  ...{ project, kind: 'uv', tool: 'uv', exact: true, command: `${UV} ${options}` },
  ...more,
});
const poetry = (project: string, options: string, more: Partial<Case> = {}): Case => ({
  ...{
    project,
    kind: 'poetry',
    tool: 'poetry',
    first: VENV,
    own: 'none',
    command: `${POETRY} install -n ${options}`,
  },
  ...more,
});

const CASES: Readonly<Record<string, Case>> = {
  plain: uv('uv-workspace', '--frozen', { freshness: 'frozen' }),
  locked: uv('uv-workspace', '--locked --all-extras --no-dev --group docs --no-editable', {
    selection: { extras: 'all', withoutGroups: ['dev'], groups: ['docs'] },
    own: 'copied',
  }),
  unchecked: uv('uv-workspace', '--no-install-workspace --extra metrics', {
    selection: { extras: ['metrics'], withoutMembers: true, withoutDirectories: false },
    own: 'none',
    freshness: 'unchecked',
  }),
  noproject: uv('uv-workspace', '--frozen --no-install-project --no-install-package six', {
    selection: { without: ['six'], withoutMembers: false, withoutDirectories: false },
    own: 'none',
  }),
  member: uv('uv-workspace', '--frozen --package tools', { selection: { packages: ['tools'] } }),
  members: uv('uv-workspace', '--frozen --all-packages --no-default-groups', {
    selection: { packages: 'all', defaultGroups: false },
  }),
  onlygroup: uv('uv-workspace', '--frozen --only-group lint', { selection: { onlyGroups: ['lint'] } }),
  exact: uv('uv-workspace', '--frozen --no-dev', {
    first: `${UV} --frozen --all-groups --no-install-project`,
    selection: { withoutGroups: ['dev'] },
  }),
  inexact: uv('uv-workspace', '--frozen --no-dev --inexact', {
    first: `${UV} --frozen --all-groups --no-install-project`,
    selection: { withoutGroups: ['dev'] },
    exact: false,
  }),
  seeded: uv('uv-forks', '--locked', {
    first: `${SEEDED} && uv pip install -q -p /opt/venv six==1.16.0 tomli`,
  }),
  unseeded: uv('uv-forks', '--locked', {
    first: 'uv venv /opt/venv && uv pip install -q -p /opt/venv pip tomli',
  }),
  pips: uv('uv-forks', '--locked', { first: `${VENV} && /opt/venv/bin/pip install -q tomli` }),
  conflict: uv('uv-forks', '--locked --extra new', { selection: { extras: ['new'] } }),
  other: uv('uv-forks', '--locked --extra old --all-groups', {
    selection: { extras: ['old'], groups: 'all' },
  }),
  poetry: poetry('poetry-2', '', { own: 'editable' }),
  poetryextras: poetry('poetry-2', '-E cache --with docs --no-root', {
    selection: { extras: ['cache'], groups: ['docs'] },
  }),
  poetryonly: poetry('poetry-2', '--only main --all-extras --no-root', {
    selection: { onlyGroups: ['main'], extras: 'all' },
  }),
  poetrydirs: poetry('poetry-2', '--without dev --no-root --no-directory', {
    first: `${VENV} && /opt/venv/bin/pip install -q click==8.1.7 idna==3.20`,
    selection: { withoutGroups: ['dev'], withoutDirectories: true },
  }),
  poetryold: poetry('poetry-1', '-E metrics --only main', {
    ...{ command: `${POETRY1} install -n -E metrics --only main`, own: 'editable' },
    selection: { onlyGroups: ['main'], extras: ['metrics'] },
  }),
  poetrynewer: poetry('poetry-1', '-E cache --with docs --no-root', {
    selection: { extras: ['cache'], groups: ['docs'] },
  }),
  root: uv('uv-virtual', '--locked'),
  rootgroup: uv('uv-virtual', '--no-dev --group lint', {
    ...{ freshness: 'unchecked', selection: { withoutGroups: ['dev'], groups: ['lint'] } },
  }),
  inside: uv('uv-virtual', '--locked', { directory: '/app/services/api' }),
  outside: uv('uv-virtual', '--frozen --no-dev --package worker --extra fast', {
    selection: { packages: ['worker'], extras: ['fast'], withoutGroups: ['dev'] },
  }),
  pipenv: { ...pipenvCase('install --deploy --system'), freshness: 'locked' },
  pipenvdev: {
    ...pipenvCase('sync --dev --system'),
    first: `${PIPENV} && pip install -q click==8.1.7 markupsafe==3.0.4`,
    selection: { groups: ['dev'] },
  },
  pipenvactive: {
    ...pipenvCase('sync'),
    ...{ first: `${PIPENV} && ${VENV}`, command: 'VIRTUAL_ENV=/opt/venv pipenv sync', venv: '/opt/venv' },
  },
  pipenvsystem: {
    ...pipenvCase('sync'),
    ...{ first: `${PIPENV} && ${VENV}`, venv: '/opt/venv' },
    command: 'VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH pipenv sync --system',
  },
  pipenvown: {
    ...pipenvCase('sync'),
    first: `${PIPENV} && PIPENV_VENV_IN_PROJECT=1 pipenv --python /usr/local/bin/python`,
    venv: '/app/.venv',
  },
  uvpylock: {
    ...{
      project: 'pylock',
      kind: 'pylock',
      tool: 'uv',
      exact: true,
      first: 'uv venv /opt/venv && uv pip install -q -p /opt/venv tomli six==1.17.0',
    },
    command: 'uv pip sync -p /opt/venv --extra plain --group dev pylock.toml',
    selection: { extras: ['plain'], groups: ['dev'] },
  },
  uvaddress: {
    ...{
      project: 'pylock',
      kind: 'pylock',
      tool: 'uv',
      lock: 'pylock.address.toml',
      first: 'uv venv /opt/venv',
    },
    command: 'uv pip install -p /opt/venv -r pylock.address.toml',
  },
  pipaddress: {
    ...{ project: 'pylock', kind: 'pylock', tool: 'pip', lock: 'pylock.wheel.toml' },
    first: `${VENV} && /opt/venv/bin/pip install -q pip==26.3`,
    command: '/opt/venv/bin/pip install -r pylock.wheel.toml',
  },
  pippylock: {
    ...{ project: 'pylock', kind: 'pylock', tool: 'pip' },
    first: `${VENV} && /opt/venv/bin/pip install -q pip==26.3`,
    command: '/opt/venv/bin/pip install -r pylock.toml',
  },
};

function pipenvCase(words: string): Case {
  return {
    ...{ project: 'pipenv', kind: 'pipenv', tool: 'pipenv', own: 'none', freshness: 'frozen' },
    ...{ first: PIPENV, command: `pipenv ${words}`, venv: undefined },
  };
}

const FILES = { uv: 'uv.lock', poetry: 'poetry.lock', pipenv: 'Pipfile.lock', pylock: 'pylock.toml' };

/** A distribution as it stands in an environment. */
interface Seen {
  readonly name: string;
  readonly version: string;
  readonly requested: boolean;
  readonly directUrl: string | null;
  readonly tags: readonly string[];
}

const LOOK = `
import json, pathlib, sys
from importlib.metadata import distributions
seen = []
for d in distributions(path=[sys.argv[2]]):
    at = pathlib.Path(d._path)
    text = lambda name: (at / name).read_text() if (at / name).exists() else None
    tags = [line[5:].strip() for line in (text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    seen.append(dict(name=d.metadata["Name"].lower().replace("_", "-").replace(".", "-"), version=d.version,
        requested=(at / "REQUESTED").exists(), directUrl=text("direct_url.json"), tags=sorted(tags)))
pathlib.Path(sys.argv[1]).write_text(json.dumps(seen))
`;

function venvOf(one: Case): string | undefined {
  return 'venv' in one ? one.venv : '/opt/venv';
}

function siteOf(one: Case): string {
  return `${venvOf(one) ?? '/usr/local'}/lib/python3.11/site-packages`;
}

function stageOf(name: string, one: Case): readonly string[] {
  const caches = '--mount=type=cache,target=/root/.cache';
  const look = (file: string) => `python /look.py /out/${file}.json ${siteOf(one)}`;
  return [
    `FROM tools AS ${name}`,
    `COPY projects/${one.project} /app`,
    `RUN ${caches} mkdir /out; ${one.first ? `(${one.first}) && ` : ''}${look(`${name}-before`)}`,
    `WORKDIR ${one.directory ?? '/app'}`,
    `RUN ${caches} ${one.command} && ${look(name)}`,
  ];
}

const dockerfile = [
  'FROM docker.io/library/python:3.11-slim AS tools',
  'RUN --mount=type=cache,target=/root/.cache pip install -q uv==0.13.9 \\',
  '  && python -m venv /opt/poetry && /opt/poetry/bin/pip install -q poetry==2.5.1 \\',
  '  && python -m venv /opt/poetry1 && /opt/poetry1/bin/pip install -q poetry==1.8.5 \\',
  '  && ln -s /opt/poetry/bin/poetry /usr/local/bin/',
  // These bring authorities of their own.
  ...['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'PIP_CERT'].map(
    (name) => `ENV ${name}=/etc/ssl/certs/ca-certificates.crt`,
  ),
  'ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never',
  'COPY look.py /',
  'WORKDIR /app',
  ...Object.entries(CASES).flatMap(([name, one]) => stageOf(name, one)),
  'FROM scratch',
  ...Object.keys(CASES).map((name) => `COPY --from=${name} /out/ /`),
].join('\n');

const seen = new Map<string, readonly Seen[]>();

before(async () => {
  await using context = await projectOf({ Dockerfile: dockerfile, 'look.py': LOOK });
  await cp(PROJECTS, join(context.path, 'projects'), { recursive: true });
  await using out = await temporaryDirectory('lw-frozen-');
  const result = await run(
    ['buildx', 'build', '--progress=plain', `--output=type=local,dest=${out.path}`, context.path],
    { env: process.env },
  );
  assert.equal(result.exitCode, 0, result.stderr.slice(-6000));
  for (const file of await readdir(out.path))
    seen.set(file.replace('.json', ''), JSON.parse(await readFile(join(out.path, file), 'utf8')));
});

function factsBefore(name: string, one: Case): PythonFacts {
  const installed = (seen.get(`${name}-before`) ?? []).map(
    (dist): InstalledDistribution => ({
      ...{ name: dist.name, version: dist.version, removable: true },
      metadata: `${siteOf(one)}/${dist.name}.dist-info`,
    }),
  );
  const pip = installed.find((dist) => dist.name === 'pip')?.version;
  return { ...FACTS, installed, pip, venv: venvOf(one) };
}

async function inputOf(name: string, one: Case): Promise<FrozenInput> {
  const local = (path: string) => join(PROJECTS, one.project, path.replace(/^\/app\/?/, ''));
  const file = one.lock ?? FILES[one.kind];
  const directory = one.directory ?? '/app';
  const manifest = one.kind === 'pipenv' ? 'Pipfile' : 'pyproject.toml';
  const facts = factsBefore(name, one);
  const marks = new Map(
    (seen.get(`${name}-before`) ?? []).map((dist) => [
      `${siteOf(one)}/${dist.name}.dist-info/direct_url.json`,
      dist.directUrl,
    ]),
  );
  const settings = (one.first ?? '').includes('python -m venv')
    ? 'home = /usr/local/bin\n'
    : `uv = 0.13.9\n${(one.first ?? '').includes('--seed') ? 'seed = true\n' : ''}`;
  return {
    ...{
      tool: one.tool,
      facts,
      own: one.own ?? 'editable',
      exact: one.exact ?? false,
      freshness: one.freshness ?? 'locked',
    },
    lock: { kind: one.kind, path: `/app/${file}`, text: await readFile(local(`/app/${file}`), 'utf8') },
    project:
      one.kind === 'pylock'
        ? undefined
        : { directory, text: await readFile(local(`${directory}/${manifest}`), 'utf8') },
    selection: { ...DEFAULT_SELECTION, ...one.selection },
    indexes: { indexUrl: undefined, extraIndexUrls: [], trustedHosts: [] },
    async read(path) {
      if (path === '/opt/venv/pyvenv.cfg') return settings;
      if (marks.has(path)) return marks.get(path) ?? undefined;
      return path.startsWith('/app') ? await readFile(local(path), 'utf8').catch(() => undefined) : undefined;
    },
    list: async (path) => await readdir(local(path)).catch(() => undefined),
  };
}

/** What the result says will be in the environment. */
function expected(result: FrozenResult, was: readonly Seen[]): readonly Seen[] {
  const action = new Map(result.changes.map((one) => [one.name, one.action]));
  const written = new Set([...result.lock.distributions, ...result.own].map(({ name }) => name));
  const stays = was.filter(
    ({ name }) => action.get(name) === 'keep' || (!written.has(name) && action.get(name) !== 'remove'),
  );
  const made = result.lock.distributions
    .filter(({ name }) => action.get(name) !== 'keep')
    .map(({ name, version, wheel, requested, directUrl }) => ({
      ...{ name, version, requested, directUrl: directUrl ?? null },
      tags: [...(parseWheelName(wheel?.filename ?? '')?.tags ?? [])].sort(),
    }));
  const own = result.own.map(({ name, version, requested, directUrl }) => ({
    ...{ name, version: version ?? '1.0', requested, directUrl: directUrl ?? null, tags: [] },
  }));
  return [...stays, ...made, ...own].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

for (const [name, one] of Object.entries(CASES))
  test(`${one.command.replace(/^(?:[A-Z_]+=\S+ )*/, '')} of ${one.project}`, async () => {
    const result = await resolveFrozen(testHost(), await inputOf(name, one));
    assert.ok(!('reason' in result), 'reason' in result ? result.reason : '');
    // What is built has its tags from the build.
    const built = result.lock.distributions.filter(({ wheel }) => wheel === undefined);
    const own = new Set([...result.own, ...built].map((each) => each.name));
    const sorted = (seen.get(name) ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(
      sorted.map((each) => ({ ...each, tags: own.has(each.name) ? [] : each.tags })),
      expected(result, seen.get(`${name}-before`) ?? []),
    );
  });
