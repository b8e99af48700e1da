import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import packageJson from '../package.json' with { type: 'json' };
import { normaliseBooleans } from '../src/cli.ts';
import { run } from '../src/host/exec.ts';
import { temporaryDirectory } from '../src/host/files.ts';

/** Runs the command in an empty directory. */
async function layerwright(...words: string[]) {
  await using directory = await temporaryDirectory();
  const program = join(import.meta.dirname, '..', 'bin', 'layerwright.js');
  return await run([process.execPath, program, ...words], { cwd: directory.path });
}

test("buildx's switches may have a value, in the spellings of Go", () => {
  const words = (line: string) => normaliseBooleans(line.split(' ')).join(' ');
  assert.equal(words('build --push=true --load=1 --pull --json=T .'), 'build --push --load --pull --json .');
  assert.equal(words('build --push=false --no-cache=0 --load=False --json=f .'), 'build --no-push .');
  assert.equal(words('build --no-cache=TRUE'), 'build --no-cache');
});

test('what is no switch keeps its value', () => {
  const words = [
    'build',
    '--sbom=true',
    '--provenance=false',
    '--push=maybe',
    '--no-cache-filter=1',
    '-t',
    'a:1',
  ];
  assert.deepEqual(normaliseBooleans(words), words);
});

test('the version and the help are data; a flag that is not known is a usage error with a suggestion', async () => {
  assert.deepEqual(await layerwright('--version'), {
    exitCode: 0,
    stdout: `${packageJson.version}\n`,
    stderr: '',
  });
  const help = await layerwright('build', '--help');
  assert.deepEqual([help.exitCode, help.stderr], [0, '']);
  assert.match(help.stdout, /--no-cache-filter <stage>/);
  const unknown = await layerwright('build', '--cache-form', 'x', '.');
  assert.deepEqual([unknown.exitCode, unknown.stdout], [2, '']);
  assert.match(unknown.stderr, /unknown option '--cache-form'\n\(Did you mean --cache-from\?\)/);
});

test('an error is told to people, and with --json, however it is spelled, to machines too', async () => {
  const plain = await layerwright('build', 'nosuch');
  assert.deepEqual([plain.exitCode, plain.stdout], [2, '']);
  assert.match(
    plain.stderr,
    /^error: no build context at \S+\/nosuch \[NO_CONTEXT\]\nhint: Give the directory/,
  );
  for (const flag of ['--json', '--json=true']) {
    const { exitCode, stdout, stderr } = await layerwright('build', flag, 'nosuch');
    const { schemaVersion, outcome, error } = JSON.parse(stdout);
    assert.deepEqual([exitCode, schemaVersion, outcome, error.code], [2, 1, 'failed', 'NO_CONTEXT']);
    assert.match(stderr, /\[NO_CONTEXT\]/);
  }
});

test('the parser of options tells machines of its errors too', async () => {
  const { exitCode, stdout } = await layerwright('build', '--json', '--nope');
  const { outcome, error } = JSON.parse(stdout);
  assert.deepEqual(
    [exitCode, outcome, error],
    [2, 'failed', { code: 'FLAG_INVALID', message: "unknown option '--nope'", temporary: false }],
  );
});

test('every command has --json, --progress, --help and --version', async () => {
  for (const command of [
    ['build'],
    ['ci', 'run'],
    ['config'],
    ['doctor'],
    ['cache', 'save'],
    ['cache', 'restore'],
    ['engine', 'install'],
    ['engine', 'status'],
    ['engine', 'stop'],
  ]) {
    const { stdout } = await layerwright(...command, '--help');
    for (const option of ['--json', '--config <file>', '--progress <mode>', '--help', '--version'])
      assert.ok(stdout.includes(option), `${command.join(' ')} ${option}`);
    assert.equal((await layerwright(...command, '--version')).stdout, `${packageJson.version}\n`);
  }
});

test('files that cannot be written are found out before the build', async () => {
  const refused = async (...words: string[]) => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const program = join(import.meta.dirname, '..', 'bin', 'layerwright.js');
    const result = await run([process.execPath, program, 'build', ...words, '.'], { cwd: directory.path });
    assert.equal(result.exitCode, 2, result.stderr);
    return result.stderr;
  };
  assert.match(
    await refused('--metadata-file', '.'),
    /cannot be written: it is a directory \[FILE_UNUSABLE\]/,
  );
  assert.match(await refused('--iidfile', 'Dockerfile/id'), /Dockerfile is no directory \[FILE_UNUSABLE\]/);
  assert.match(await refused('--json', '-o', '-'), /would be mixed \[OUTPUT_CONFLICT\]/);
  assert.match(await refused('--cache-to', 'type=registry'), /names no repository \[FLAG_INVALID\]/);
});
