import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syntaxOf } from '../dockerfile/parse.ts';
import {
  APT_CONFIGURATION,
  APT_FILE,
  AUTHORITY_SECRETS,
  type AuthoritySupport,
  authoritySupport,
  OWN_BUNDLE,
  SYSTEM_BUNDLE,
  withAuthorities,
} from '../dockerfile/rewrite.ts';
import type { Builder } from '../engine/builder.ts';
import type { BuildxCall } from '../engine/buildx.ts';
import { usageError } from '../errors.ts';
import { kindOf } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { authorityBundle } from '../host/network.ts';
import { formatCsv } from '../plan/build-plan.ts';
import { stepsFor } from '../report/steps.ts';
import { type GatheredFacts, isRemote } from './build-facts.ts';
import type { BuildRequest } from './build-request.ts';

type Call = Omit<BuildxCall, 'metadataFile' | 'builder'>;

/** What makes a build trust the authorities of the network settings. */
export interface HandedAuthorities {
  /** For buildx, which fetches tokens from registries' token servers. */
  readonly env: NodeJS.ProcessEnv;
  readonly applyTo: (call: Call) => Call;
}

/** BuildKit refuses a larger secret. */
const LARGEST_SECRET = 500 * 1024;

/**
 * Gives the authorities to buildx by SSL_CERT_FILE, and to the programs in RUN by a Dockerfile that asks for them as
 * secrets: BuildKit gets that one, and the user's stays as it is. Where that cannot be done it is said why.
 *
 * @param directory empty; the files of this build are put there
 * @throws LayerwrightError `CA_INVALID` (2)
 */
export async function handAuthorities(
  host: Host,
  request: BuildRequest,
  facts: GatheredFacts,
  builder: Builder,
  directory: string,
): Promise<HandedAuthorities> {
  const contents: Readonly<Record<string, string>> = {
    [AUTHORITY_SECRETS.bundle]: await bundleFor(host),
    [AUTHORITY_SECRETS.systemPath]: SYSTEM_BUNDLE,
    [AUTHORITY_SECRETS.ownPath]: OWN_BUNDLE,
    [AUTHORITY_SECRETS.apt]: APT_CONFIGURATION,
    [AUTHORITY_SECRETS.aptPath]: APT_FILE,
  };
  const secretFile = (id: string) => join(directory, id);
  for (const [id, text] of Object.entries(contents)) await writeFile(secretFile(id), text);
  const rewritten = await rewriteDockerfile(host, request, facts, builder, join(directory, 'dockerfile'));
  return {
    env: { SSL_CERT_FILE: secretFile(AUTHORITY_SECRETS.bundle) },
    applyTo: (call) =>
      rewritten === undefined
        ? call
        : {
            ...call,
            file: rewritten.file,
            passed: {
              ...call.passed,
              secrets: [
                ...call.passed.secrets,
                ...rewritten.secrets.map((id) => formatCsv({ type: 'file', id, src: secretFile(id) })),
              ],
            },
          },
  };
}

async function bundleFor(host: Host): Promise<string> {
  const bundle = await authorityBundle(host);
  if (bundle.length <= LARGEST_SECRET) return bundle;
  throw usageError(
    'CA_INVALID',
    `the certificate authorities are ${Math.ceil(bundle.length / 1024)} KB, and BuildKit takes 500 KB`,
    'Give a file with your own authorities only: those that all programs know are added to it.',
  );
}

/** The Dockerfile for BuildKit, and the secrets that it asks for; undefined, and said why, where it stays as it is. */
async function rewriteDockerfile(
  host: Host,
  request: BuildRequest,
  { file }: GatheredFacts,
  builder: Builder,
  directory: string,
): Promise<{ file: string; secrets: readonly string[] } | undefined> {
  const { note } = stepsFor(host, request.progress);
  const unreached = (why: string) => {
    note(`The certificate authorities do not reach RUN: ${why}`);
    return undefined;
  };
  if (file === undefined || file === '-' || isRemote(request.context))
    return unreached('BuildKit reads this Dockerfile itself');
  // Every byte stays, whatever its encoding: the words that are looked for are ASCII in all of them.
  const text = await readFile(file, 'latin1');
  const support = supportOf(request, text, builder);
  if (support === 'foreign')
    return unreached('its # syntax= line names a frontend that may read another language');
  if (support === 'none')
    return unreached('its # syntax= line names a frontend older than docker/dockerfile:1.2');
  const rewritten = withAuthorities(text, support);
  if (support === 'file' && rewritten.runs > 0)
    note(
      `RUN gets the certificate authorities as ${SYSTEM_BUNDLE} only: variables like PIP_CERT need docker/dockerfile:1.10`,
    );
  if (rewritten.runs === 0) return undefined;
  await mkdir(directory);
  const written = join(directory, basename(file));
  await writeFile(written, rewritten.text, 'latin1');
  // BuildKit looks for this one beside the Dockerfile.
  if ((await kindOf(`${file}.dockerignore`)) === 'file')
    await copyFile(`${file}.dockerignore`, `${written}.dockerignore`);
  return { file: written, secrets: rewritten.secrets };
}

/** Without a `# syntax=` line the builder's own frontend reads it: 1.10 came with BuildKit 0.16. */
function supportOf(request: BuildRequest, text: string, builder: Builder): AuthoritySupport {
  const named = request.passed.buildArguments.findLast((one) => one.startsWith('BUILDKIT_SYNTAX='));
  const syntax = named?.slice('BUILDKIT_SYNTAX='.length) || syntaxOf(text);
  if (syntax !== undefined) return authoritySupport(syntax);
  const minor = /^0\.(\d+)/.exec(builder.versions.buildkit ?? '')?.[1];
  return minor !== undefined && Number(minor) < 16 ? 'file' : authoritySupport(undefined);
}
