import { ensureBuildx } from '../../engine/install.ts';
import { EXIT, LayerwrightError, usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { stepsFor } from '../../report/steps.ts';
import type { BakeRequest } from './request.ts';

/** What of a request decides what the files say. */
export type PrintRequest = Pick<
  BakeRequest,
  | 'targets'
  | 'files'
  | 'overrides'
  | 'variables'
  | 'allow'
  | 'push'
  | 'load'
  | 'noCache'
  | 'pull'
  | 'provenance'
  | 'sbom'
  | 'progress'
>;

/**
 * What buildx makes of the bake and compose files: the text that `buildx bake --print` prints. No builder is needed, nor a Docker.
 *
 * @throws LayerwrightError `BAKE_FILE_MISSING` (2), `TARGET_UNKNOWN` (1), `BAKE_FILE_INVALID` (1), `FLAG_INVALID` (2)
 */
export async function printDefinition(host: Host, request: PrintRequest): Promise<string> {
  const { command, version } = await ensureBuildx(host, stepsFor(host, request.progress));
  const result = await host.run([...command, ...printArguments(request)], {
    cwd: host.cwd,
    env: host.env,
    signal: host.signal,
    ...(request.files.includes('-') && { input: 'inherit' }),
  });
  if (result.exitCode !== 0) throw printError(result.stderr, version);
  return result.stdout;
}

/** The arguments after `buildx` that print what the files say. Pure. */
export function printArguments(request: PrintRequest): readonly string[] {
  const each = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);
  return [
    'bake',
    '--print',
    '--progress=plain',
    ...each('--file', request.files),
    ...each('--set', request.overrides),
    ...each('--var', request.variables),
    // Which images may be pushed is asked by us, and an older buildx does not know the words.
    ...each(
      '--allow',
      request.allow.filter((one) => !/^image[.=]/.test(one)),
    ),
    ...(request.push ? ['--push'] : []),
    ...(request.load ? ['--load'] : []),
    ...(request.noCache ? ['--no-cache'] : []),
    ...(request.pull ? ['--pull'] : []),
    ...(request.provenance === undefined ? [] : [`--provenance=${request.provenance}`]),
    ...(request.sbom === undefined ? [] : [`--sbom=${request.sbom}`]),
    ...(request.targets.length > 0 ? ['--', ...request.targets] : []),
  ];
}

/** Why buildx could not make sense of the files, in its own words. Pure. */
export function printError(stderr: string, buildxVersion: string): LayerwrightError {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/^#\d+ /.test(line));
  const message = (lines.findLast((line) => line.startsWith('ERROR: ')) ?? lines.at(-1) ?? 'buildx failed')
    .replace(/^ERROR: /, '')
    .trim();
  const detail = lines.filter((line) => !line.startsWith('ERROR: ')).join('\n');
  if (/couldn't find a bake definition/.test(message))
    return usageError(
      'BAKE_FILE_MISSING',
      'there is no bake file here',
      'Write docker-bake.hcl or compose.yaml, or name a file with -f.',
    );
  const missing = /^open (.+): (?:no such file|The system cannot find)/.exec(message)?.[1];
  if (missing !== undefined)
    return usageError('BAKE_FILE_MISSING', `no bake file at ${missing}`, 'Name one that is there with -f.');
  const flag = /^unknown (?:shorthand )?flag: (\S+)/.exec(message)?.[1];
  if (flag !== undefined)
    return usageError(
      'FLAG_INVALID',
      `buildx ${buildxVersion} does not know ${flag}`,
      'Use a newer buildx, or leave the flag out.',
    );
  const unknown = /^failed to find target (.+)|find any target matching "(.+)"/.exec(message);
  const said = detail === '' ? {} : { detail };
  if (unknown !== null)
    return new LayerwrightError(`no target or group is called "${unknown[1] ?? unknown[2]}"`, {
      code: 'TARGET_UNKNOWN',
      exit: EXIT.failed,
      hint: 'layerwright bake --print "*" prints all there are.',
    });
  return new LayerwrightError(`the bake file is not understood: ${message}`, {
    code: 'BAKE_FILE_INVALID',
    exit: EXIT.failed,
    ...said,
  });
}
