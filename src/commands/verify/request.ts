import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ancestry } from '../../dockerfile/parse.ts';
import { usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { gatherBuildFacts } from '../build-facts.ts';
import { type BuildRequest, toBuildRequest } from '../build-request.ts';
import type { VerifyRequest } from '../verify.ts';

/**
 * What `layerwright verify` was asked; options by their names in camel case.
 *
 * @throws LayerwrightError `FLAG_INVALID`, `CONSTRAINTS_INVALID` (2), and those of the build's facts
 */
export async function toVerifyRequest(
  host: Host,
  image: string,
  context: string | undefined,
  options: Readonly<Record<string, unknown>>,
): Promise<VerifyRequest> {
  const build = toBuildRequest(host.env, context, options);
  const against = options.against as string | undefined;
  const { platforms } = build.wishes;
  if (platforms.length > 1)
    throw usageError(
      'FLAG_INVALID',
      `--platform ${platforms.join(',')}: one platform at a time is compared`,
      'Call verify once for each platform.',
    );
  if (against !== undefined && options.constraints !== undefined)
    throw usageError('FLAG_INVALID', '--constraints is for a plain build, and --against makes none');
  return {
    image,
    against,
    platform: platforms[0] ?? `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
    build,
    constraints: await readConstraints(host, options.constraints as string | undefined),
    solveNoise: options.runNoise === true || (against === undefined && (await hasRun(host, build))),
  };
}

/** Whether a RUN stands on the way to the target; of a Dockerfile that cannot be read here it is not known. */
async function hasRun(host: Host, build: BuildRequest): Promise<boolean> {
  const { dockerfile, target } = await gatherBuildFacts(host, { ...build, tags: [] });
  if (dockerfile === undefined || target === undefined) return false;
  return ancestry(dockerfile, target).some(({ instructions }) =>
    instructions.some(({ keyword }) => keyword === 'RUN'),
  );
}

const PIN = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[^\s=]+$/;

async function readConstraints(host: Host, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(resolve(host.cwd, file), 'utf8');
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(?:^|\s)#.*$/, '').trim());
  const wrong = lines.findIndex((line) => line !== '' && !PIN.test(line));
  if (wrong >= 0)
    throw usageError(
      'CONSTRAINTS_INVALID',
      `${file}:${wrong + 1}: "${lines[wrong]}" is no NAME==VERSION`,
      'Constraints hold every distribution to one version, e.g. what pip freeze prints.',
    );
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}
