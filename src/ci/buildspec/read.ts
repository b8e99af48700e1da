import { usageError } from '../../errors.ts';
import { readTextIfThere } from '../../host/files.ts';
import type { Buildspec, BuildspecCache } from './buildspec.ts';
import { entriesOf, type Fields, fieldsOf, TOP } from './fields.ts';
import { readArtifacts } from './read-artifacts.ts';
import { NO_ENV, readEnv } from './read-env.ts';
import { readPhases } from './read-phases.ts';
import { invalid, type Tree } from './tree.ts';

const MOST_FALLBACK_KEYS = 5;

/**
 * Reads and checks a buildspec file.
 *
 * @param file absolute path
 * @param shown the path for messages
 * @throws LayerwrightError `BUILDSPEC_MISSING` (2), `BUILDSPEC_INVALID` (1) with line and column
 */
export async function readBuildspec(file: string, shown: string): Promise<Buildspec> {
  const text = await readTextIfThere(file);
  if (text === undefined)
    throw usageError(
      'BUILDSPEC_MISSING',
      `YAML_FILE_ERROR Message: stat ${shown}: no such file or directory`,
      'Name the file with --buildspec, or write one with `layerwright ci generate codebuild`.',
    );
  return await parseBuildspec(text, shown);
}

/**
 * Parses and checks a buildspec. Unknown keys are refused, with the nearest known name.
 *
 * @param path as shown in messages
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1) with line and column
 */
export async function parseBuildspec(text: string, path: string): Promise<Buildspec> {
  // Nothing else needs the YAML parser.
  const { parseTree } = await import('./parse-tree.ts');
  const tree = parseTree(text, path);
  if (tree.kind === 'nothing') throw invalid(path, undefined, 'the file is empty');
  const version = readVersion(path, tree);
  const envKey = version === '0.1' ? 'environment_variables' : 'env';
  const fields = fieldsOf(tree, {
    path,
    where: TOP,
    keys: ['version', 'run-as', envKey, 'proxy', 'batch', 'phases', 'reports', 'artifacts', 'cache'],
  });
  const notAvailable: string[] = [];
  if (version === '0.1')
    notAvailable.push('version 0.1: each command runs in a shell of its own, as CodeBuild does it; use 0.2');
  const env = present(fields, envKey);
  const phases = fields.get('phases');
  if (phases === undefined) throw invalid(path, tree.place, 'phases is required: there is nothing to run');
  const artifacts = present(fields, 'artifacts');
  return {
    path,
    version,
    runAs: fields.text('run-as'),
    env: env === undefined ? NO_ENV : readEnv(path, env, version, notAvailable),
    phases: readPhases(path, phases, notAvailable),
    artifacts: artifacts === undefined ? undefined : readArtifacts(path, artifacts, notAvailable),
    cache: readCache(path, fields),
    notAvailable: [...notAvailable, ...otherSections(path, fields)],
  };
}

/** A section that has something in it; an empty one is as good as none. */
function present(fields: Fields, key: string): Tree | undefined {
  const tree = fields.get(key);
  return tree?.kind === 'nothing' ? undefined : tree;
}

function readVersion(path: string, tree: Tree): Buildspec['version'] {
  const entry = entriesOf(path, TOP, tree).find(({ key }) => key === 'version');
  if (entry === undefined)
    throw invalid(path, tree.place, 'version is required', 'Begin the file with "version: 0.2".');
  const { value } = entry;
  const text = value.kind === 'text' ? value.text : '';
  if (text === '0.1' || text === '0.2') return text;
  throw invalid(path, value.place, `Invalid buildspec version: "${text}"`, 'Known: 0.2, and 0.1.');
}

function readCache(path: string, outer: Fields): BuildspecCache | undefined {
  const tree = present(outer, 'cache');
  if (tree === undefined) return undefined;
  const fields = fieldsOf(tree, { path, where: 'cache', keys: ['key', 'fallback-keys', 'action', 'paths'] });
  const fallbackKeys = fields.texts('fallback-keys');
  if (fallbackKeys.length > MOST_FALLBACK_KEYS)
    throw invalid(
      path,
      fields.get('fallback-keys')?.place,
      `cache/fallback-keys: up to ${MOST_FALLBACK_KEYS} are supported, these are ${fallbackKeys.length}`,
    );
  const action = fields.text('action');
  if (action !== undefined && action !== 'restore' && action !== 'save')
    throw invalid(
      path,
      fields.get('action')?.place,
      `cache/action must be restore or save, but is "${action}"`,
    );
  const paths = fields.texts('paths');
  if (paths.length === 0)
    throw invalid(path, fields.get('paths')?.place ?? tree.place, 'cache/paths is required');
  return { key: fields.text('key'), fallbackKeys, action: action ?? 'both', paths };
}

/** Sections that CodeBuild acts on and a run on this machine does not; their keys are checked all the same. */
function otherSections(path: string, outer: Fields): readonly string[] {
  const lines: string[] = [];
  const proxy = present(outer, 'proxy');
  if (proxy !== undefined) {
    fieldsOf(proxy, { path, where: 'proxy', keys: ['upload-artifacts', 'logs'] });
    lines.push("proxy: is about CodeBuild's own uploads and logs, which there are none of here");
  }
  if (present(outer, 'batch') !== undefined)
    lines.push('batch: CodeBuild could make several builds of this file; here its phases run once');
  const reports = present(outer, 'reports');
  for (const { key, value } of reports === undefined ? [] : entriesOf(path, 'reports', reports)) {
    fieldsOf(value, {
      path,
      where: `reports/${key}`,
      keys: ['files', 'base-directory', 'discard-paths', 'file-format'],
    });
    lines.push(`reports/${key}: there is no report group here; the files stay where they are`);
  }
  return lines;
}
