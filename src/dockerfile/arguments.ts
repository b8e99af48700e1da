import type { TypedInstruction } from './instruction.ts';
import { type Expanded, expandFully } from './lex.ts';
import type { Dockerfile } from './parse.ts';
import { type Platform, platformText } from './platform.ts';
import { readInstruction } from './read.ts';

/** What a build is started with, as far as it decides what a Dockerfile means. */
export interface BuildOptions {
  readonly buildArguments: ReadonlyMap<string, string>;
  /** Arguments that are given, with a value that is not known here (`--build-arg NAME`). */
  readonly unknownArguments?: ReadonlySet<string>;
  /** What the image is for; undefined if it is not known: then nothing is said that depends on it. */
  readonly targetPlatform?: Platform | undefined;
  /** What the builder runs on. */
  readonly buildPlatform?: Platform | undefined;
  /** `--target` as it is given. */
  readonly target?: string | undefined;
  /** Names of `--build-context`: they replace stages and images. */
  readonly contexts?: ReadonlySet<string>;
}

/** What FROM sees, and what an ARG without a default takes its value from. */
export interface GlobalScope {
  readonly values: ReadonlyMap<string, string>;
  /** Names that have some value that is not known here. */
  readonly unknown: ReadonlySet<string>;
  /** The given arguments; SOURCE_DATE_EPOCH in its usual form. */
  readonly buildArguments: ReadonlyMap<string, string>;
  /** The given arguments whose values are not known here. */
  readonly unknownArguments: ReadonlySet<string>;
}

/** An expansion, and which of the names in it have values that are not known here. */
export interface ExpandedSurely extends Expanded {
  readonly unknown: readonly string[];
}

/**
 * Reads `--build-arg` texts; a name without a value takes that of the environment, as buildx does.
 *
 * @param environment undefined: the value is not known
 */
export function readBuildArguments(
  texts: readonly string[],
  environment?: Readonly<Record<string, string | undefined>>,
): Pick<BuildOptions, 'buildArguments'> & { readonly unknownArguments: ReadonlySet<string> } {
  const buildArguments = new Map<string, string>();
  const unknownArguments = new Set<string>();
  for (const text of texts) {
    const [, name = text, value] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? [];
    unknownArguments.delete(name);
    if (value !== undefined) buildArguments.set(name, value);
    else if (environment !== undefined) buildArguments.set(name, environment[name] ?? '');
    else {
      buildArguments.delete(name);
      unknownArguments.add(name);
    }
  }
  return { buildArguments, unknownArguments };
}

/**
 * The arguments before the first FROM, with those that BuildKit predefines.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function globalScope(dockerfile: Dockerfile, options: BuildOptions): GlobalScope {
  const given = options.buildArguments;
  const values = new Map<string, string>();
  const unknown = new Set(options.unknownArguments);
  for (const [name, value] of predefined(dockerfile, options)) {
    const known = given.get(name) ?? value;
    if (known === undefined) unknown.add(name);
    else values.set(name, known);
  }
  for (const instruction of dockerfile.globalArguments) {
    const read = readInstruction(instruction, dockerfile.escape);
    for (const { name, value } of declaredBy(read)) {
      if (options.unknownArguments?.has(name)) continue;
      const text = given.get(name);
      if (text !== undefined) setKnown(values, unknown, name, text);
      else if (value !== undefined) {
        const place = { path: dockerfile.path, line: instruction.line };
        const expanded = expandFully(value, values, { escape: dockerfile.escape, place });
        if ([...expanded.names].some((one) => unknown.has(one))) setUnknown(values, unknown, name);
        else setKnown(values, unknown, name, expanded.text);
      }
    }
  }
  const unknownArguments = options.unknownArguments ?? new Set();
  return withEpoch({ values, unknown, buildArguments: given, unknownArguments });
}

function declaredBy(read: TypedInstruction) {
  return read.kind === 'arg' ? read.declared : [];
}

function setKnown(values: Map<string, string>, unknown: Set<string>, name: string, value: string): void {
  values.set(name, value);
  unknown.delete(name);
}

function setUnknown(values: Map<string, string>, unknown: Set<string>, name: string): void {
  values.delete(name);
  unknown.add(name);
}

function predefined(
  dockerfile: Dockerfile,
  { buildPlatform, targetPlatform, target }: BuildOptions,
): readonly (readonly [string, string | undefined])[] {
  const stage = target || dockerfile.stages.at(-1)?.name || 'default';
  return [
    ...platformArguments('BUILD', buildPlatform),
    ...platformArguments('TARGET', targetPlatform),
    ['TARGETSTAGE', stage],
  ];
}

function platformArguments(
  prefix: string,
  platform: Platform | undefined,
): readonly (readonly [string, string | undefined])[] {
  return [
    [`${prefix}PLATFORM`, platform && platformText(platform)],
    [`${prefix}OS`, platform?.os],
    [`${prefix}OSVERSION`, platform && ''],
    [`${prefix}ARCH`, platform?.architecture],
    [`${prefix}VARIANT`, platform && (platform.variant ?? '')],
  ];
}

const EPOCH = 'SOURCE_DATE_EPOCH';

/** BuildKit settles SOURCE_DATE_EPOCH before anything else: seconds in their usual form; empty is none; a name it looks up. */
function withEpoch(scope: GlobalScope): GlobalScope {
  const given = scope.buildArguments.get(EPOCH);
  const value = given ?? (scope.values.get(EPOCH) || undefined);
  if (value === undefined) return scope;
  const buildArguments = new Map(scope.buildArguments);
  const values = new Map(scope.values);
  const unknown = new Set(scope.unknown);
  const known = /^[+-]?\d{1,15}$/.test(value) ? String(BigInt(value.replace(/^\+/, ''))) : '';
  for (const map of [buildArguments, values]) {
    if (!map.has(EPOCH)) continue;
    if (known === '') map.delete(EPOCH);
    else map.set(EPOCH, known);
  }
  const unknownArguments = new Set(scope.unknownArguments);
  if (known === '' && value !== '') (given === undefined ? unknown : unknownArguments).add(EPOCH);
  return { values, unknown, buildArguments, unknownArguments };
}
