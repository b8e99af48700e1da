import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { toBuildRequest } from '../build-request.ts';
import type { VerifyRequest } from '../verify.ts';
import type { Constraints } from './plain-build.ts';

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
    runNoise: options.runNoise === true,
  };
}

const PIN = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[^\s=]+$/;

async function readConstraints(host: Host, file: string | undefined): Promise<Constraints | undefined> {
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
  return { pins: lines.filter((line) => line !== ''), lines: undefined };
}
