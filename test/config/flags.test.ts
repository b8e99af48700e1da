import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { optionOf } from '../../src/config/flags.ts';
import { KEY_NAMES, keyOf } from '../../src/config/keys.ts';
import { defineBuild } from '../../src/verbs/build.ts';
import { defineDoctor } from '../../src/verbs/doctor.ts';
import { addSettingOptions } from '../../src/verbs/settings.ts';
import { asked, verb } from '../../src/verbs/verb.ts';
import { testHost } from '../support/host.ts';

const build = subcommand(defineBuild, 'build');
const doctor = subcommand(defineDoctor, 'doctor');

function subcommand(define: typeof defineBuild, name: string): Command {
  const root = new Command();
  define(root, testHost());
  return root.commands.find((command) => command.name() === name) as Command;
}

test('every flag of a setting is an option of build with its choices, and of doctor', () => {
  for (const name of KEY_NAMES) {
    const { flag, kind, choices } = keyOf(name);
    if (flag === undefined) continue;
    const option = build.options.find(({ long }) => long === flag);
    if (flag !== '--store') {
      assert.ok(option, flag);
      assert.equal(option.attributeName(), optionOf(name));
      assert.equal(option.isBoolean(), kind === 'boolean', flag);
      assert.deepEqual(option.argChoices ?? undefined, choices && [...choices], flag);
      if (kind !== 'choice')
        assert.equal(option.parseArg !== undefined, ['list', 'specs', 'map'].includes(kind), flag);
      else assert.equal(option.defaultValue, keyOf(name).default, flag);
    }
    assert.ok(
      doctor.options.some(({ long }) => long === flag),
      `doctor ${flag}`,
    );
  }
});

test('what was given is told from what has its default; --push=false is given', async () => {
  const command = addSettingOptions(verb(new Command(), 'x', '')).action(() => {});
  const given = async (words: string) => {
    await command.parseAsync(words.split(' ').filter(Boolean), { from: 'user' });
    return asked(command, 'here');
  };
  assert.deepEqual(await given(''), {
    context: 'here',
    options: { progress: 'auto', way: 'auto', compression: 'zstd' },
    given: {},
  });
  assert.deepEqual((await given('--compression zstd -t a --tag b --push --no-push')).given, {
    compression: 'zstd',
    tag: ['a', 'b'],
    push: false,
  });
});
