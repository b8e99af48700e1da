import { posix } from 'node:path';
import type { GlobalScope } from '../dockerfile/arguments.ts';
import type { Dockerfile } from '../dockerfile/parse.ts';
import { normalPlatform, type Platform } from '../dockerfile/platform.ts';
import { childScope, type Scope, startScope } from '../dockerfile/scope.ts';
import type { ContainerConfig, Healthcheck, History, ImageConfig } from './oci.ts';

/** An image's configuration at one point of a stage. */
export interface StageState {
  /** History without times, layers as those of the base: both are the caller's. */
  readonly image: ImageConfig;
  /** What the next instruction sees. */
  readonly scope: Scope;
  /** True once CMD stood in this stage: ENTRYPOINT then leaves it. */
  readonly commandSet: boolean;
}

/** A state, or why BuildKit must make it. */
export type Started =
  | { readonly state: StageState; readonly reason?: undefined }
  | { readonly state?: undefined; readonly reason: string };

/**
 * The configuration at the beginning of a stage that starts from an image: what BuildKit keeps of the image's own. Fields that
 * it does not know are dropped, PATH is set if it is missing.
 *
 * @param base the image's configuration as the registry has it
 */
export function startFromImage(dockerfile: Dockerfile, global: GlobalScope, base: ImageConfig): Started {
  const history = base.history ?? [];
  const layers = base.rootfs?.diff_ids ?? [];
  const config = base.config ?? {};
  if (base.os !== 'linux' || base.architecture === '' || 'os.version' in base || 'os.features' in base)
    return { reason: 'the base is not an image for Linux alone' };
  if ((config.OnBuild ?? []).length > 0) return { reason: 'the base has ONBUILD instructions' };
  if (history.filter((one) => one.empty_layer !== true).length !== layers.length)
    return { reason: 'the history of the base does not fit its layers' };
  const image: ImageConfig = {
    ...(base.author ? { author: base.author } : {}),
    architecture: base.architecture,
    ...(base.variant ? { variant: base.variant } : {}),
    os: base.os,
    config: knownConfig(config),
    rootfs: { type: 'layers', diff_ids: layers },
    history: history.map(knownHistory),
  };
  const scope = startScope(dockerfile, global, config.Env ?? []);
  return { state: stageState(image, scope) };
}

/** The configuration at the beginning of `FROM scratch`. */
export function startFromScratch(dockerfile: Dockerfile, global: GlobalScope, target: Platform): Started {
  if (target.os !== 'linux') return { reason: 'the target is not Linux' };
  const image: ImageConfig = {
    architecture: target.architecture,
    ...(target.variant ? { variant: target.variant } : {}),
    os: target.os,
    config: { WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [] },
    history: [],
  };
  return { state: stageState(image, startScope(dockerfile, global, [])) };
}

/** The configuration at the beginning of a stage that starts from another one, given that one's end. */
export function startFromStage({ image, scope }: StageState): Started {
  if ((image.config.OnBuild ?? []).length > 0) return { reason: 'the stage that it starts from has ONBUILD' };
  return { state: stageState(image, childScope(scope)) };
}

/** What a build's own options change at the end. */
export interface FinalOptions {
  /** `--platform`, if it is given. */
  readonly platform?: Platform | undefined;
  /** `--label`. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** The configuration of the built image; times and layers are the caller's. */
export function finalImage({ image }: StageState, { platform, labels = {} }: FinalOptions = {}): ImageConfig {
  const { variant: kept, ...rest } = image;
  const same = platform?.os === image.os && platform.architecture === image.architecture;
  const variant = platform !== undefined && (platform.variant || !same) ? platform.variant : kept;
  const { os, architecture } = platform ?? image;
  const normal = normalPlatform({ os, architecture, ...(variant ? { variant } : {}) });
  const config = withoutEmpty({ ...image.config, Labels: { ...image.config.Labels, ...labels } });
  return { ...rest, ...normal, config };
}

/** A relative path is below the working directory; an absolute one stays as it is written. */
export function workingDirectory(current: string, path: string): string {
  const parent = current === '' ? '/' : current.startsWith('/') ? current : joined('/', current);
  if (path === '') return parent;
  return path.startsWith('/') ? path : joined(parent, path);
}

function joined(...parts: readonly string[]): string {
  return posix.join(...parts).replace(/(?<=.)\/+$/, '');
}

function stageState(image: ImageConfig, scope: Scope): StageState {
  const { WorkingDir: directory = '', ...config } = image.config;
  return {
    image: {
      ...image,
      config: {
        ...config,
        Env: scope.imageEnvironment,
        ...(directory === '' ? {} : { WorkingDir: workingDirectory(directory, directory) }),
      },
    },
    scope,
    commandSet: false,
  };
}

function knownConfig(config: ContainerConfig): ContainerConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal } = config;
  const { ArgsEscaped, Healthcheck: check, Shell } = config;
  return withoutEmpty({
    User,
    ExposedPorts,
    Env,
    Entrypoint,
    Cmd,
    Volumes,
    WorkingDir,
    Labels,
    StopSignal,
    ArgsEscaped,
    Healthcheck: check ? knownHealthcheck(check) : undefined,
    Shell,
  });
}

function knownHealthcheck(check: Healthcheck): Healthcheck {
  const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = check;
  return withoutEmpty({ Test, Interval, Timeout, StartPeriod, StartInterval, Retries });
}

function knownHistory({ created, created_by, author, comment, empty_layer }: History): History {
  return withoutEmpty({ created, created_by, author, comment, empty_layer });
}

type Possibly<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Without what Go's `omitempty` leaves out; a health check without fields stays, it is not empty to Go. */
export function withoutEmpty<T extends object>(record: Possibly<T>): T {
  const kept = Object.entries(record).filter(([key, value]) => {
    if (!value) return false;
    if (key === 'Healthcheck' || typeof value !== 'object') return true;
    return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
  });
  return Object.fromEntries(kept) as T;
}
