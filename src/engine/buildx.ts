import { usageError } from '../errors.ts';
import { csvFields } from './csv.ts';

/** Options that Layerwright hands to buildx as they are, in buildx's own form. */
export interface PassedOptions {
  readonly buildArguments: readonly string[];
  readonly buildContexts: readonly string[];
  readonly secrets: readonly string[];
  readonly ssh: readonly string[];
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  readonly attestations: readonly string[];
  readonly provenance: string | undefined;
  readonly sbom: string | undefined;
  readonly pull: boolean;
  readonly noCache: boolean;
  readonly imageIdFile: string | undefined;
  /** Further flags that need no thought of ours, e.g. `--network host`, in order. */
  readonly other: readonly string[];
}

/** One call of `buildx build`. */
export interface BuildxCall {
  /** `-f`; undefined for buildx's own default. */
  readonly file: string | undefined;
  /** A directory, a URL, or `-`. */
  readonly context: string;
  readonly target: string | undefined;
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
  readonly outputs: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly builder: string | undefined;
  readonly metadataFile: string;
  readonly passed: PassedOptions;
}

/**
 * The arguments after `buildx` for a build. Pure, and the only place where buildx's flags are spelled out.
 *
 * `--provenance` and `--sbom` are off unless asked for: attestations would make an index of a one-platform image.
 */
export function buildxArguments(call: BuildxCall): readonly string[] {
  const { passed } = call;
  const each = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);
  const optional = (flag: string, value: string | undefined) => (value === undefined ? [] : [flag, value]);
  return [
    'build',
    '--progress=rawjson',
    ...optional('--builder', call.builder),
    ...optional('--file', call.file),
    ...optional('--target', call.target),
    ...(call.platforms.length > 0 ? ['--platform', call.platforms.join(',')] : []),
    ...each('--tag', call.tags),
    ...each('--output', call.outputs),
    ...each('--cache-from', call.cacheFrom),
    ...each('--cache-to', call.cacheTo),
    ...each('--build-arg', passed.buildArguments),
    ...each('--build-context', passed.buildContexts),
    ...each('--secret', passed.secrets),
    ...each('--ssh', passed.ssh),
    ...each('--label', passed.labels),
    ...each('--annotation', passed.annotations),
    ...each('--attest', passed.attestations),
    `--provenance=${passed.provenance ?? 'false'}`,
    ...(passed.sbom === undefined ? [] : [`--sbom=${passed.sbom}`]),
    ...(passed.pull ? ['--pull'] : []),
    ...(passed.noCache ? ['--no-cache'] : []),
    ...optional('--iidfile', passed.imageIdFile),
    ...passed.other,
    '--metadata-file',
    call.metadataFile,
    call.context,
  ];
}

type EntryFlag = '--cache-from' | '--cache-to' | '--output' | '--secret';

/**
 * All that one `--cache-from`, `--cache-to` or `--output` says: nothing if it is empty (a CI variable that is not set),
 * several caches for `--cache-from ref,ref`, else one entry.
 *
 * @throws LayerwrightError `FLAG_INVALID` (2)
 */
export function parseEntries(flag: EntryFlag, value: string): readonly Readonly<Record<string, string>>[] {
  if (value === '') return [];
  const entries = readEntries(flag, value);
  if (flag !== '--output' && entries.some(({ type, ref }) => type === 'registry' && !ref))
    throw usageError('FLAG_INVALID', `${flag} "${value}" names no repository`, 'Add ref=REGISTRY/NAME:TAG.');
  return entries;
}

function readEntries(flag: EntryFlag, value: string): readonly Readonly<Record<string, string>>[] {
  if (flag !== '--output' && !value.includes('='))
    return csvFields(flag, value).map((ref) => ({ type: 'registry', ref }));
  return [parseEntry(flag, value)];
}

/**
 * A `--cache-from`, `--cache-to`, `--output` or `--secret` value as key and value, after buildx's rules: comma-separated fields
 * (CSV quoting), and short forms (`--cache-from ref`, `--output dir`, `--output -`).
 *
 * @throws LayerwrightError `FLAG_INVALID` (2)
 */
export function parseEntry(flag: EntryFlag, value: string): Readonly<Record<string, string>> {
  const fields = csvFields(flag, value);
  const only = fields.length === 1 ? (fields[0] as string) : undefined;
  if (only !== undefined && flag === '--output' && !only.startsWith('type='))
    return only === '-' ? { type: 'tar', dest: '-' } : { type: 'local', dest: only };
  if (only !== undefined && !only.includes('=')) return { type: 'registry', ref: only };
  const entry: Record<string, string> = {};
  for (const field of fields) {
    const equals = field.indexOf('=');
    if (equals < 1) throw usageError('FLAG_INVALID', `${flag} "${value}": "${field}" is no key=value pair`);
    entry[field.slice(0, equals).trim().toLowerCase()] = field.slice(equals + 1);
  }
  return entry;
}
