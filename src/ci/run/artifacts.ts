import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { ArtifactFiles, Artifacts } from '../buildspec/buildspec.ts';
import { directoriesMatching, filesMatching, patternToRegExp } from './glob.ts';

/** An artifact that was written. */
export interface Artifact {
  /** The identifier of a secondary artifact; null for the primary one. */
  readonly identifier: string | null;
  readonly name: string | null;
  /** Absolute. */
  readonly directory: string;
  /** Relative to the directory, sorted. */
  readonly files: readonly string[];
  /** Of all files together. */
  readonly bytes: number;
}

/** Where artifacts come from and go to. */
export interface ArtifactPlaces {
  /** Absolute. */
  readonly source: string;
  /** Absolute. */
  readonly target: string;
  /** The target is ours: what an earlier run left in it is removed first. */
  readonly targetIsOurs: boolean;
}

/** Why artifacts cannot be written, as CodeBuild's log has it. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
}

/**
 * Copies the files of all artifacts (Build specification reference, artifacts). The primary one goes right into the target
 * directory, or into a directory of its name there; secondary ones into directories of their identifiers.
 *
 * @param expand expands variables and `$(...)` in a name
 * @param say told what is looked for and found
 * @throws ArtifactError if an artifact has no file, or its name leads out of the target
 */
export async function writeArtifacts(
  artifacts: Artifacts,
  places: ArtifactPlaces,
  expand: (text: string) => Promise<string>,
  say: (line: string) => void,
): Promise<readonly Artifact[]> {
  await prepareTarget(places);
  const written: Artifact[] = [];
  // As in CodeBuild the primary one is not made where there are secondary ones.
  const wanted: readonly (readonly [string | null, ArtifactFiles])[] = [
    [null, artifacts],
    ...Object.entries(artifacts.secondary),
  ];
  for (const [identifier, files] of wanted)
    written.push(await writeArtifact(identifier, files, places, expand, say));
  return written;
}

async function prepareTarget({ target, targetIsOurs }: ArtifactPlaces): Promise<void> {
  if (targetIsOurs) await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  // The source is often a checkout, whose status nobody wants to see changed.
  if (targetIsOurs) await writeFile(join(dirname(target), '.gitignore'), '*\n');
}

async function writeArtifact(
  identifier: string | null,
  files: ArtifactFiles,
  places: ArtifactPlaces,
  expand: (text: string) => Promise<string>,
  say: (line: string) => void,
): Promise<Artifact> {
  const name = files.name === undefined ? null : await expand(files.name);
  const directory = targetOf(places.target, identifier, name);
  const found = await artifactFiles(files, places, say);
  if (found.size === 0) throw new ArtifactError('no matching artifact paths found');
  say(`Found ${found.size} file(s)`);
  let bytes = 0;
  for (const [to, from] of found) {
    const path = join(directory, to);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(from, path);
    bytes += (await stat(path)).size;
  }
  say(`Artifact ${identifier ?? 'primary'}: ${directory}`);
  return { identifier, name, directory, files: [...found.keys()].sort(), bytes };
}

function targetOf(target: string, identifier: string | null, name: string | null): string {
  const within = name === null || name === '' ? (identifier ?? '.') : name.replace(/^\/+/, '');
  const directory = resolve(target, identifier !== null && name ? join(identifier) : within);
  const way = relative(target, directory);
  if (way === '..' || way.startsWith(`..${sep}`))
    throw new ArtifactError(`the artifact name ${name} leads out of the directory for artifacts`);
  return directory;
}

/** Files by the path they get; a later one of the same name wins, as with `discard-paths`. */
async function artifactFiles(
  wanted: ArtifactFiles,
  { source, target, targetIsOurs }: ArtifactPlaces,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, string>> {
  const base = wanted.baseDirectory?.replace(/\/+$/, '') || '.';
  say(`Expanding base directory path: ${base}`);
  const bases = base === '.' ? ['.'] : await directoriesMatching(source, base);
  if (bases.length === 0) throw new ArtifactError(`no matching base directory path found for ${base}`);
  const excluded = wanted.excludePaths.map(patternToRegExp);
  const found = new Map<string, string>();
  // What an earlier run has written is no part of this one's artifacts.
  const leaveOut = [targetIsOurs ? dirname(target) : target];
  for (const directory of bases) {
    const from = join(source, directory);
    for (const pattern of wanted.files) {
      const relativePattern = pattern.startsWith('/') ? relative(from, pattern) : pattern;
      say(`Expanding ${pattern}`);
      const files = await filesMatching(from, [relativePattern], leaveOut);
      if (files.length === 0) say(`Skipping invalid file path ${pattern}`);
      for (const file of files)
        if (!excluded.some((matches) => matches.test(file)))
          found.set(wanted.discardPaths ? basename(file) : withoutUp(file), join(from, file));
    }
  }
  return found;
}

/** Files outside the base directory, named by an absolute path, keep their place below the target. */
function withoutUp(file: string): string {
  return file.replace(/^(?:\.\.\/)+/, '');
}
