import { expandCopy, isRemoteSource } from '../dockerfile/expanded-copy.ts';
import type {
  ArgInstruction,
  CommandInstruction,
  CopyInstruction,
  EnvInstruction,
  HealthcheckInstruction,
  ListInstruction,
  RunInstruction,
  TypedInstruction,
  WordInstruction,
} from '../dockerfile/instruction.ts';
import { expandIn, type Scope, scopeAfter, unknownOf } from '../dockerfile/scope.ts';
import { exposedPorts } from './config-ports.ts';
import { type StageState, withoutEmpty, workingDirectory } from './config-start.ts';
import { healthcheckText, plainList, quotedList } from './config-text.ts';
import type { ContainerConfig, History, ImageConfig } from './oci.ts';

/** An instruction's effect, or why BuildKit must find it out. */
export type Applied =
  | {
      readonly state: StageState;
      /** Its line of the history, without a time; ONBUILD has none. Not an empty layer: the instruction makes one layer. */
      readonly history: History | undefined;
      readonly reason?: undefined;
    }
  | { readonly state?: undefined; readonly reason: string };

/**
 * What an instruction does to the image's configuration and history, exactly as BuildKit has it. Layers are the caller's.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1) where variables cannot be put in
 */
export function applyInstruction(state: StageState, instruction: TypedInstruction): Applied {
  const step = effectOf(state, instruction);
  if (typeof step === 'string') return { reason: step };
  const { config, by, layer = false, author } = step;
  const history: History | undefined =
    by === undefined
      ? undefined
      : { created_by: by, comment: 'buildkit.dockerfile.v0', ...(layer ? {} : { empty_layer: true }) };
  const scope = scopeAfter(state.scope, instruction);
  const image: ImageConfig = {
    ...state.image,
    ...(author === undefined ? {} : { author }),
    config: withoutEmpty<ContainerConfig>({
      ...state.image.config,
      ...config,
      Env: scope.imageEnvironment,
    }),
    history: [...(state.image.history ?? []), ...(history ? [history] : [])],
  };
  const commandSet = state.commandSet || instruction.kind === 'cmd';
  return { state: { image, scope, commandSet }, history };
}

interface Effect {
  /** What it sets; an undefined field is taken away. */
  readonly config?: { readonly [K in keyof ContainerConfig]?: ContainerConfig[K] | undefined };
  readonly author?: string;
  /** Its line of the history. */
  readonly by: string | undefined;
  readonly layer?: boolean;
}

function effectOf(state: StageState, instruction: TypedInstruction): Effect | string {
  switch (instruction.kind) {
    case 'env':
    case 'label':
      return pairsEffect(state, instruction);
    case 'arg':
      return argEffect(state, instruction);
    case 'copy':
    case 'add':
      return copyEffect(state, instruction);
    case 'run':
      return runEffect(state, instruction);
    case 'cmd':
    case 'entrypoint':
    case 'shell':
      return commandEffect(state, instruction);
    case 'healthcheck':
      return healthcheckEffect(instruction);
    case 'expose':
    case 'volume':
      return listEffect(state, instruction);
    case 'unknown':
      return instruction.reason;
    default:
      return wordEffect(state, instruction);
  }
}

/** Several texts with variables put in, or why that is not possible here. */
function putIn(scope: Scope, texts: readonly string[], line: number): readonly string[] | string {
  const expanded = texts.map((text) => expandIn(scope, text, line));
  const unknown = expanded.flatMap((one) => one.unknown);
  return unknown.length > 0 ? unknownText(unknown) : expanded.map(({ text }) => text);
}

function unknownText(names: readonly string[]): string {
  return `the value of ${[...new Set(names)].join(', ')} is not known`;
}

function pairsEffect({ image, scope }: StageState, { kind, pairs, line }: EnvInstruction): Effect | string {
  const keys = putIn(
    scope,
    pairs.map(({ key }) => key),
    line,
  );
  const values = putIn(
    scope,
    pairs.map(({ value }) => value),
    line,
  );
  if (typeof keys === 'string') return keys;
  if (typeof values === 'string') return values;
  if (keys.some((key) => key === '' || (kind === 'env' && key.includes('='))))
    return 'a name is empty or has an equals sign';
  const entries = keys.map((key, index) => [key, values[index] as string] as const);
  const by = `${kind.toUpperCase()} ${entries.map(([key, value]) => `${key}=${value}`).join(' ')}`;
  // The scope keeps the environment.
  if (kind === 'env') return { by };
  return {
    by,
    config: { Labels: Object.fromEntries([...Object.entries(image.config.Labels ?? {}), ...entries]) },
  };
}

function argEffect({ scope }: StageState, instruction: ArgInstruction): Effect | string {
  const after = scopeAfter(scope, instruction);
  const declared = after.declared.slice(scope.declared.length);
  const unknown = declared.map(({ name }) => name).filter((name) => after.unknown.has(name));
  if (unknown.length > 0) return unknownText(unknown);
  const texts = declared.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));
  return { by: `ARG ${texts.join(' ')}` };
}

function copyEffect({ scope }: StageState, instruction: CopyInstruction): Effect | string {
  const { copy, unknown } = expandCopy(scope, instruction);
  if (unknown.length > 0) return unknownText(unknown);
  const remote = copy.sources.some(isRemoteSource);
  if (remote && copy.kind === 'copy') return 'COPY takes nothing from a URL';
  if (copy.checksum !== '' && (!remote || copy.sources.length !== 1)) return '--checksum needs one URL';
  const words = [
    copy.kind.toUpperCase(),
    ...(copy.parents ? ['--parents'] : []),
    ...(copy.chown === '' ? [] : [`--chown=${copy.chown}`]),
    ...(copy.chmod === '' ? [] : [`--chmod=${copy.chmod}`]),
    ...copy.sources,
    ...copy.inline.map(({ name }) => `<<${name}`),
    copy.destination,
    '# buildkit',
  ];
  return { by: words.join(' '), layer: true };
}

function runEffect({ image, scope }: StageState, run: RunInstruction): Effect | string {
  const declared = new Map<string, string>();
  for (const { name, value } of scope.declared)
    declared.set(name, scope.environment.get(name) ?? value ?? '');
  const unknown = unknownOf(scope, new Set(declared.keys()));
  if (unknown.length > 0) return unknownText(unknown);
  const words = run.script === undefined ? run.words : withShell(image.config, [run.script]);
  if (words.length === 0) return 'RUN has no command';
  const values = [...declared].map(([name, value]) => `${name}=${value}`);
  const counted = values.length === 0 ? [] : [`|${values.length}`, ...values];
  return { by: ['RUN', ...counted, ...words, '# buildkit'].join(' '), layer: true };
}

/** The words of a command in shell form, as a container of this configuration runs them. */
export function withShell({ Shell = [] }: ContainerConfig, words: readonly string[]): readonly string[] {
  return [...(Shell.length > 0 ? Shell : ['/bin/sh', '-c']), words.join(' ')];
}

function commandEffect({ image, commandSet }: StageState, instruction: CommandInstruction): Effect {
  const { kind, form } = instruction;
  if (kind === 'shell')
    return { by: `SHELL ${plainList(instruction.words)}`, config: { Shell: instruction.words } };
  const words = form === 'exec' ? instruction.words : withShell(image.config, instruction.words);
  const by = `${kind.toUpperCase()} ${quotedList(words)}`;
  if (kind === 'cmd') return { by, config: { Cmd: words, ArgsEscaped: true } };
  return { by, config: { Entrypoint: words, ...(commandSet ? {} : { Cmd: undefined }) } };
}

function healthcheckEffect(instruction: HealthcheckInstruction): Effect {
  const { test, interval, timeout, startPeriod, startInterval, retries } = instruction;
  const check = {
    Test: test,
    Interval: interval,
    Timeout: timeout,
    StartPeriod: startPeriod,
    StartInterval: startInterval,
    Retries: retries,
  };
  return { by: `HEALTHCHECK ${healthcheckText(instruction)}`, config: { Healthcheck: withoutEmpty(check) } };
}

function listEffect({ image, scope }: StageState, { kind, words, line }: ListInstruction): Effect | string {
  if (kind === 'volume') {
    const volumes = putIn(scope, words, line);
    if (typeof volumes === 'string') return volumes;
    if (volumes.includes('')) return 'VOLUME names an empty string';
    return {
      by: `VOLUME ${plainList(volumes)}`,
      config: { Volumes: withKeys(image.config.Volumes, volumes) },
    };
  }
  const expanded = words.map((word) => expandIn(scope, word, line));
  const unknown = expanded.flatMap((one) => one.unknown);
  if (unknown.length > 0) return unknownText(unknown);
  const ports: string[] = [];
  for (const word of expanded.flatMap((one) => one.words)) {
    const exposed = exposedPorts(word);
    if (exposed === undefined) return `"${word}" is not understood as a port`;
    ports.push(...exposed);
  }
  return {
    by: `EXPOSE ${plainList(ports)}`,
    config: { ExposedPorts: withKeys(image.config.ExposedPorts, ports) },
  };
}

function withKeys(
  record: Readonly<Record<string, object>> | undefined,
  keys: readonly string[],
): Readonly<Record<string, object>> {
  return { ...record, ...Object.fromEntries(keys.map((key) => [key, {}])) };
}

const SIGNALS = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);

function isSignal(text: string): boolean {
  if (/^[+-]?\d{1,9}$/.test(text)) return Number(text) !== 0;
  const name = text.toUpperCase().replace(/^SIG/, '');
  return SIGNALS.has(name) || /^RT(?:MIN\+(?:[1-9]|1[0-5])|MAX-(?:[1-9]|1[0-4]))$/.test(name);
}

function wordEffect({ image, scope }: StageState, { kind, text, line }: WordInstruction): Effect | string {
  if (kind === 'maintainer') return { by: `MAINTAINER ${text}`, author: text };
  if (kind === 'onbuild')
    return { by: undefined, config: { OnBuild: [...(image.config.OnBuild ?? []), text] } };
  const put = putIn(scope, [text], line);
  if (typeof put === 'string') return put;
  const [word = ''] = put;
  if (kind === 'user') return { by: `USER ${word}`, config: { User: word } };
  if (kind === 'stopsignal')
    return isSignal(word)
      ? { by: `STOPSIGNAL ${word}`, config: { StopSignal: word } }
      : `"${word}" is not understood as a signal`;
  const directory = workingDirectory(image.config.WorkingDir ?? '', word);
  return { by: `WORKDIR ${directory}`, config: { WorkingDir: directory }, layer: directory !== '/' };
}
