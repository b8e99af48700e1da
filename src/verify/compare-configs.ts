import type { ContainerConfig, ImageConfig } from '../image/oci.ts';

/** One field of two images' configurations that is not the same. */
export interface ConfigDifference {
  /** `Cmd`, `os`, ..., or `Env NAME`, `Labels NAME`. */
  readonly field: string;
  /** As JSON; null where it is not set. */
  readonly image: string | null;
  readonly plain: string | null;
}

const LISTS = ['Entrypoint', 'Cmd', 'Shell', 'OnBuild'] as const satisfies readonly (keyof ContainerConfig)[];
const TEXTS = ['User', 'WorkingDir', 'StopSignal'] as const satisfies readonly (keyof ContainerConfig)[];
const SETS = ['ExposedPorts', 'Volumes'] as const satisfies readonly (keyof ContainerConfig)[];

/**
 * Compares what decides how a container is started, field by field. Times, history and digests of layers are not: two builds
 * of the same never have the same. Pure.
 *
 * Empty and not set mean the same, but for a healthcheck.
 */
export function compareConfigs(image: ImageConfig, plain: ImageConfig): readonly ConfigDifference[] {
  const [ours, theirs] = [fieldsOf(image), fieldsOf(plain)];
  const fields = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  return fields
    .map((field) => ({ field, image: ours.get(field) ?? null, plain: theirs.get(field) ?? null }))
    .filter((one) => one.image !== one.plain);
}

function fieldsOf(image: ImageConfig): ReadonlyMap<string, string> {
  const config: ContainerConfig = image.config ?? {};
  const fields = new Map<string, string>();
  const set = (field: string, value: unknown) => {
    if (value !== undefined) fields.set(field, JSON.stringify(value));
  };
  for (const name of ['architecture', 'os', 'variant'] as const) set(name, image[name] || undefined);
  for (const name of TEXTS) set(name, config[name] || undefined);
  for (const name of LISTS) set(name, config[name]?.length ? config[name] : undefined);
  for (const name of SETS) {
    const keys = Object.keys(config[name] ?? {}).sort();
    set(name, keys.length > 0 ? keys : undefined);
  }
  for (const variable of config.Env ?? []) {
    const equals = variable.indexOf('=');
    set(
      `Env ${equals < 0 ? variable : variable.slice(0, equals)}`,
      equals < 0 ? '' : variable.slice(equals + 1),
    );
  }
  for (const [name, value] of Object.entries(config.Labels ?? {})) set(`Labels ${name}`, value);
  set('Healthcheck', healthcheckOf(config));
  return fields;
}

/** In one order of fields, without durations that are not set. */
function healthcheckOf({ Healthcheck: check }: ContainerConfig): unknown {
  if (check === undefined || check === null) return undefined;
  const { Test = [], Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 } = check;
  return { Test, Interval, Timeout, StartPeriod, StartInterval, Retries };
}
