import type { Check } from './check.ts';
import { checkBuilder, checkBuildkit, checkBuildx, checkDocker, checkPlatforms } from './engine.ts';
import { checkDisk, checkNetwork, checkNode, checkPython, checkUv } from './machine.ts';
import { checkCi, checkConfiguration, checkDockerfile, checkTags } from './project.ts';
import { checkClock, checkLayerCache, checkPush, checkStore } from './registry.ts';

const INSTALL = 'layerwright engine install';

/** All checks by name, in the order in which they are shown. */
export const CHECKS: Readonly<Record<string, Check>> = {
  configuration: {
    group: 'Project',
    title: 'Configuration',
    mend: 'layerwright config shows what counts, and where it comes from.',
    look: checkConfiguration,
  },
  ci: { group: 'Project', title: 'CI', mend: 'Run it where the build runs.', look: checkCi },
  dockerfile: { group: 'Project', title: 'Dockerfile', mend: 'Name it with -f.', look: checkDockerfile },
  tags: { group: 'Project', title: 'Tags', mend: 'Correct -t.', look: checkTags },
  node: { group: 'This machine', title: 'Node', mend: 'Install a newer Node.', look: checkNode },
  python: {
    group: 'This machine',
    title: 'Python',
    mend: 'apt-get install python3',
    seconds: 5,
    look: checkPython,
  },
  uv: { group: 'This machine', title: 'uv', mend: INSTALL, look: checkUv },
  disk: { group: 'This machine', title: 'Disk', mend: 'Free some space.', look: checkDisk },
  network: { group: 'This machine', title: 'CA and proxy', mend: 'Correct or unset it.', look: checkNetwork },
  docker: {
    group: 'Engine',
    title: 'Docker',
    mend: 'Start Docker (in AWS CodeBuild: privileged mode), or leave it: builds then use BuildKit alone.',
    seconds: 5,
    look: checkDocker,
  },
  buildx: { group: 'Engine', title: 'buildx', mend: INSTALL, look: checkBuildx },
  buildkit: { group: 'Engine', title: 'BuildKit', mend: INSTALL, look: checkBuildkit },
  builder: {
    group: 'Engine',
    title: 'Builder',
    mend: 'See docker buildx ls, or leave out --builder and BUILDX_BUILDER.',
    seconds: 20,
    look: checkBuilder,
  },
  platforms: {
    group: 'Engine',
    title: 'Platforms',
    mend: 'Name another builder with --builder.',
    seconds: 20,
    look: checkPlatforms,
  },
  registry: {
    group: 'Registry and caches',
    title: 'Registry login',
    mend: 'Check the host name, the network and its proxy; --plain-http is for hosts without TLS.',
    seconds: 15,
    look: checkPush,
  },
  clock: {
    group: 'Registry and caches',
    title: 'Clock',
    mend: 'Set the clock: timedatectl set-ntp true',
    look: checkClock,
  },
  layerCache: {
    group: 'Registry and caches',
    title: 'Layer cache',
    mend: 'Builds go on without it; mend it as for the registry, or name another --cache-repo.',
    seconds: 15,
    look: checkLayerCache,
  },
  store: {
    group: 'Registry and caches',
    title: 'Store',
    mend: 'Check its name, the network and the credentials.',
    seconds: 15,
    look: checkStore,
  },
};
