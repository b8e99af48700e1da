import { posix } from 'node:path';
import type { StageNode } from '../../dockerfile/graph.ts';
import type { TypedInstruction } from '../../dockerfile/instruction.ts';
import { mountsOf } from '../../dockerfile/mounts.ts';
import type { Scope } from '../../dockerfile/scope.ts';
import { packageIndexes } from '../../lock/index-url.ts';
import { type KeyValue, keyOf } from '../../plan/key.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { SourceDistribution } from '../../python/lock.ts';
import type { PipOptions } from '../../python/recognise/pip-options.ts';
import { type InputWorld, inputsOf } from '../solve/inputs.ts';
import { stateKey } from '../solve/solve-request.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { seenByPrograms, withoutCopied, withoutCopies, withoutDependencies } from './wheel-state.ts';

/** The program of the image that is told to build and install: pip through its interpreter, or uv. */
export type WheelTool =
  | { readonly kind: 'pip' }
  /** @param program as written: a name on PATH, or a path */
  | { readonly kind: 'uv'; readonly program: string };

/** A wheel to build, and what it is built in. */
export interface WheelBuild extends Omit<WheelWishes, 'env'> {
  /** What the programs in it see: the image as it is before the `RUN`. */
  readonly state: ImageState;
  readonly place: RunPlace;
  /** Where not all files that were copied decide it: the state without any, and those that do. */
  readonly deciding?: { readonly below: ImageState; readonly files: KeyValue } | undefined;
  /** Variables that the command itself sets, by name. */
  readonly env: Readonly<Record<string, string>>;
  /** Keys of what the mounts of the `RUN` bring from the context, from stages and from images. */
  readonly inputs: readonly KeyValue[];
  /** Flags of the build that decide how RUN runs. */
  readonly runFlags: readonly string[];
}

/** The `RUN` that installs it: its flags (mounts, network, security) are those of the build. */
export interface RunPlace {
  readonly node: StageNode;
  /** Index of the stage's instructions. */
  readonly at: number;
  /** In the file. */
  readonly line: number;
}

/** Options that say where distributions come from. */
export type IndexOptions = Pick<
  PipOptions,
  'indexUrl' | 'extraIndexUrls' | 'trustedHosts' | 'noIndex' | 'findLinks' | 'indexStrategy'
>;

/** What is wanted of a build. */
export interface WheelWishes {
  /** For people and to check what comes: normalised; undefined where the source itself says it. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly source: SourceDistribution;
  /** True if the step itself names its address: the tool then writes it down (PEP 610). */
  readonly isDirect?: boolean;
  readonly python: PythonFacts;
  readonly tool: WheelTool;
  /** Options of the tool that decide how it builds, as words: `--no-build-isolation`, `--config-settings=a=b`. */
  readonly options: readonly string[];
  /** Where build requirements, and archives without an address of their own, come from; URLs may carry logins. */
  readonly indexes: IndexOptions;
  /** The variables that the step's programs see (of the action). */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * A build in a state, with the keys of all that it reads.
 *
 * @param at index of the stage's `RUN` that needs the wheel
 * @throws NotComposable if what it reads is not surely known
 */
export async function wheelBuild(
  request: Omit<ComposeRequest, 'forced'>,
  world: InputWorld,
  state: ImageState,
  node: StageNode,
  at: number,
  wishes: WheelWishes,
): Promise<WheelBuild> {
  const { line } = node.instructions[at] as TypedInstruction;
  const scopes: Scope[] = [];
  scopes[at] = state.stage.scope;
  const { keys } = await inputsOf({ ...request, forced: new Map() }, world, node, scopes, {
    from: at,
    to: at,
  });
  const { source } = wishes;
  const built =
    source.kind === 'directory'
      ? withoutDependencies(state, wishes.options, wishes.env)
      : withoutCopies(state);
  const editable =
    source.kind === 'directory' && source.editable
      ? await decidingFiles(world, built, source.path)
      : undefined;
  return {
    ...wishes,
    state: built,
    ...(editable && { deciding: editable }),
    place: { node, at, line },
    env: ownVariables(wishes.env, state),
    inputs: keys,
    runFlags: request.runFlags,
  };
}

/** What names an editable project's wheel in the place of all that was copied. */
async function decidingFiles(
  world: InputWorld,
  state: ImageState,
  path: string,
): Promise<WheelBuild['deciding']> {
  const { editableInputs } = await import('../install/editable-project.ts');
  const files = await editableInputs(await world.context(), state, path);
  return files === undefined ? undefined : { below: withoutCopied(state), files };
}

/** Those that neither the image nor an argument sets. */
export function ownVariables(
  env: WheelWishes['env'],
  { stage }: ImageState,
): Readonly<Record<string, string>> {
  const { environment } = stage.scope;
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || environment.get(name) === value ? [] : [[name, value] as const],
    ),
  );
}

/**
 * Names a wheel by everything that decides it: the source, the image that it is built in, the tool, its options and variables, what
 * the step mounts, the indexes. Logins are left out.
 *
 * @returns 64 hex digits
 */
export function wheelKey(build: WheelBuild): string {
  const { source, isDirect, deciding, state, python, tool, options, indexes, env, place, inputs, runFlags } =
    build;
  const { declared } = state.stage.scope;
  return keyOf('wheel', {
    source: sourceKey(source),
    ...(isDirect && { isDirect }),
    state: stateKey(seenByPrograms(deciding?.below ?? state)),
    ...(deciding && { files: deciding.files }),
    arguments: declared.map(({ name, value }) => variableKey(name, value)),
    python: python.executable,
    tool: tool.kind === 'pip' ? 'pip' : ['uv', tool.program],
    options: options.map(withoutLogin),
    indexes: [
      packageIndexes(indexes).map(({ url }) => url),
      [...indexes.trustedHosts],
      ...[indexes.noIndex, indexes.findLinks.map(withoutLogin), indexes.indexStrategy],
    ],
    env: Object.entries(env)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => variableKey(name, value)),
    run: [flagsOf(place), [...runFlags]],
    inputs: [...inputs],
  });
}

function sourceKey(source: SourceDistribution): KeyValue {
  const { kind } = source;
  // Its files are those of the state, or what the step mounts.
  if (kind === 'directory') return [kind, source.path, source.editable];
  const decided = kind === 'archive' ? source.sha256 : source.revision;
  return [kind, source.url, decided, source.subdirectory];
}

/** A login of today makes the same wheel as that of tomorrow. */
function variableKey(name: string, value: string | undefined): KeyValue {
  if (isSecretVariable(name)) return [name];
  return [name, value === undefined ? undefined : withoutLogin(value)];
}

/** True if the variable is a credential by its name. */
export function isSecretVariable(name: string): boolean {
  return /token|passw|secret|credential|api_?key|auth/i.test(name);
}

/** A text whose addresses have no logins. */
export function withoutLogin(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1');
}

/** The flags of the `RUN` as they are written. */
export function flagsOf({ node, at }: Pick<RunPlace, 'node' | 'at'>): string {
  const { argument = '', rest = '' } = node.stage.instructions[at]?.scanned ?? {};
  return argument.slice(0, argument.length - rest.length);
}

/** Where the mounts of a `RUN` stand, absolute. */
export function mountTargets(
  { stage }: Pick<ImageState, 'stage'>,
  { node, at }: Pick<RunPlace, 'node' | 'at'>,
): readonly string[] {
  const run = node.instructions[at];
  if (run?.kind !== 'run') return [];
  const workdir = stage.image.config.WorkingDir || '/';
  return mountsOf(run, stage.scope.environment, stage.scope).map(({ target, type, id }) =>
    posix.resolve(workdir, target || (type === 'secret' ? `/run/secrets/${id}` : '/')),
  );
}
