import type { Command } from 'commander';
import { type CacheCommandResult, type CacheOptions, cacheRestore, cacheSave } from '../commands/cache.ts';
import { rebuilder } from '../commands/cache-verify/rebuild.ts';
import { cacheVerify } from '../commands/cache-verify.ts';
import { usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type CommonOptions, configured, type DefineVerb, print, repeatable, verb } from './verb.ts';

interface CacheFlags extends CommonOptions {
  readonly store?: string;
  readonly key: string;
  readonly fallbackKey?: readonly string[];
  readonly strict?: boolean;
}

/** `layerwright cache save|restore|verify`. */
export const defineCache: DefineVerb = (parent, host) => {
  const cache = parent.command('cache').description('what is kept between builds');
  cacheVerb(cache, 'save', 'save a directory under a key').action(
    async (directory: string, flags: CacheFlags, command) => {
      const { host: machine, options } = await configured(host, command);
      tell(host, flags, await cacheSave(machine, optionsOf(directory, options as unknown as CacheFlags)));
    },
  );
  cacheVerb(cache, 'restore', 'put what a key holds into a directory')
    .addOption(
      repeatable('--fallback-key <prefix>', 'without that key, the newest one that starts so is taken'),
    )
    .action(async (directory: string, flags: CacheFlags, command) => {
      const { host: machine, options } = await configured(host, command);
      tell(host, flags, await cacheRestore(machine, optionsOf(directory, options as unknown as CacheFlags)));
    });
  defineCacheVerify(cache, host);
};

const defineCacheVerify: DefineVerb = (cache, host) => {
  verb(cache, 'verify', 'whether all that a cache repository keeps is there and sound')
    .argument('[repository]', 'HOST/PATH (default: LAYERWRIGHT_CACHE_REPO, configuration)')
    .option('--deep', 'read every blob and compare its digests')
    .option('--rebuild', 'make every dependency layer anew, from its wheels, and compare')
    .addOption(repeatable('--ca <file>', 'certificate authority to trust, in PEM'))
    .addOption(repeatable('--plain-http <host>', 'registry that is spoken to in plain HTTP'))
    .action(async (named: string | undefined, flags: CommonOptions, command) => {
      const { host: machine, options } = await configured(host, command);
      const repository = named ?? (options.cacheRepo as string | undefined);
      if (!repository || repository === 'none')
        throw usageError(
          'CACHE_REPOSITORY_UNSET',
          'no cache repository is named',
          'Give it as HOST/PATH, or set LAYERWRIGHT_CACHE_REPO.',
        );
      const deep = options.deep === true;
      await using layers = options.rebuild === true ? await rebuilder(machine) : undefined;
      const result = await cacheVerify(machine, { repository, deep, rebuild: layers?.rebuild });
      print(host, flags, result);
      process.exitCode = result.exit;
    });
};

function cacheVerb(cache: Command, name: string, description: string): Command {
  return verb(cache, name, description)
    .argument('<directory>', 'the directory')
    .option('--store <url>', 's3://BUCKET/PREFIX or file:///DIR (default: LAYERWRIGHT_STORE, configuration)')
    .requiredOption('--key <key>', 'name of the copy')
    .option('--strict', 'a store that fails is an error (default: told, with exit code 0)');
}

function optionsOf(directory: string, { store, key, fallbackKey, strict }: CacheFlags): CacheOptions {
  if (!store)
    throw usageError(
      'STORE_UNSET',
      'no store is named',
      'Give --store s3://BUCKET/PREFIX or file:///DIR, or set LAYERWRIGHT_STORE.',
    );
  return { store, key, fallbackKeys: fallbackKey ?? [], directory, strict: strict ?? false };
}

/** The outcome is talk; data is only what `--json` asks for. An outcome that `--strict` objects to is no error of ours. */
function tell(host: Host, flags: CommonOptions, result: CacheCommandResult<{ problem: unknown }>): void {
  const isQuiet = flags.progress === 'quiet' || flags.progress === 'rawjson';
  if (!isQuiet || result.record.problem !== null) host.output.talk(result.text);
  if (flags.json) host.output.data(`${JSON.stringify(result.record, undefined, 2)}\n`);
  process.exitCode = result.exit;
}
