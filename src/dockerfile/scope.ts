import { type BuildOptions, type ExpandedSurely, type GlobalScope, globalScope } from './arguments.ts';
import { baseOf } from './base.ts';
import type { ArgInstruction, EnvInstruction, TypedInstruction } from './instruction.ts';
import { type Escape, expandFully } from './lex.ts';
import type { Dockerfile, Stage } from './parse.ts';
import { readInstruction } from './read.ts';

/** What BuildKit gives an image without one. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** An argument that a stage, or one that it starts from, declares. */
export interface DeclaredArgument {
  readonly name: string;
  /** Undefined if it has no default and nobody gave it a value. */
  readonly value: string | undefined;
}

/** The variables at one point of a stage. Facts: moby/buildkit frontend/dockerfile/dockerfile2llb. */
export interface Scope {
  /** What `$NAME` stands for, and what RUN sees: ENV and ARG in one, the later one wins. */
  readonly environment: ReadonlyMap<string, string>;
  /** Names with a value that is not known here. */
  readonly unknown: ReadonlySet<string>;
  /** True if the base image's environment is not known: then a name that is not set may be set after all. */
  readonly open: boolean;
  /** In order; a name may stand more than once. */
  readonly declared: readonly DeclaredArgument[];
  /** `NAME=value` as the image's configuration keeps them: ENV without ARG. */
  readonly imageEnvironment: readonly string[];
  readonly global: GlobalScope;
  readonly path: string;
  readonly escape: Escape;
}

/**
 * The scopes of a stage: at index i what its instruction i sees; the last one is what stands at its end. A stage that starts
 * from another inherits that one's ENV and ARG; where both set a name, ENV wins at the child's beginning.
 *
 * ONBUILD is not followed: see `reasons` of the stage graph.
 *
 * @param baseEnvironment `Env` of the image that the chain begins with; undefined if it is not known
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function stageScope(
  dockerfile: Dockerfile,
  stage: Stage,
  options: BuildOptions,
  baseEnvironment: readonly string[] | undefined,
): readonly Scope[] {
  const global = globalScope(dockerfile, options);
  const base = baseOf(dockerfile, stage, global, options);
  const parent = base.kind === 'stage' ? dockerfile.stages[base.index] : undefined;
  const first = parent
    ? childScope(stageScope(dockerfile, parent, options, baseEnvironment).at(-1) as Scope)
    : startScope(dockerfile, global, base.kind === 'scratch' ? [] : baseEnvironment);
  const scopes = [first];
  for (const instruction of stage.instructions)
    scopes.push(scopeAfter(scopes.at(-1) as Scope, readInstruction(instruction, dockerfile.escape)));
  return scopes;
}

/**
 * The scope of a stage that starts from an image.
 *
 * @param baseEnvironment the image's `Env`; undefined if it is not known
 */
export function startScope(
  { path, escape: escapeWith }: Dockerfile,
  global: GlobalScope,
  baseEnvironment: readonly string[] | undefined,
): Scope {
  return childScope({
    environment: new Map(),
    unknown: new Set(),
    open: baseEnvironment === undefined,
    declared: [],
    imageEnvironment: baseEnvironment ?? [],
    global,
    path,
    escape: escapeWith,
  });
}

/** The scope at the beginning of a stage that starts from another one: the image's own environment is set once more. */
export function childScope(parent: Scope): Scope {
  const hasPath = parent.open || parent.imageEnvironment.some((one) => nameOf(one) === 'PATH');
  const imageEnvironment = hasPath
    ? parent.imageEnvironment
    : [...parent.imageEnvironment, `PATH=${DEFAULT_PATH}`];
  const environment = new Map(parent.environment);
  const unknown = new Set(parent.unknown);
  for (const one of imageEnvironment) {
    environment.set(nameOf(one), one.slice(nameOf(one).length + 1));
    unknown.delete(nameOf(one));
  }
  return { ...parent, imageEnvironment, environment, unknown };
}

/**
 * The scope after an instruction: ENV and ARG change it.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function scopeAfter(scope: Scope, instruction: TypedInstruction): Scope {
  if (instruction.kind === 'env') return afterEnv(scope, instruction);
  return instruction.kind === 'arg' ? afterArg(scope, instruction) : scope;
}

/**
 * Puts a scope's values into a text of one of its instructions.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function expandIn(scope: Scope, text: string, line: number): ExpandedSurely {
  const place = { path: scope.path, line };
  const expanded = expandFully(text, scope.environment, { escape: scope.escape, place });
  return { ...expanded, unknown: unknownOf(scope, expanded.names) };
}

/** The names that have a value which is not known here. */
export function unknownOf(scope: Scope, names: ReadonlySet<string>): readonly string[] {
  return [...names].filter((name) => scope.unknown.has(name) || (scope.open && !scope.environment.has(name)));
}

/** All pairs of one ENV see the values from before it. */
function afterEnv(scope: Scope, { pairs, line }: EnvInstruction): Scope {
  const environment = new Map(scope.environment);
  const unknown = new Set(scope.unknown);
  let imageEnvironment = scope.imageEnvironment;
  for (const pair of pairs) {
    const key = expandIn(scope, pair.key, line);
    const value = expandIn(scope, pair.value, line);
    if (key.unknown.length > 0) return { ...scope, open: true, environment: new Map() };
    environment.delete(key.text);
    if (value.unknown.length > 0) unknown.add(key.text);
    else {
      unknown.delete(key.text);
      environment.set(key.text, value.text);
      imageEnvironment = withVariable(imageEnvironment, key.text, value.text);
    }
  }
  return { ...scope, environment, unknown, imageEnvironment };
}

/** The first one of its name is replaced, as BuildKit does. */
function withVariable(environment: readonly string[], name: string, value: string): readonly string[] {
  const at = environment.findIndex((one) => nameOf(one) === name);
  const text = `${name}=${value}`;
  return at < 0 ? [...environment, text] : environment.with(at, text);
}

/** These never become variables of a RUN. */
const NO_VARIABLES = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** Each argument of one ARG sees those before it. */
function afterArg(scope: Scope, { declared, line }: ArgInstruction): Scope {
  let after = scope;
  for (const { name, value } of declared) {
    const unknown = new Set(after.unknown);
    const environment = new Map(after.environment);
    const known = argumentValue(after, name, value, line);
    if (known === UNKNOWN) {
      unknown.add(name);
      environment.delete(name);
    } else if (known !== undefined && !NO_VARIABLES.has(name)) {
      environment.set(name, known);
      unknown.delete(name);
    }
    const one = { name, value: known === UNKNOWN ? undefined : known };
    after = { ...after, environment, unknown, declared: [...after.declared, one] };
  }
  return after;
}

const UNKNOWN = Symbol('a value that is not known here');

/** What is given comes first, then the default, then the argument before the first FROM. */
function argumentValue(scope: Scope, name: string, fallback: string | undefined, line: number) {
  const { values, unknown, buildArguments, unknownArguments } = scope.global;
  if (unknownArguments.has(name)) return UNKNOWN;
  const given = buildArguments.get(name);
  if (given !== undefined) return given;
  if (fallback === undefined) return unknown.has(name) ? UNKNOWN : values.get(name);
  const expanded = expandIn(scope, fallback, line);
  return expanded.unknown.length > 0 ? UNKNOWN : expanded.text;
}

function nameOf(variable: string): string {
  const equals = variable.indexOf('=');
  return equals < 0 ? variable : variable.slice(0, equals);
}
