import { posix } from 'node:path';
import { EXIT, LayerwrightError } from '../../errors.ts';
import type { PipSettings, Refusal } from '../recognise/pip-arguments.ts';
import { type DirectRequirement, parseDirect } from './requirement-direct.ts';
import {
  applyFileOptions,
  decodeRequirements,
  type FileRequirement,
  parseRequirements,
  requirementInvalid,
} from './requirement-file.ts';
import { dependenciesIn, groupIn } from './requirement-group.ts';
import { parseRequirement } from './requirement-line.ts';

/** Everything that one installation asks for, nested files resolved, in the order in which pip reads it. */
export interface CollectedRequirements {
  readonly requirements: readonly FileRequirement[];
  readonly constraints: readonly FileRequirement[];
  /** Requirements that name an address or a path; empty unless `RequirementSources.direct` says that they are taken. */
  readonly direct: readonly DirectRequirement[];
  /** The options after those of the files. */
  readonly settings: PipSettings;
  /** The files that were read, as they were asked for, each once. */
  readonly files: readonly string[];
}

/** The bytes of a file of the image by its path; undefined if there is none. */
export type ReadRequirementFile = (path: string) => Promise<Uint8Array | undefined>;

/** What is collected, of a step as `recognise` gives it. */
export interface RequirementSources {
  /** Requirements on the command line. */
  readonly inline: readonly string[];
  readonly settings: PipSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Requirements of dependency groups (PEP 735), and of projects: as `PipRequest` has them. */
  readonly groups?: readonly { readonly path: string; readonly name: string }[];
  readonly dependenciesOf?: readonly {
    readonly path: string;
    readonly extras: readonly string[] | 'all';
  }[];
  /** Where requirements that name an address or a path are taken too: what their paths are relative to, absolute. */
  readonly direct?: { readonly workdir: string };
  /** uv reads more of a pyproject.toml than pip does; it is refused there. */
  readonly tool?: 'pip' | 'uv';
  /** Paths near a missing one, for the hint; may be empty. */
  readonly near?: (path: string) => string | undefined;
}

/**
 * Reads all requirements of an installation. Paths are given to `read` as they are written, nested ones joined to the
 * directory of the file that names them.
 *
 * @throws LayerwrightError `REQUIREMENT_INVALID` (1), `REQUIREMENT_FILE_MISSING` (1)
 */
export async function collectRequirements(
  sources: RequirementSources,
  read: ReadRequirementFile,
): Promise<CollectedRequirements | Refusal> {
  const { settings } = sources;
  const lists = { requirements: [], constraints: [], files: [], found: [] };
  const state: Collecting = { ...sources, read, settings, ...lists };
  // In pip's order: what the later ones say of indexes replaces what the earlier ones said.
  for (const path of settings.constraintFiles) {
    const refused = await takeFile(state, { path, constraint: true, from: 'the command' }, []);
    if (refused) return refused;
  }
  for (const text of sources.inline) {
    const refused = takeText(state, text, 'inline');
    if (refused) return refused;
  }
  const refused = await takeProjects(state);
  if (refused) return refused;
  for (const path of settings.requirementFiles) {
    const refused = await takeFile(state, { path, constraint: false, from: 'the command' }, []);
    if (refused) return refused;
  }
  const { requirements, constraints, files, found } = state;
  return {
    requirements,
    constraints,
    direct: found,
    settings: state.settings,
    files: [...new Set(files)],
  };
}

interface Collecting extends Omit<RequirementSources, 'settings'> {
  readonly read: ReadRequirementFile;
  settings: PipSettings;
  readonly requirements: FileRequirement[];
  readonly constraints: FileRequirement[];
  readonly files: string[];
  readonly found: DirectRequirement[];
}

/** One requirement of the command line or of a pyproject.toml. */
function takeText(state: Collecting, text: string, from: string): Refusal | undefined {
  const direct = state.direct && parseDirect(text, state.direct.workdir);
  if (direct !== undefined && 'reason' in direct) return direct;
  if (direct !== undefined) {
    state.found.push({ ...direct, hashes: [], from });
    return undefined;
  }
  const requirement = parseRequirement(text);
  if ('invalid' in requirement)
    throw requirementInvalid(from === 'inline' ? 'pip install' : from, requirement.invalid);
  if ('reason' in requirement) return requirement;
  state.requirements.push({ ...requirement, hashes: [], from });
  return undefined;
}

/** What groups and projects of pyproject.toml files ask for. */
async function takeProjects(state: Collecting): Promise<Refusal | undefined> {
  const { groups = [], dependenciesOf = [], tool = 'pip', read } = state;
  for (const wanted of [...dependenciesOf, ...groups]) {
    const { path } = wanted;
    const bytes = await read(path);
    if (bytes === undefined) throw missingFile(path, 'the command', state.near?.(path));
    const text = decodeRequirements(bytes, path);
    if (typeof text !== 'string') return text;
    state.files.push(path);
    const texts =
      'name' in wanted
        ? groupIn(text, path, wanted.name, tool)
        : dependenciesIn(text, path, wanted.extras, tool);
    if ('reason' in texts) return texts;
    for (const requirement of texts) {
      const refused = takeText(state, requirement, path);
      if (refused) return refused;
    }
  }
  return undefined;
}

interface Include {
  readonly path: string;
  readonly constraint: boolean;
  readonly from: string;
}

async function takeFile(
  state: Collecting,
  { path, constraint, from }: Include,
  above: readonly string[],
): Promise<Refusal | undefined> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return { reason: `${from} reads a file from an address` };
  if (above.includes(posix.normalize(path)))
    throw requirementInvalid(from, `${path} includes itself, directly or around corners`);
  const bytes = await state.read(path);
  if (bytes === undefined) throw missingFile(path, from, state.near?.(path));
  const text = decodeRequirements(bytes, path);
  if (typeof text !== 'string') return text;
  const items = parseRequirements(text, path, state.env, state.direct?.workdir);
  if ('reason' in items) return items;
  state.files.push(path);
  for (const item of items) {
    const refused = await takeItem(state, item, { path, constraint }, above);
    if (refused) return refused;
  }
  return undefined;
}

async function takeItem(
  state: Collecting,
  item: Exclude<ReturnType<typeof parseRequirements>, Refusal>[number],
  file: { readonly path: string; readonly constraint: boolean },
  above: readonly string[],
): Promise<Refusal | undefined> {
  if ('requirement' in item) return takeRequirement(state, item.requirement, file.constraint);
  if ('direct' in item) {
    if (file.constraint) return { reason: `${item.direct.from}: a constraint that names an address` };
    state.found.push(item.direct);
    return undefined;
  }
  if ('options' in item) {
    const settings = applyFileOptions(state.settings, item.options);
    if ('reason' in settings) return settings;
    state.settings = settings;
    return undefined;
  }
  if (file.constraint && !item.constraint)
    return { reason: `${item.from}: versions of pip disagree about -r in a constraints file` };
  const path = item.include.startsWith('/')
    ? item.include
    : posix.join(posix.dirname(file.path), item.include);
  const nested = /^[a-z][a-z0-9+.-]*:/i.test(item.include) ? item.include : path;
  return await takeFile(state, { path: nested, constraint: item.constraint, from: item.from }, [
    ...above,
    posix.normalize(file.path),
  ]);
}

function takeRequirement(
  state: Collecting,
  requirement: FileRequirement,
  constraint: boolean,
): Refusal | undefined {
  if (!constraint) {
    state.requirements.push(requirement);
    return undefined;
  }
  if (requirement.extras.length > 0) return { reason: `${requirement.from}: a constraint with extras` };
  state.constraints.push(requirement);
  return undefined;
}

function missingFile(path: string, from: string, near: string | undefined): LayerwrightError {
  return new LayerwrightError(`${from} reads ${path}, which is not there`, {
    code: 'REQUIREMENT_FILE_MISSING',
    exit: EXIT.failed,
    hint: near ? `Did you mean ${near}?` : 'Is it copied before, and not left out by .dockerignore?',
  });
}
