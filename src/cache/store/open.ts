import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { fileStore } from './file.ts';
import type { Store } from './store.ts';

/** Where a store is. */
export type StoreLocation =
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'file'; readonly directory: string };

/**
 * Reads the value of `--store`. Pure.
 *
 * @throws LayerwrightError `STORE_UNKNOWN` (2) for a kind that there is not, `STORE_INVALID` (2)
 */
export function parseStore(text: string): StoreLocation {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  if (scheme === '') throw invalid(withoutSecrets(text), 'it has no scheme');
  const kind = scheme.toLowerCase();
  if (kind === 's3') return parseS3(rest);
  if (kind === 'file') return parseFile(rest);
  throw usageError(
    'STORE_UNKNOWN',
    kind === 'oci'
      ? 'stores in an OCI registry (oci://) are not in this version'
      : `there is no store of the kind ${scheme}://`,
    'There are s3://BUCKET/PREFIX and file:///DIR.',
  );
}

function parseS3(rest: string): StoreLocation {
  const shown = `s3://${withoutSecrets(rest)}`;
  // Credentials and parameters have no place here, and what is no place for them must not be printed.
  if (/[?#@]/.test(rest)) throw invalid(shown, 'it holds more than a bucket and a prefix');
  const [bucket = '', ...parts] = rest.split('/');
  const prefix = parts.filter((part) => part !== '');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) throw invalid(shown, 'it names no bucket');
  if (prefix.some((part) => part === '.' || part === '..' || Buffer.byteLength(part) > 255))
    throw invalid(shown, 'a part of its prefix cannot be used');
  return { kind: 's3', bucket, prefix: prefix.map((part) => `${part}/`).join('') };
}

function parseFile(rest: string): StoreLocation {
  const shown = `file://${withoutSecrets(rest)}`;
  if (!rest.startsWith('/') || rest.startsWith('//')) throw invalid(shown, 'it is no absolute path');
  try {
    return {
      kind: 'file',
      directory: join(fileURLToPath(`file://${rest.replace(/[?#]/g, encodeURIComponent)}`)),
    };
  } catch {
    throw invalid(shown, 'it is no path');
  }
}

/** What may be printed of a URL: nothing before an `@`, nothing after a `?`. */
function withoutSecrets(text: string): string {
  return text.replace(/[?#].*$/s, '?...').replace(/[^/]*@/g, '...@');
}

function invalid(shown: string, why: string) {
  return usageError(
    'STORE_INVALID',
    `--store ${shown}: ${why}`,
    'Write s3://BUCKET/PREFIX or file:///DIR. Credentials come from the environment.',
  );
}

/** A store, ready to use. What is heavy is loaded only for the store that needs it. */
export async function openStore(host: Host, text: string): Promise<Store> {
  const location = parseStore(text);
  if (location.kind === 'file') return fileStore(host, location.directory);
  const { s3Store } = await import('./s3.ts');
  return s3Store(host, location);
}
