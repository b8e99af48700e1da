import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { KeptStage } from '../ci/generate/codebuild.ts';
import { type Dockerfile, parseDockerfile, targetStage } from '../dockerfile/parse.ts';
import { ENGINE_VERSIONS } from '../engine/releases.ts';
import { LayerwrightError, usageError } from '../errors.ts';
import { kindOf, readTextIfThere, writeFileAtomic } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { checkStageDirectory, stageInputs } from '../plan/stage-inputs.ts';

export interface GenerateRequest {
  /** Plain docker buildx commands instead of Layerwright. */
  readonly classic: boolean;
  /** Relative to the current directory. */
  readonly dockerfile: string;
  readonly platforms: readonly string[];
  /** File to write. */
  readonly output: string;
  /** Replace a file that was not generated. */
  readonly force: boolean;
  /** Layerwright's own version. */
  readonly version: string;
}

/** `ci generate --json`. */
export interface GenerateRecord {
  readonly schemaVersion: 1;
  /** Absolute path. */
  readonly file: string;
  readonly form: 'layerwright' | 'classic';
  /** Stages whose files the CI keeps in directories. */
  readonly stages: readonly string[];
}

/**
 * Writes a buildspec for the project in the current directory.
 *
 * @throws LayerwrightError `NO_DOCKERFILE`, `FILE_EXISTS` (2), `DOCKERFILE_INVALID` (1)
 */
export async function generateCodebuild(
  host: Host,
  request: GenerateRequest,
): Promise<{ readonly record: GenerateRecord; readonly text: string }> {
  const path = resolve(host.cwd, request.dockerfile);
  if ((await kindOf(path)) !== 'file')
    throw usageError('NO_DOCKERFILE', `no Dockerfile at ${path}`, 'Write one, or name it with -f.');
  const dockerfile = parseDockerfile(await readFile(path, 'utf8'), request.dockerfile);
  const { codebuildBuildspec, GENERATED } = await import('../ci/generate/codebuild.ts');
  const file = resolve(host.cwd, request.output);
  const before = await readTextIfThere(file);
  if (before !== undefined && !before.startsWith(GENERATED) && !request.force)
    throw usageError(
      'FILE_EXISTS',
      `${file} is there already, and not by us`,
      'Move it away, write another one with --output FILE, or replace it with --force.',
    );
  // A directory has the files of one platform.
  const stages = request.platforms.length > 1 ? [] : keptStages(dockerfile);
  const form = request.classic ? 'classic' : 'layerwright';
  await writeFileAtomic(
    file,
    codebuildBuildspec({
      classic: request.classic,
      version: request.version,
      buildxVersion: ENGINE_VERSIONS.buildx,
      dockerfile: request.dockerfile,
      platforms: request.platforms,
      stages,
      project: basename(host.cwd),
    }),
  );
  const names = stages.map(({ name }) => name);
  return {
    record: { schemaVersion: 1, file, form, stages: names },
    text: [
      `Wrote ${request.output} (${form} form).`,
      names.length > 0
        ? `The files of ${names.join(' and ')} are kept in directories, for when the layer cache is gone.`
        : 'No stage holds nothing but files (FROM scratch, COPY --from=...), so no directories are kept.',
      `Try it here: layerwright ci run --env ECR_REPOSITORY_URI=HOST/NAME`,
      '',
    ].join('\n'),
  };
}

/** Named stages that hold nothing but files which others take: `FROM scratch` and `COPY --from`. */
export function keptStages(dockerfile: Dockerfile): readonly KeptStage[] {
  const target = targetStage(dockerfile, undefined);
  return dockerfile.stages.flatMap((stage) => {
    const holdsFiles =
      stage.base === 'scratch' &&
      stage.instructions.length > 0 &&
      stage.instructions.every(
        ({ keyword, argument }) => keyword === 'COPY' && /(?:^|\s)--from=/.test(argument),
      );
    if (stage.name === undefined || !holdsFiles) return [];
    try {
      checkStageDirectory(dockerfile, stage.name, target);
      return [{ name: stage.name, sources: stageInputs(dockerfile, stage.name).sources }];
    } catch (error) {
      if (error instanceof LayerwrightError && error.code === 'STAGE_DIRECTORY_UNSUITED') return [];
      throw error;
    }
  });
}
