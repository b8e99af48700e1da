import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BASE, described } from '../recognise-describe.ts';

interface Case {
  readonly env: Readonly<Record<string, string>>;
  readonly command: string;
  readonly expected: string;
}

const cases = casesOf(readFileSync(join(import.meta.dirname, 'recognise-corpus.txt'), 'utf8'));

test('commands of real Dockerfiles are recognised, or left to BuildKit with a reason', () => {
  assert.ok(cases.length >= 200, `${cases.length} commands`);
  for (const { command, env, expected } of cases)
    assert.equal(described(command, { env: { ...BASE.env, ...env } }), expected, command);
});

test('what is recognised needs no shell: the words of the exec form say the same', () => {
  for (const { command, env, expected } of cases) {
    if (expected.startsWith('! ') || /["'$&;*]|^[A-Za-z_]+=/.test(command)) continue;
    assert.equal(described(command.split(/\s+/), { env: { ...BASE.env, ...env } }), expected, command);
  }
});

test('a command of another program beside one that is recognised leaves both to BuildKit', () => {
  for (const { command, env, expected } of cases) {
    if (expected.startsWith('! ')) continue;
    for (const other of ['python manage.py migrate', 'touch x', 'sed -i s/a/b/ setup.cfg', 'make install'])
      assert.match(described(`${command} && ${other}`, { env: { ...BASE.env, ...env } }), /^! /, command);
  }
});

function casesOf(text: string): readonly Case[] {
  const found: Case[] = [];
  let env: Record<string, string> = {};
  let command = '';
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('env ')) {
      const pairs = line.slice('env '.length).split(' ');
      env = Object.fromEntries(
        pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      );
    } else if (line.startsWith('    => ')) {
      found.push({ env, command, expected: line.slice('    => '.length) });
      env = {};
    } else command = line;
  }
  return found;
}
