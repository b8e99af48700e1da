/** A value in AWS Secrets Manager. */
export interface SecretReference {
  /** Name or ARN. */
  readonly secretId: string;
  /** Key in the secret's JSON; undefined for the whole secret. */
  readonly jsonKey: string | undefined;
  readonly versionStage: string | undefined;
  readonly versionId: string | undefined;
}

/**
 * Reads `secret-id:json-key:version-stage:version-id` (Build specification reference, env/secrets-manager). All parts but the
 * first may be empty or left out; an ARN has colons of its own.
 *
 * @returns why not, if it is none
 */
export function parseSecretReference(text: string): SecretReference | string {
  const parts = text.split(':');
  const ofId = text.startsWith('arn:') ? 7 : 1;
  const secretId = parts.slice(0, ofId).join(':');
  const [jsonKey, versionStage, versionId, ...rest] = parts.slice(ofId);
  if (secretId === '' || parts.length < ofId) return `"${text}" names no secret`;
  if (rest.length > 0)
    return `"${text}" has too many parts: it is secret-id:json-key:version-stage:version-id`;
  if (versionStage && versionId) return `"${text}" has a version stage and a version id: only one of them`;
  return {
    secretId,
    jsonKey: jsonKey || undefined,
    versionStage: versionStage || undefined,
    versionId: versionId || undefined,
  };
}
