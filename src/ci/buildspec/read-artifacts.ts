import type { ArtifactFiles, Artifacts } from './buildspec.ts';
import { entriesOf, type Fields, fieldsOf } from './fields.ts';
import { invalid, type Tree } from './tree.ts';

const KEYS = [
  'files',
  'name',
  'discard-paths',
  'base-directory',
  'exclude-paths',
  'enable-symlinks',
  's3-prefix',
];

/**
 * `artifacts` of a buildspec.
 *
 * @param notAvailable receives what a run on this machine does not do
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1)
 */
export function readArtifacts(path: string, tree: Tree, notAvailable: string[]): Artifacts {
  const where = 'artifacts';
  // `type` belongs to version 0.1 and has no meaning any more.
  const fields = fieldsOf(tree, { path, where, keys: [...KEYS, 'secondary-artifacts', 'type'] });
  if (fields.get('type') !== undefined)
    notAvailable.push('artifacts/type: has no meaning since version 0.2 of buildspecs');
  return {
    ...readFiles(path, fields, notAvailable),
    secondary: readSecondary(path, fields.get('secondary-artifacts'), notAvailable),
  };
}

function readSecondary(
  path: string,
  tree: Tree | undefined,
  notAvailable: string[],
): Readonly<Record<string, ArtifactFiles>> {
  if (tree === undefined || tree.kind === 'nothing') return {};
  return Object.fromEntries(
    entriesOf(path, 'artifacts/secondary-artifacts', tree).map(({ key, place, value }) => {
      if (!/^[A-Za-z0-9_-]+$/.test(key))
        throw invalid(path, place, `"${key}" is no artifact identifier`, 'Letters, digits and underscores.');
      const where = `artifacts/secondary-artifacts/${key}`;
      return [key, readFiles(path, fieldsOf(value, { path, where, keys: KEYS }), notAvailable)];
    }),
  );
}

function readFiles(path: string, fields: Fields, notAvailable: string[]): ArtifactFiles {
  const files = fields.texts('files');
  if (files.length === 0)
    throw invalid(path, fields.get('files')?.place ?? fields.tree.place, `${fields.where}/files is required`);
  if (fields.text('s3-prefix') !== undefined)
    notAvailable.push(`${fields.where}/s3-prefix: artifacts go to a directory of this machine, not to S3`);
  if (fields.yesNo('enable-symlinks'))
    notAvailable.push(`${fields.where}/enable-symlinks: no ZIP file is made; what links point to is copied`);
  const excludes = fields.get('exclude-paths');
  return {
    files,
    name: fields.text('name'),
    discardPaths: fields.yesNo('discard-paths'),
    baseDirectory: fields.text('base-directory'),
    // One or more paths: both forms are in use.
    excludePaths: excludes?.kind === 'text' ? [excludes.text] : fields.texts('exclude-paths'),
  };
}
