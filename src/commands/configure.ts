import { ciContext } from '../ci/context.ts';
import { type ConfigFile, readConfigFile } from '../config/file.ts';
import { type Options, withSettings } from '../config/flags.ts';
import { type Configuration, listSetting, listsSetting, resolveConfiguration } from '../config/resolve.ts';
import type { Host } from '../host/host.ts';
import { withNetwork } from '../host/network.ts';
import { stepsFor } from '../report/steps.ts';
import type { ProgressMode } from '../report/views.ts';
import { isRemote } from './build-facts.ts';

/** What a command was asked, before configuration is added. */
export interface Asked {
  /** The build context, where a configuration file may be too; undefined for commands without one. */
  readonly context: string | undefined;
  /** All options with their defaults, by their names in camel case. */
  readonly options: Options;
  /** Those of the options that were given on the command line. */
  readonly given: Options;
}

/** What a command is to do, with configuration added. */
export interface Configured {
  /** The machine, with the network as it is configured. */
  readonly host: Host;
  readonly options: Options;
  readonly configuration: Configuration;
}

/**
 * Flags, environment and configuration file together, and the machine with the network as they say.
 *
 * @throws LayerwrightError `CONFIG_NOT_FOUND`, `CONFIG_INVALID`, `VARIABLE_INVALID`, `CA_INVALID` (2)
 */
export async function configure(host: Host, asked: Asked): Promise<Configured> {
  const configuration = await configurationFor(host, asked);
  return {
    host: await networked(host, configuration),
    options: withSettings(asked.options, configuration.settings),
    configuration,
  };
}

/**
 * What is to be used; warnings are told at once.
 *
 * @throws LayerwrightError `CONFIG_NOT_FOUND`, `CONFIG_INVALID`, `VARIABLE_INVALID` (2)
 */
export async function configurationFor(host: Host, asked: Asked): Promise<Configuration> {
  const configuration = configurationFrom(host, asked, await fileFor(host, asked));
  const { note } = stepsFor(host, asked.options.progress as ProgressMode | undefined);
  for (const warning of configuration.warnings) note(`warning: ${warning}`);
  return configuration;
}

/** The configuration file that counts for a command, if there is one. */
export function fileFor(host: Host, { context, given }: Asked): Promise<ConfigFile | undefined> {
  const named = (given.config as string | undefined) || host.env.LAYERWRIGHT_CONFIG || undefined;
  const directories = context === undefined || isRemote(context) ? ['.'] : ['.', context];
  return readConfigFile(host.cwd, named, directories);
}

/** What is to be used: of a file in the checkout of an untrusted build, only what can do no harm. */
export function configurationFrom(
  host: Pick<Host, 'env'>,
  { given }: Asked,
  file: ConfigFile | undefined,
): Configuration {
  const trusted = ciContext(host.env).trust === 'trusted';
  return resolveConfiguration({ flags: given, env: host.env, file, trusted });
}

/** The machine with the network as it is configured. */
export function networked(host: Host, configuration: Configuration): Promise<Host> {
  return withNetwork(host, {
    ca: listSetting(configuration, 'network.ca'),
    plainHttp: listSetting(configuration, 'network.plainHttp'),
    mirrors: listsSetting(configuration, 'network.mirrors'),
  });
}
