import { EXIT, LayerwrightError } from '../errors.ts';

/** `key=value` pairs as buildx prints them: of a cache, an output, a secret, an attestation. */
export type Entry = Readonly<Record<string, string>>;

/** What `buildx bake --print` says: bake and compose files put together, variables and overrides put in, matrices spread out. */
export interface BakeDefinition {
  /** Members of each group that was asked for: targets and groups. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly targets: ReadonlyMap<string, BakeTarget>;
}

/** One target, in the words of the bake file. */
export interface BakeTarget {
  readonly name: string;
  /** A directory as seen from the working directory, or a URL. */
  readonly context: string;
  /** As seen from the context; `cwd://FILE` from the working directory. */
  readonly dockerfile: string;
  /** Stands for the Dockerfile. */
  readonly inline: string | undefined;
  /** Named contexts: `docker-image://`, `target:NAME`, `oci-layout://`, URLs and directories. */
  readonly contexts: ReadonlyMap<string, string>;
  readonly args: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: readonly string[];
  readonly tags: readonly string[];
  readonly platforms: readonly string[];
  readonly stage: string | undefined;
  /** An older buildx prints these five as text, in the form of its flags. */
  readonly cacheFrom: readonly (Entry | string)[];
  readonly cacheTo: readonly (Entry | string)[];
  readonly outputs: readonly (Entry | string)[];
  readonly attestations: readonly (Entry | string)[];
  readonly secrets: readonly (Entry | string)[];
  /** In the form of `--ssh`. */
  readonly ssh: readonly string[];
  readonly pull: boolean;
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  readonly network: string | undefined;
  readonly shmSize: string | undefined;
  readonly ulimits: readonly string[];
  /** In the form of `--resource`. */
  readonly resources: readonly string[];
  readonly entitlements: readonly string[];
  readonly extraHosts: ReadonlyMap<string, string>;
}

type Raw = Readonly<Record<string, unknown>>;

/** Everything that is read of a target; `description` says nothing, `call` is asked for its value. */
const KNOWN = new Set([
  ...[
    'annotations',
    'args',
    'attest',
    'cache-from',
    'cache-to',
    'call',
    'context',
    'contexts',
    'description',
  ],
  ...['dockerfile', 'dockerfile-inline', 'entitlements', 'extra-hosts', 'labels', 'network', 'no-cache'],
  ...['no-cache-filter', 'output', 'platforms', 'pull', 'resources', 'secret', 'shm-size', 'ssh', 'tags'],
  ...['target', 'ulimits', 'inherits'],
]);

/**
 * Reads what `buildx bake --print` printed. Pure.
 *
 * @throws LayerwrightError `BAKE_UNSUPPORTED` (2) for a key of a target that a build would have to heed and that is not known
 *   here; `BAKE_FILE_INVALID` (1) if it is no such JSON
 */
export function readDefinition(printed: string): BakeDefinition {
  const { group, target } = jsonOf(printed);
  if (typeof target !== 'object' || target === null) throw notPrinted(printed);
  const groups = Object.entries((group ?? {}) as Record<string, { readonly targets?: readonly string[] }>);
  const targets = Object.entries(target as Record<string, Raw>);
  return {
    groups: new Map(groups.map(([name, { targets: members }]) => [name, members ?? []])),
    targets: new Map(targets.map(([name, raw]) => [name, readTarget(name, raw)])),
  };
}

function jsonOf(printed: string): Raw {
  try {
    return JSON.parse(printed) as Raw;
  } catch {
    throw notPrinted(printed);
  }
}

function notPrinted(printed: string): LayerwrightError {
  return new LayerwrightError('buildx bake --print printed something that is no definition', {
    code: 'BAKE_FILE_INVALID',
    exit: EXIT.failed,
    detail: printed.slice(0, 1000),
    hint: 'Use a current buildx: layerwright doctor tells which one is found.',
  });
}

function readTarget(name: string, raw: Raw): BakeTarget {
  refuseUnknown(name, raw);
  const text = (key: string) => raw[key] as string | undefined;
  const texts = (key: string) => (raw[key] as readonly string[] | null | undefined) ?? [];
  const map = (key: string, isEscaped = true) => readMap(raw[key], isEscaped);
  return {
    name,
    context: text('context') ?? '.',
    dockerfile: text('dockerfile') ?? 'Dockerfile',
    inline: text('dockerfile-inline') === undefined ? undefined : unescaped(text('dockerfile-inline') ?? ''),
    contexts: map('contexts', false),
    args: map('args'),
    labels: map('labels'),
    annotations: texts('annotations').map(unescaped),
    tags: texts('tags'),
    platforms: texts('platforms'),
    stage: text('target') || undefined,
    cacheFrom: readEntries(raw['cache-from']),
    cacheTo: readEntries(raw['cache-to']),
    outputs: readEntries(raw.output),
    attestations: readEntries(raw.attest),
    secrets: readEntries(raw.secret),
    ssh: ((raw.ssh ?? []) as readonly (string | SshKey)[]).map(sshText),
    pull: raw.pull === true,
    noCache: raw['no-cache'] === true,
    noCacheFilter: texts('no-cache-filter'),
    network: text('network'),
    shmSize: text('shm-size'),
    ulimits: texts('ulimits'),
    resources: Object.entries((raw.resources ?? {}) as Raw).map(([key, value]) => `${key}=${value}`),
    entitlements: texts('entitlements'),
    extraHosts: map('extra-hosts'),
  };
}

function refuseUnknown(name: string, raw: Raw): void {
  const refuse = (what: string) => {
    throw new LayerwrightError(`target "${name}": ${what}`, {
      code: 'BAKE_UNSUPPORTED',
      exit: EXIT.usage,
      hint: 'Use docker buildx bake for this target, or take it out of the file.',
    });
  };
  const unknown = Object.keys(raw).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) refuse(`"${unknown}" is not known to this version of Layerwright`);
  if (raw.call !== undefined && raw.call !== 'build')
    refuse(`call = "${raw.call}" asks about a build and builds nothing`);
}

/** Values that are null are not set. */
function readMap(value: unknown, isEscaped: boolean): ReadonlyMap<string, string> {
  const entries = Object.entries((value ?? {}) as Readonly<Record<string, string | null>>);
  return new Map(
    entries.flatMap(([key, text]): [string, string][] =>
      text === null ? [] : [[key, isEscaped ? unescaped(text) : text]],
    ),
  );
}

/** buildx prints HCL's own escapes, so that what it prints is a bake file again. */
function unescaped(text: string): string {
  return text.replaceAll('$${', () => '${').replaceAll('%%{', '%{');
}

function readEntries(value: unknown): readonly (Entry | string)[] {
  return ((value ?? []) as readonly (Raw | string)[]).map((entry) =>
    typeof entry === 'string'
      ? entry
      : Object.fromEntries(Object.entries(entry).map(([key, one]) => [key, String(one)])),
  );
}

interface SshKey {
  readonly id?: string;
  readonly paths?: readonly string[];
}

function sshText(key: string | SshKey): string {
  if (typeof key === 'string') return key;
  const { id = 'default', paths = [] } = key;
  return paths.length === 0 ? id : `${id}=${paths.join(',')}`;
}
