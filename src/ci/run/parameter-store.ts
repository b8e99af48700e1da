import { GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { awsRequests } from '../../host/aws-requests.ts';
import type { Host } from '../../host/host.ts';
import { callingAws, type FoundValues, type ValueMissing, type Values } from './aws-values.ts';

/** Systems Manager answers for so many names at a time. */
const NAMES_A_CALL = 10;

/**
 * Parameters of Systems Manager Parameter Store, decrypted.
 *
 * @param names variable to parameter: its name or ARN, with `:version` or `:label` if wanted
 * @throws LayerwrightError `AWS_CREDENTIALS_MISSING`, `AWS_DENIED` (2), `AWS_UNREACHABLE`, `UNREACHABLE`, `TIMEOUT` (75)
 */
export async function parameterValues(host: Host, names: Values): Promise<FoundValues | ValueMissing> {
  const wanted = [...new Set(Object.values(names))];
  const what = 'Systems Manager Parameter Store';
  const client = new SSMClient({ maxAttempts: 1, requestHandler: awsRequests(host, what) });
  const found = new Map<string, string>();
  for (let at = 0; at < wanted.length; at += NAMES_A_CALL) {
    const Names = wanted.slice(at, at + NAMES_A_CALL);
    const answer = await callingAws(host, what, () =>
      client.send(new GetParametersCommand({ Names, WithDecryption: true }), { abortSignal: host.signal }),
    );
    for (const { Name = '', ARN = '', Selector = '', Value = '' } of answer.Parameters ?? []) {
      found.set(`${Name}${Selector}`, Value);
      found.set(`${ARN}${Selector}`, Value);
    }
  }
  const missing = wanted.filter((name) => !found.has(name));
  if (missing.length > 0)
    return {
      outcome: 'missing',
      statusCode: 'Decrypted Variables Error',
      message: `parameter does not exist: ${missing.join(', ')}`,
    };
  const values = Object.entries(names).map(([variable, name]) => [variable, found.get(name) ?? ''] as const);
  return { outcome: 'found', values: Object.fromEntries(values), hidden: values.map(([, value]) => value) };
}
