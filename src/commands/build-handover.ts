import { join } from 'node:path';
import type { Builder } from '../engine/builder.ts';
import type { BuildxCall } from '../engine/buildx.ts';
import { handLogins } from '../engine/logins.ts';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import { loginsForBuildx } from '../registry/logins.ts';
import { handAuthorities } from './build-authorities.ts';
import type { GatheredFacts } from './build-facts.ts';
import { registriesOf } from './build-registries.ts';
import type { BuildRequest } from './build-request.ts';

type Call = Omit<BuildxCall, 'metadataFile' | 'builder'>;

/** What a build gets of ours beside what the user asked for; gone after the `await using` block. */
export interface Handover extends AsyncDisposable {
  /** The builder, with the environment for it. */
  readonly builder: Builder;
  /** The call, with what it needs for it. */
  readonly applyTo: (call: Call) => Call;
}

/** Hands our logins and certificate authorities to buildx, BuildKit and the build's own programs. */
export async function handOver(
  host: Host,
  request: BuildRequest,
  facts: GatheredFacts,
  plan: BuildPlan,
  builder: Builder,
): Promise<Handover> {
  const directory = await temporaryDirectory();
  try {
    const domains = registriesOf(request, plan, facts.dockerfile);
    const logins = await loginsForBuildx(host, domains);
    const handed = logins && (await handLogins(host, builder, logins, join(directory.path, 'docker')));
    const trusts = host.network.ca.length > 0;
    const trusted = trusts ? await handAuthorities(host, request, facts, builder, directory.path) : undefined;
    return {
      builder: { ...builder, env: { ...builder.env, ...handed, ...trusted?.env } },
      applyTo: (call) => trusted?.applyTo(call) ?? call,
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}
