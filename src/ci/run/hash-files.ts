import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { sha256OfFile } from '../../host/files.ts';
import { filesMatching } from './glob.ts';

/**
 * What `codebuild-hash-files` prints: one hash for the content of all files that match (AWS CodeBuild User Guide, "Amazon S3
 * caching"). The hash is not CodeBuild's own, which is not documented; neither names nor order of the patterns go into it.
 *
 * @returns 64 hex digits; undefined if no file matches
 */
export async function hashFiles(directory: string, patterns: readonly string[]): Promise<string | undefined> {
  const files = await filesMatching(directory, patterns);
  if (files.length === 0) return undefined;
  const hash = createHash('sha256');
  for (const file of files) hash.update(await sha256OfFile(join(directory, file)));
  return hash.digest('hex');
}
