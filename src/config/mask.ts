import type { Setting, Value } from './setting.ts';

/** What stands in place of a credential. */
export const MASK = '***';

const SECRET_NAME =
  /passw(?:or)?d|passphrase|pwd|secret|token|credential|signature|(?:api|private|access)[_-]?key|(?:^|[_.-])(?:pass|auth|key|sig)(?:$|[_.-])/i;

/** True for a name whose value is probably a credential: `NPM_TOKEN`, `DB_PASSWORD`, `api-key`; not for `AUTHOR`. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A text without what may be a credential in it: user info of URLs, and values of fields and parameters with such a name. */
export function maskedText(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]+@/gi, `$1${MASK}@`)
    .replace(/(^|[?&,;\s])([\w.-]+)=([^&,;\s]+)/g, (whole, before: string, name: string) =>
      isSecretName(name) ? `${before}${name}=${MASK}` : whole,
    );
}

/** A setting's value as it may be shown. */
export function maskedValue({ entry, value }: Pick<Setting, 'entry' | 'value'>): Value {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return value.map(maskedText);
  return entry !== undefined && value !== '' && isSecretName(entry) ? MASK : maskedText(value);
}
