import { PHASES, type Phase, type PhaseName } from './buildspec.ts';
import { entriesOf, type Fields, fieldsOf, keyHint } from './fields.ts';
import { type OnFailure, parseOnFailure } from './on-failure.ts';
import { type Entry, invalid, type Tree } from './tree.ts';

/**
 * `phases` of a buildspec, in the order in which they run.
 *
 * @param notAvailable receives what a run on this machine does not do
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1)
 */
export function readPhases(path: string, tree: Tree, notAvailable: string[]): readonly Phase[] {
  const entries = tree.kind === 'nothing' ? [] : entriesOf(path, 'phases', tree);
  if (entries.length === 0) throw invalid(path, tree.place, 'phases is empty: there is nothing to run');
  const phases = entries.map((entry) => readPhase(path, entry, notAvailable));
  return PHASES.flatMap((name) => phases.find((phase) => phase.name === name) ?? []);
}

function readPhase(path: string, entry: Entry, notAvailable: string[]): Phase {
  const name = PHASES.find((known) => known === entry.key);
  if (name === undefined)
    // The words of CodeBuild's own log.
    throw invalid(
      path,
      entry.place,
      `Invalid buildspec phase name: ${entry.key}. Expecting: BUILD,INSTALL,POST_BUILD,PRE_BUILD`,
      keyHint(entry.key, PHASES),
    );
  if (entry.value.kind === 'nothing') throw invalid(path, entry.place, `phases/${name} is empty`);
  const fields = fieldsOf(entry.value, {
    path,
    where: `phases/${name}`,
    keys: [
      'run-as',
      'on-failure',
      ...(name === 'install' ? ['runtime-versions'] : []),
      'commands',
      'finally',
    ],
  });
  const runtimes = fields.textMap('runtime-versions');
  notAvailable.push(
    ...runtimes.map(
      ({ key, text }) =>
        `phases/install/runtime-versions: CodeBuild would select ${key} ${text} of its build image; here the ${key} of this machine is used`,
    ),
  );
  const phase = {
    name,
    runAs: fields.text('run-as'),
    onFailure: readOnFailure(path, fields),
    commands: listOf(fields, 'commands'),
    finally: listOf(fields, 'finally'),
  };
  checkWork(path, entry, phase, runtimes.length > 0);
  return phase;
}

/** Build specification reference: `commands` is required in every phase but install. */
function checkWork(
  path: string,
  entry: Entry,
  { name, commands, finally: after }: { name: PhaseName } & Pick<Phase, 'commands' | 'finally'>,
  hasRuntimes: boolean,
): void {
  if (commands.length > 0 || (name === 'install' && (hasRuntimes || after.length > 0))) return;
  throw invalid(
    path,
    entry.place,
    `phases/${name} has no commands`,
    'Give it commands, or leave the phase out.',
  );
}

function listOf(fields: Fields, key: string): readonly string[] {
  return fields.get(key)?.kind === 'nothing' ? [] : fields.texts(key);
}

function readOnFailure(path: string, fields: Fields): OnFailure | undefined {
  const text = fields.text('on-failure');
  if (text === undefined) return undefined;
  const parsed = parseOnFailure(text);
  if (typeof parsed === 'object') return parsed;
  throw invalid(
    path,
    fields.get('on-failure')?.place,
    `${fields.where}/on-failure: ${parsed ?? `"${text}" is not known`}`,
    'ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex.',
  );
}
