import type { BuildspecEnv, Shell } from './buildspec.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { parseSecretReference } from './secret-reference.ts';
import { invalid, type Tree } from './tree.ts';

export const NO_ENV: BuildspecEnv = {
  shell: 'sh',
  variables: {},
  parameterStore: {},
  secretsManager: {},
  exportedVariables: [],
};

const SHELLS: Readonly<Record<string, Shell>> = {
  bash: 'bash',
  '/bin/bash': 'bash',
  sh: 'sh',
  '/bin/sh': 'sh',
};
const WINDOWS = ['powershell.exe', 'cmd.exe'];

/**
 * `env` of a buildspec, or in version 0.1 `environment_variables` with `plaintext`.
 *
 * @param notAvailable receives what a run on this machine does not do
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1)
 */
export function readEnv(path: string, tree: Tree, version: string, notAvailable: string[]): BuildspecEnv {
  if (version === '0.1') {
    const fields = fieldsOf(tree, {
      path,
      where: 'environment_variables',
      keys: ['plaintext', 'parameter-store'],
    });
    return {
      ...NO_ENV,
      variables: textRecord(fields, 'plaintext'),
      parameterStore: textRecord(fields, 'parameter-store'),
    };
  }
  const fields = fieldsOf(tree, {
    path,
    where: 'env',
    keys: [
      'shell',
      'variables',
      'parameter-store',
      'secrets-manager',
      'exported-variables',
      'git-credential-helper',
    ],
  });
  if (fields.yesNo('git-credential-helper'))
    notAvailable.push(
      "env/git-credential-helper: CodeBuild would hand out the source's Git credentials; here git uses this machine's own",
    );
  const env: BuildspecEnv = {
    shell: readShell(path, fields),
    variables: textRecord(fields, 'variables'),
    parameterStore: textRecord(fields, 'parameter-store'),
    secretsManager: readSecrets(path, fields),
    exportedVariables: readExported(path, fields),
  };
  const reserved = Object.keys({ ...env.variables, ...env.parameterStore, ...env.secretsManager }).filter(
    (name) => name.startsWith('CODEBUILD_'),
  );
  if (reserved.length > 0)
    notAvailable.push(`env: names that begin with CODEBUILD_ are CodeBuild's own: ${reserved.join(', ')}`);
  return env;
}

function readShell(path: string, fields: Fields): Shell {
  const text = fields.text('shell');
  if (text === undefined) return NO_ENV.shell;
  const shell = SHELLS[text];
  if (shell !== undefined) return shell;
  const place = fields.get('shell')?.place;
  if (WINDOWS.includes(text))
    throw invalid(path, place, `env/shell: ${text} is for Windows only`, 'Here: bash or sh.');
  throw invalid(path, place, `env/shell: "${text}" is no shell that CodeBuild knows`, 'Known: bash, sh.');
}

function textRecord(fields: Fields, key: string): Record<string, string> {
  return Object.fromEntries(fields.textMap(key).map((entry) => [entry.key, entry.text]));
}

function readSecrets(path: string, fields: Fields): BuildspecEnv['secretsManager'] {
  return Object.fromEntries(
    fields.textMap('secrets-manager').map(({ key, text, value }) => {
      const reference = parseSecretReference(text);
      if (typeof reference === 'string')
        throw invalid(path, value.place, `env/secrets-manager/${key}: ${reference}`);
      return [key, reference];
    }),
  );
}

function readExported(path: string, fields: Fields): readonly string[] {
  const names = fields.texts('exported-variables');
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined)
    throw invalid(
      path,
      fields.get('exported-variables')?.place,
      `env/exported-variables: "${wrong}" is no name of a variable`,
    );
  return names;
}
