import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CONSTRAINT_SECRETS, CONSTRAINTS_FILE, withConstraints } from '../../dockerfile/constrain.ts';
import { syntaxOf } from '../../dockerfile/parse.ts';
import { authoritySupport } from '../../dockerfile/rewrite.ts';
import { usageError } from '../../errors.ts';
import { kindOf } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { formatCsv } from '../../plan/build-plan.ts';
import { build } from '../build.ts';
import { gatherBuildFacts, isRemote } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';

/** Versions that pip and uv are held to. */
export interface Constraints {
  /** `NAME==VERSION` each. */
  readonly pins: readonly string[];
  /** Lines of the Dockerfile, from 1, whose RUNs are held to them; undefined: all are. */
  readonly lines: ReadonlySet<number> | undefined;
}

/** How the plain side is built. */
export interface PlainBuild {
  /** What the user asked for: Dockerfile, target, arguments, secrets ...; tags and outputs are not used. */
  readonly request: BuildRequest;
  /** Undefined for none. */
  readonly constraints: Constraints | undefined;
  /** An empty directory; the image is written to `image` in it, as an OCI layout. */
  readonly directory: string;
}

/**
 * Builds the same Dockerfile by BuildKit alone and without any cache.
 *
 * @returns the directory with the image's OCI layout, and the digest of its manifest in there
 * @throws LayerwrightError as `build` does, and `CONSTRAINTS_UNSUPPORTED` (2)
 */
export async function plainBuild(
  host: Host,
  { request, constraints, directory }: PlainBuild,
): Promise<{ readonly layout: string; readonly digest: string }> {
  const layout = join(directory, 'image');
  const plain = withoutOutputs(request, layout);
  const { image } = await build(
    host,
    constraints === undefined ? plain : await constrained(host, plain, constraints, directory),
  );
  if (!image?.digest) throw new Error('a build with an OCI output has a digest');
  return { layout, digest: image.digest };
}

/** The same build with one output, no caches, and nothing written beside it. Base layers keep their compression. */
function withoutOutputs(request: BuildRequest, dest: string): BuildRequest {
  return {
    ...request,
    tags: [],
    wishes: {
      ...request.wishes,
      way: 'solved',
      push: false,
      load: false,
      outputs: [{ type: 'oci', tar: 'false', dest, compression: 'uncompressed', 'oci-mediatypes': 'true' }],
      noCache: true,
      cacheFrom: [],
      cacheTo: [],
      cacheRepository: 'none',
    },
    stageDirectories: [],
    metadataFile: undefined,
    imageDefinitions: undefined,
    json: false,
    passed: {
      ...request.passed,
      attestations: [],
      provenance: undefined,
      sbom: undefined,
      noCache: true,
      imageIdFile: undefined,
    },
  };
}

/** Why a build cannot be held to versions, half a sentence; undefined if it can. */
export async function whyNotHeld(host: Host, request: BuildRequest): Promise<string | undefined> {
  const { file } = await gatherBuildFacts(host, request);
  if (file === undefined || file === '-' || isRemote(request.context))
    return 'BuildKit reads this Dockerfile itself';
  const named = request.passed.buildArguments.findLast((one) => one.startsWith('BUILDKIT_SYNTAX='));
  const syntax = named?.slice('BUILDKIT_SYNTAX='.length) || syntaxOf(await readFile(file, 'latin1'));
  return authoritySupport(syntax) === 'environment'
    ? undefined
    : `its # syntax= line names ${syntax}, which gives a RUN no secret as a variable`;
}

/** With a Dockerfile that only BuildKit sees; the user's stays as it is. */
async function constrained(
  host: Host,
  request: BuildRequest,
  { pins, lines }: Constraints,
  directory: string,
): Promise<BuildRequest> {
  const why = await whyNotHeld(host, request);
  if (why !== undefined) throw unsupported(why);
  const file = (await gatherBuildFacts(host, request)).file as string;
  const text = await readFile(file, 'latin1');
  const dockerfile = join(directory, 'dockerfile', basename(file));
  await mkdir(join(directory, 'dockerfile'));
  await writeFile(dockerfile, withConstraints(text, lines).text, 'latin1');
  // BuildKit looks for this one beside the Dockerfile.
  if ((await kindOf(`${file}.dockerignore`)) === 'file')
    await copyFile(`${file}.dockerignore`, `${dockerfile}.dockerignore`);
  const secrets = [
    await secret(directory, CONSTRAINT_SECRETS.file, `${pins.join('\n')}\n`),
    await secret(directory, CONSTRAINT_SECRETS.path, CONSTRAINTS_FILE),
  ];
  return {
    ...request,
    file: dockerfile,
    passed: { ...request.passed, secrets: [...request.passed.secrets, ...secrets] },
  };
}

async function secret(directory: string, id: string, text: string): Promise<string> {
  const src = join(directory, id);
  await writeFile(src, text);
  return formatCsv({ type: 'file', id, src });
}

function unsupported(why: string) {
  return usageError(
    'CONSTRAINTS_UNSUPPORTED',
    `the plain build cannot be held to given versions: ${why}`,
    'Use docker/dockerfile:1.10 or newer, or leave out # syntax=; or pin every version in the requirements.',
  );
}
