import { engineInstall, engineStatus, engineStop } from '../commands/engine.ts';
import { type CommonOptions, configured, type DefineVerb, print, verb } from './verb.ts';

/** `layerwright engine install|status|stop`. */
export const defineEngine: DefineVerb = (parent, host) => {
  const engine = parent.command('engine').description('BuildKit and buildx: find, provision, stop');
  verb(
    engine,
    'install',
    'find Docker with buildx, or BuildKit and buildx on PATH; provision what is missing',
  ).action(async (options: CommonOptions, command) => {
    const { host: machine } = await configured(host, command);
    print(host, options, await engineInstall(machine, options.progress));
  });
  verb(engine, 'status', 'what is there, from where, and whether it runs').action(
    async (options: CommonOptions) => print(host, options, await engineStatus(host)),
  );
  verb(engine, 'stop', 'stop the BuildKit that Layerwright started')
    .option('--force', 'stop it although a build uses it')
    .action(async (options: CommonOptions & { force?: boolean }) =>
      print(host, options, await engineStop(host, { force: options.force ?? false })),
    );
};
