import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { built, layerwright, testbedVariable } from '../commands/launch.ts';
import { exampleDirectory } from '../examples/shapes.ts';

const own = `${testbedVariable('LW_REGISTRY')}/locked-${randomUUID().slice(0, 8)}`;

/** Poetry and pipenv bring authorities of their own: those of this machine's network have to be told them. */
const AUTHORITIES = ['--ca', process.env.SSL_CERT_FILE || '/etc/ssl/certs/ca-certificates.crt'];

/** What is another one in a file of an example. */
type Edits = Readonly<Record<string, (text: string) => string>>;

interface Case {
  readonly example: string;
  readonly edits: Edits;
}

async function edited(into: string, { example, edits }: Case): Promise<string> {
  const project = join(into, example);
  await cp(exampleDirectory(example), project, { recursive: true });
  for (const [name, edit] of Object.entries(edits)) {
    const file = join(project, name);
    const before = await readFile(file, 'utf8').catch(() => '');
    const after = edit(before);
    assert.notEqual(after, before, `${name} is another one`);
    await writeFile(file, after);
  }
  return project;
}

function instead(old: string | RegExp, text: string): (before: string) => string {
  return (before) => before.replace(old, text);
}

/** As `poetry export` writes them: each under its marker, with all hashes. */
const EXPORTED = `click==8.5.1 ; python_version >= "3.11" and python_version < "4.0" \\
HASHES:click
colorama==0.4.6 ; python_version >= "3.11" and python_version < "4.0" and platform_system == "Windows" \\
HASHES:colorama
msgspec==0.23.0 ; python_version >= "3.11" and python_version < "4.0" \\
HASHES:msgspec
`;

async function exported(): Promise<string> {
  const lock = await readFile(join(exampleDirectory('poetry'), 'poetry.lock'), 'utf8');
  return EXPORTED.replaceAll(/HASHES:(.*)/g, (_, name: string) => {
    const block = lock.split('[[package]]').find((one) => one.includes(`\nname = "${name}"\n`)) ?? '';
    const hashes = [...block.matchAll(/"(sha256:[0-9a-f]{64})"/g)].map(([, hash]) => `    --hash=${hash}`);
    assert.ok(hashes.length > 0, name);
    return hashes.join(' \\\n');
  });
}

/** Composed, without the step itself being run, and the same as what the tool installs. */
const SAME: Readonly<Record<string, Case>> = {
  'poetry with a group for development': {
    example: 'poetry',
    edits: { Dockerfile: instead('--only main --no-root', '--with dev --no-root') },
  },
  'poetry.lock with carriage returns': {
    example: 'poetry',
    edits: { 'poetry.lock': (text) => text.replaceAll('\n', '\r\n') },
  },
  'poetry with all extras and groups': {
    example: 'poetry-venv',
    edits: { Dockerfile: instead('--without dev --extras sentry', '--all-groups --all-extras') },
  },
  'pipenv with packages for development': {
    example: 'pipenv',
    edits: { Dockerfile: instead('install --deploy --system --ignore-pipfile', 'sync --dev --system') },
  },
  'pylock.toml by uv': {
    example: 'pylock',
    edits: {
      Dockerfile: (text) =>
        text
          .replace(/RUN pip install .*pip==.*/, 'COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/')
          .replace('pip install --no-cache-dir -r', 'uv pip install --system --no-cache -r'),
    },
  },
};

for (const [name, one] of Object.entries(SAME))
  test(`${name}: composed, and the same as a plain build`, async () => {
    await using directory = await temporaryDirectory();
    await isTheSame(name, await edited(directory.path, one));
  });

test('requirements with hashes and markers, exported by poetry: composed, and the same as a plain build', async () => {
  await using directory = await temporaryDirectory();
  const requirements = await exported();
  const project = await edited(directory.path, {
    example: 'pylock',
    edits: {
      'requirements.txt': () => requirements,
      Dockerfile: () =>
        'FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n',
    },
  });
  await isTheSame('exported', project);
});

async function isTheSame(name: string, project: string): Promise<void> {
  const reference = `${own}/${name.replaceAll(/[^a-z0-9]+/g, '-')}:1`;
  const { segments } = await built(['--push', '-t', reference, ...AUTHORITIES, project]);
  for (const { kind, reasons } of segments)
    for (const { reason } of kind === 'solved' ? reasons : [])
      assert.match(reason, /made by the image's own programs/);
  const verified = await layerwright(['verify', reference, ...AUTHORITIES, project]);
  assert.equal(verified.exitCode, 0, `${verified.stdout}\n${verified.stderr}`);
}

const CONFLICT = '<<<<<<< HEAD\nversion = 1\n=======\nversion = 2\n>>>>>>> main\n';

/** What the tool itself refuses: the build fails in its words, and nothing is pushed. */
const REFUSED: Readonly<Record<string, Case & { readonly says: RegExp }>> = {
  'a poetry.lock of another pyproject.toml': {
    example: 'poetry',
    edits: { 'pyproject.toml': instead('"msgspec (>=0.19,<1.0)"', '"msgspec (>=0.18,<1.0)"') },
    says: /pyproject\.toml changed significantly since poetry\.lock was last generated/,
  },
  'a poetry.lock with a wrong hash': {
    example: 'poetry',
    edits: {
      'poetry.lock': (text) =>
        text.replace(/name = "msgspec"\n[\s\S]*?\n\n/, (block) =>
          block.replaceAll(/sha256:[0-9a-f]{64}/g, `sha256:${'0'.repeat(64)}`),
        ),
    },
    says: /msgspec .* did not match any known checksums/,
  },
  'a poetry.lock with a byte order mark': {
    example: 'poetry',
    edits: { 'poetry.lock': (text) => `\uFEFF${text}` },
    says: /poetry\.lock/,
  },
  'a Pipfile.lock of another Pipfile': {
    example: 'pipenv',
    edits: {
      Pipfile: instead('waitress = "*"', 'waitress = ">=2"'),
      Dockerfile: instead(' --ignore-pipfile', ''),
    },
    says: /is out of\s+date/,
  },
  'a Pipfile.lock with a wrong hash': {
    example: 'pipenv',
    edits: {
      'Pipfile.lock': (text) =>
        text.replace(/"waitress": \{[\s\S]*?\}/, (block) =>
          block.replaceAll(/sha256:[0-9a-f]{64}/g, `sha256:${'0'.repeat(64)}`),
        ),
    },
    says: /HASHES|hashes/,
  },
  'a pylock.toml with a wrong hash': {
    example: 'pylock',
    edits: {
      'pylock.toml': (text) =>
        text.replace(/name = "click"[\s\S]*?\n\n/, (block) =>
          block.replaceAll(/sha256 = "[0-9a-f]{64}"/g, `sha256 = "${'0'.repeat(64)}"`),
        ),
    },
    says: /HASHES|hash/i,
  },
  'a pylock.toml with the marks of a merge': {
    example: 'pylock',
    edits: { 'pylock.toml': (text) => CONFLICT + text },
    says: /pylock\.toml/,
  },
  'a uv.lock of another pyproject.toml': {
    example: 'uv',
    edits: { 'pyproject.toml': instead('"flask>=3.1"', '"flask>=3.0"') },
    says: /lockfile .*needs to be updated/,
  },
  'a uv.lock with the marks of a merge': {
    example: 'uv',
    edits: { 'uv.lock': (text) => CONFLICT + text },
    says: /[Ff]ailed to parse `uv\.lock`/,
  },
  'a uv.lock with a wrong hash': {
    example: 'uv',
    edits: {
      'uv.lock': (text) =>
        text.replace(/name = "flask"\n[\s\S]*?\n\n/, (block) =>
          block.replaceAll(/sha256:[0-9a-f]{64}/g, `sha256:${'0'.repeat(64)}`),
        ),
    },
    says: /flask.* has not the hash of the lock/,
  },
  'no poetry.lock': {
    example: 'poetry',
    edits: { '.dockerignore': (text) => `${text}poetry.lock\n` },
    says: /poetry\.lock/,
  },
};

for (const [name, one] of Object.entries(REFUSED))
  test(`${name}: the build fails in the tool's own words`, async () => {
    await using directory = await temporaryDirectory();
    const project = await edited(directory.path, one);
    const reference = `${own}/refused-${name.replaceAll(/[^a-z0-9]+/g, '-')}`;
    const result = await layerwright(['build', '--push', '-t', `${reference}:1`, ...AUTHORITIES, project]);
    assert.equal(result.exitCode, 1, result.stderr);
    assert.match(result.stderr, one.says);
    assert.doesNotMatch(result.stderr, /\n {4}at |our bug/);
    const pushed = await fetch(`http://${reference.replace('/', '/v2/')}/manifests/1`, { method: 'HEAD' });
    assert.equal(pushed.status, 404, 'nothing is pushed');
  });
