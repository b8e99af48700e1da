import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { awsRequests } from '../../host/aws-requests.ts';
import type { Host } from '../../host/host.ts';
import type { SecretReference } from '../buildspec/secret-reference.ts';
import { callingAws, type FoundValues, type ValueMissing } from './aws-values.ts';

/**
 * Secrets of AWS Secrets Manager.
 *
 * @throws LayerwrightError `AWS_CREDENTIALS_MISSING`, `AWS_DENIED` (2), `AWS_UNREACHABLE`, `UNREACHABLE`, `TIMEOUT` (75)
 */
export async function secretValues(
  host: Host,
  references: Readonly<Record<string, SecretReference>>,
): Promise<FoundValues | ValueMissing> {
  const values: Record<string, string> = {};
  const hidden: string[] = [];
  // Variables often take several keys of the same secret.
  const known = new Map<string, Promise<string | ValueMissing>>();
  for (const [variable, reference] of Object.entries(references)) {
    const { secretId, versionStage, versionId } = reference;
    const name = JSON.stringify([secretId, versionStage, versionId]);
    const asked = known.get(name) ?? wholeSecret(host, reference);
    known.set(name, asked);
    const text = await asked;
    if (typeof text !== 'string') return text;
    const value = reference.jsonKey === undefined ? text : jsonValue(text, reference);
    if (typeof value !== 'string') return value;
    values[variable] = value;
    hidden.push(value, text);
  }
  return { outcome: 'found', values, hidden };
}

async function wholeSecret(host: Host, reference: SecretReference): Promise<string | ValueMissing> {
  const { secretId, versionStage, versionId } = reference;
  const what = `the secret ${secretId}`;
  // Another region's secret is only there.
  const region = /^arn:[^:]*:secretsmanager:([^:]+):/.exec(secretId)?.[1];
  const client = new SecretsManagerClient({
    maxAttempts: 1,
    requestHandler: awsRequests(host, what),
    ...(region !== undefined && { region }),
  });
  const command = new GetSecretValueCommand({
    SecretId: secretId,
    VersionStage: versionStage,
    VersionId: versionId,
  });
  try {
    const answer = await callingAws(host, what, () => client.send(command, { abortSignal: host.signal }));
    return answer.SecretString ?? secretMissing(`${secretId} is binary and no text`);
  } catch (error) {
    const { cause } = error as { cause?: Error };
    if (cause?.name !== 'ResourceNotFoundException') throw error;
    return secretMissing(`${cause.name}: ${cause.message} (${secretId})`);
  }
}

function jsonValue(text: string, { secretId, jsonKey = '' }: SecretReference): string | ValueMissing {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return secretMissing(`${secretId} is no JSON, so it has no key ${jsonKey}`);
  }
  if (typeof content !== 'object' || content === null || !Object.hasOwn(content, jsonKey))
    return secretMissing(`${secretId} has no key ${jsonKey}`);
  const value = (content as Record<string, unknown>)[jsonKey];
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function secretMissing(message: string): ValueMissing {
  return { outcome: 'missing', statusCode: 'Secrets Manager Error', message };
}
