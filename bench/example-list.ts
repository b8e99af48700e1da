/** An example that is measured, and how a commit changes it. */
export interface MeasuredExample {
  /** Below `examples`. */
  readonly folder: string;
  /** A file of its own code to which a line is added. */
  readonly code: string;
  /** What puts another version of one package in. */
  readonly bump: Bump;
  /** True if a program of it brings authorities of its own, and has to be told those of this machine's network. */
  readonly ownAuthorities?: boolean;
}

/** A text that stands once in a file of the example, and the one that takes its place; and the command that then writes its lock. */
export interface Bump {
  readonly edit?: { readonly file: string; readonly before: string; readonly after: string };
  /** What uv is called with, in the example's folder: `uv lock`, or another tool that `uv tool run` has. */
  readonly uv?: readonly string[];
}

const edit = (file: string, before: string, after: string): Bump => ({ edit: { file, before, after } });
const pin = (before: string, after: string, file = 'requirements.txt') =>
  edit(file, `${before}\n`, `${after}\n`);
const MARKUPSAFE = pin('markupsafe==3.0.4', 'markupsafe==3.0.3');
const OLDER_MARKUPSAFE = pin('markupsafe==3.0.3', 'markupsafe==3.0.2');
const POETRY_LOCK = ['tool', 'run', 'poetry==2.5.1', 'lock'];

/**
 * In the order of the table: first what most projects have. Not among them are `monorepo`, whose targets are built together by `bake`,
 * and `private`, whose index nobody else has.
 */
export const EXAMPLES: readonly MeasuredExample[] = [
  { folder: 'recipe', code: 'app/stock.py', bump: pin('idna==3.20', 'idna==3.18') },
  { folder: 'venv', code: 'app/notes.py', bump: MARKUPSAFE },
  {
    ...{ folder: 'uv', code: 'src/weather/readings.py' },
    bump: { uv: ['lock', '--upgrade-package', 'markupsafe==3.0.3'] },
  },
  {
    ...{ folder: 'poetry', code: 'parcels/service.py', ownAuthorities: true },
    bump: {
      ...edit('pyproject.toml', '"msgspec (>=0.19,<1.0)"', '"msgspec (>=0.19,<0.20)"'),
      uv: POETRY_LOCK,
    },
  },
  { folder: 'naive', code: 'report.py', bump: MARKUPSAFE },
  { folder: 'nonroot', code: 'app/settings.py', bump: pin('sqlparse==0.6.1', 'sqlparse==0.5.3') },
  { folder: 'chat', code: 'app/words.py', bump: pin('idna==3.20', 'idna==3.18', 'requirement.txt') },
  {
    ...{ folder: 'several', code: 'app/main.py' },
    bump: pin('idna==3.20', 'idna==3.18', 'requirements/constraints.txt'),
  },
  {
    ...{ folder: 'poetry-venv', code: 'tariffs/service.py', ownAuthorities: true },
    bump: { ...edit('pyproject.toml', 'version = "^3.10"', 'version = "<3.12"'), uv: POETRY_LOCK },
  },
  {
    ...{ folder: 'pipenv', code: 'letters/service.py' },
    bump: { uv: ['tool', 'run', '--python', '3.11', 'pipenv==2026.10.3', 'upgrade', 'waitress==3.0.1'] },
  },
  {
    ...{ folder: 'uv-pip', code: 'app/service.py' },
    bump: edit('pyproject.toml', '"waitress==3.0.2"', '"waitress==3.0.1"'),
  },
  {
    ...{ folder: 'uv-workspace', code: 'packages/units/src/units/__init__.py' },
    bump: { uv: ['lock', '--upgrade-package', 'pyyaml==6.0.3'] },
  },
  {
    ...{ folder: 'hashes', code: 'sign.py' },
    bump: {
      uv: [
        ...['pip', 'compile', '--no-header', '--no-annotate', '--generate-hashes', '--only-binary', ':all:'],
        ...['--python-version', '3.11', 'requirements.in', '-o', 'requirements.txt'],
        ...['--upgrade-package', 'pycparser==3.11'],
      ],
    },
  },
  {
    ...{ folder: 'pylock', code: 'tides.py' },
    bump: {
      uv: [
        ...['pip', 'compile', '--universal', '--python-version', '3.11', 'pyproject.toml'],
        ...['--format', 'pylock.toml', '-o', 'pylock.toml', '--upgrade-package', 'markupsafe==3.0.3'],
      ],
    },
  },
  { folder: 'user', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'as-user', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'prefix', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'target', code: 'app/run.py', bump: pin('pyyaml==6.0.3', 'pyyaml==6.0.2') },
  {
    folder: 'groups',
    code: 'app/main.py',
    bump: edit('pyproject.toml', 'markupsafe==3.0.4', 'markupsafe==3.0.3'),
  },
  { folder: 'wheels', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'sources', code: 'report.py', bump: MARKUPSAFE },
  { folder: 'project', code: 'src/greet/cli.py', bump: MARKUPSAFE },
  { folder: 'gcc', code: 'render.py', bump: MARKUPSAFE },
  {
    ...{ folder: 'plugins', code: 'app/main.py' },
    bump: pin('markupsafe==3.0.4', 'markupsafe==3.0.3', 'plugins/web.txt'),
  },
  { folder: 'distroless', code: 'app/main.py', bump: OLDER_MARKUPSAFE },
  { folder: 'alpine', code: 'app.py', bump: OLDER_MARKUPSAFE },
  { folder: 'arg-base', code: 'app.py', bump: OLDER_MARKUPSAFE },
  { folder: 'second-minor', code: 'app.py', bump: OLDER_MARKUPSAFE },
  { folder: 'chainguard', code: 'app.py', bump: OLDER_MARKUPSAFE },
  { folder: 'cuda', code: 'app.py', bump: OLDER_MARKUPSAFE },
  { folder: 'conda', code: 'app.py', bump: OLDER_MARKUPSAFE },
];
