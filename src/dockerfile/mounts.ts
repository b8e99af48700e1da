import { EXIT, LayerwrightError } from '../errors.ts';
import type { RunInstruction } from './instruction.ts';
import { type Escape, expand, type Lookup } from './lex.ts';

/** One `--mount` of a RUN, variables put in. */
export interface Mount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  /** A stage by name (never by number), or an image; undefined for the context, or an empty directory of a cache. */
  readonly from: string | undefined;
  /** `''` if not given, as below. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** The id of a cache, secret or ssh mount. */
  readonly id: string;
  readonly sharing: '' | 'shared' | 'private' | 'locked';
  readonly required: boolean;
  /** The variable that a secret is given by. */
  readonly env: string | undefined;
  /** As written: `size` of a tmpfs; `mode` is octal. */
  readonly size: string | undefined;
  readonly mode: string | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/**
 * The mounts of a RUN with variables put in.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1) where BuildKit refuses them
 */
export function mountsOf(
  run: RunInstruction,
  values: ReadonlyMap<string, string> | Lookup,
  where: { readonly path: string; readonly escape: Escape },
): readonly Mount[] {
  const place = { path: where.path, line: run.line };
  return run.mounts.map((text) =>
    readMount(
      text,
      (value) => expand(value, values, { escape: where.escape, place }),
      (why) =>
        new LayerwrightError(`${where.path}:${run.line}: --mount=${text}: ${why}`, {
          code: 'DOCKERFILE_INVALID',
          exit: EXIT.failed,
        }),
    ),
  );
}

/** The stages or images that the mounts name by `from`, which takes no variables. */
export function mountSources(run: RunInstruction): readonly string[] {
  return run.mounts.flatMap((text) => {
    const from = (csvFields(text) ?? []).filter((field) => /^from=/i.test(field)).at(-1);
    return from?.slice('from='.length) || [];
  });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<Mount> & { readOnlyGiven: boolean };

function readMount(
  text: string,
  value: (text: string) => string,
  refuse: (why: string) => LayerwrightError,
): Mount {
  const draft: Draft = { ...EMPTY, readOnlyGiven: false };
  for (const field of csvFields(text) ?? []) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    if (equals < 0 && !/^(?:readonly|ro|readwrite|rw|required)$/.test(key))
      throw refuse(`invalid field '${field}' must be a key=value pair`);
    const set = SETTERS[key];
    if (set === undefined) throw refuse(`unexpected key '${key}'`);
    const problem = set(draft, equals < 0 ? 'true' : value(field.slice(equals + 1)));
    if (problem !== undefined) throw refuse(problem);
  }
  const problem = problemOf(draft);
  if (problem !== undefined) throw refuse(problem);
  const { readOnlyGiven, ...read } = draft;
  const mount = { ...read, from: read.from || undefined };
  const writable = mount.type === 'cache' || mount.type === 'tmpfs';
  return readOnlyGiven ? mount : { ...mount, readOnly: !writable };
}

const EMPTY: Mount = {
  type: 'bind',
  from: undefined,
  source: '',
  target: '',
  readOnly: true,
  id: '',
  sharing: '',
  required: false,
  env: undefined,
  size: undefined,
  mode: undefined,
  uid: undefined,
  gid: undefined,
};

/** Sets one field; the answer is why BuildKit refuses the value. */
type Setter = (draft: Draft, value: string) => string | undefined;

const SETTERS: Readonly<Record<string, Setter>> = {
  type: (draft, value) => {
    const type = value.toLowerCase();
    if (!/^(?:bind|cache|tmpfs|secret|ssh)$/.test(type)) return `unsupported mount type "${value}"`;
    draft.type = type as Mount['type'];
    return undefined;
  },
  from: setText('from'),
  source: setText('source'),
  src: setText('source'),
  target: setText('target'),
  dst: setText('target'),
  destination: setText('target'),
  readonly: setReadOnly(true),
  ro: setReadOnly(true),
  readwrite: setReadOnly(false),
  rw: setReadOnly(false),
  required: (draft, value) => {
    const required = goBoolean(value);
    if (draft.type !== 'secret' && draft.type !== 'ssh')
      return `unexpected key 'required' for mount type '${draft.type}'`;
    if (required === undefined) return `invalid value for required: ${value}`;
    draft.required = required;
    return undefined;
  },
  size: (draft, value) => {
    if (draft.type !== 'tmpfs') return `unexpected key 'size' for mount type '${draft.type}'`;
    if (!/^\d+(?:\.\d*)? ?(?:b|[kmgtp](?:i?b)?)?$/i.test(value)) return `invalid value for size: ${value}`;
    draft.size = value;
    return undefined;
  },
  id: setText('id'),
  sharing: (draft, value) => {
    const sharing = value.toLowerCase();
    if (!/^(?:shared|private|locked)$/.test(sharing)) return `unsupported sharing value "${value}"`;
    draft.sharing = sharing as Mount['sharing'];
    return undefined;
  },
  mode: (draft, value) => {
    if (!/^[0-7]{1,11}$/.test(value)) return `invalid value ${value} for mode`;
    draft.mode = value;
    return undefined;
  },
  uid: setNumber('uid'),
  gid: setNumber('gid'),
  env: setText('env'),
};

function setText(key: 'from' | 'source' | 'target' | 'id' | 'env'): Setter {
  return (draft, value) => {
    draft[key] = value;
    return undefined;
  };
}

function setReadOnly(sense: boolean): Setter {
  return (draft, value) => {
    const given = goBoolean(value);
    if (given === undefined) return `invalid value for ${sense ? 'readonly' : 'readwrite'}: ${value}`;
    draft.readOnly = given === sense;
    draft.readOnlyGiven = true;
    return undefined;
  };
}

function setNumber(key: 'uid' | 'gid'): Setter {
  return (draft, value) => {
    if (!/^\d{1,10}$/.test(value) || Number(value) > 0xffffffff) return `invalid value ${value} for ${key}`;
    draft[key] = Number(value);
    return undefined;
  };
}

function problemOf({ type, from, source, target, id, sharing, mode, uid, gid }: Mount): string | undefined {
  if (type !== 'secret' && type !== 'ssh' && type !== 'cache')
    for (const [key, value] of Object.entries({ mode, uid, gid }))
      if (value !== undefined) return `${key} not allowed for "${type}" type mounts`;
  if (sharing !== '' && type !== 'cache') return `invalid cache sharing set for ${type} mount`;
  if (type !== 'secret') return undefined;
  if (from) return 'secret mount should not have a from';
  if (source === '' && target === '' && id === '')
    return 'invalid secret mount. one of source, target required';
  return source !== '' && id !== '' ? "both source and id can't be set" : undefined;
}

/** As Go's `strconv.ParseBool`. */
function goBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

/** The fields of one line of comma-separated values; undefined if its quotes are wrong. */
export function csvFields(line: string): readonly string[] | undefined {
  if (!/^(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*$/.test(line) || line === '')
    return undefined;
  return (`,${line}`.match(/,(?:"(?:[^"]|"")*"|[^",]*)/g) ?? []).map((match) => {
    const field = match.slice(1);
    return field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
  });
}
