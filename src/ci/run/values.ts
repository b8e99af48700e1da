import type { Host } from '../../host/host.ts';
import type { BuildspecEnv } from '../buildspec/buildspec.ts';
import type { FoundValues, ValueMissing } from './aws-values.ts';
import type { BuildLog } from './log.ts';
import type { Mask } from './mask.ts';

/** The variables that a buildspec declares, with what AWS has for them. */
export interface DeclaredValues {
  readonly outcome: 'found';
  readonly variables: Readonly<Record<string, string>>;
  /** Names whose value must not be shown. */
  readonly secretNames: ReadonlySet<string>;
}

/**
 * Gets the values of a buildspec's variables; the mask hides those that come from AWS from then on.
 *
 * @param given variables of `--env`: they outrank the buildspec, so AWS is not asked for them
 * @throws LayerwrightError of AWS (2, 75)
 */
export async function declaredValues(
  host: Host,
  env: BuildspecEnv,
  given: Readonly<Record<string, string>>,
  log: BuildLog,
  mask: Mask,
): Promise<DeclaredValues | ValueMissing> {
  log.line('Processing environment variables');
  const asked = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !Object.hasOwn(given, name)));
  const parameterNames = asked(env.parameterStore);
  const references = asked(env.secretsManager);
  const parameters = await parametersOf(host, parameterNames, log);
  if (parameters.outcome === 'missing') return parameters;
  mask.add(parameters.hidden);
  const secrets = await secretsOf(host, references);
  if (secrets.outcome === 'missing') return secrets;
  mask.add(secrets.hidden);
  return {
    outcome: 'found',
    variables: { ...env.variables, ...parameters.values, ...secrets.values },
    secretNames: new Set([...Object.keys(parameterNames), ...Object.keys(references)]),
  };
}

const NONE: FoundValues = { outcome: 'found', values: {}, hidden: [] };

// The AWS SDK is loaded only for a build that needs it, and only the half of it.

async function parametersOf(
  host: Host,
  names: BuildspecEnv['parameterStore'],
  log: BuildLog,
): Promise<FoundValues | ValueMissing> {
  if (Object.keys(names).length === 0) return NONE;
  log.line('Decrypting parameter store environment variables');
  const { parameterValues } = await import('./parameter-store.ts');
  return await parameterValues(host, names);
}

async function secretsOf(
  host: Host,
  references: BuildspecEnv['secretsManager'],
): Promise<FoundValues | ValueMissing> {
  if (Object.keys(references).length === 0) return NONE;
  const { secretValues } = await import('./secrets-manager.ts');
  return await secretValues(host, references);
}
