import { normalPlatform, type Platform, platformText, readPlatform } from '../../dockerfile/platform.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildRequest } from '../build-request.ts';

/** The platform of images that are made where nothing else is asked for. */
export function hostPlatform(): Platform {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return normalPlatform({ os: 'linux', architecture });
}

/**
 * The platforms of a build in the order in which they are asked for; the host's if none is. As buildx hands them on: `arm64/v8`
 * is `arm64`, `arm` is `arm/v7`.
 */
export function platformsOf({ wishes }: Pick<BuildRequest, 'wishes'>): readonly Platform[] {
  if (wishes.platforms.length === 0) return [hostPlatform()];
  return wishes.platforms.map((text) => {
    const platform = readPlatform(text);
    return platform === undefined ? hostPlatform() : normalPlatform(platform);
  });
}

/** The same plan for one platform of several; one for the builder's own stays so. */
export function planFor(plan: BuildPlan, platform: Platform): BuildPlan {
  return plan.platforms.length === 0 ? plan : { ...plan, platforms: [platformText(platform)] };
}

/** True if a builder with these platforms (as buildx lists them) runs programs of a platform; one that lists none may do so. */
export function canRun(listed: readonly string[], platform: Platform): boolean {
  if (listed.length === 0) return true;
  const wanted = platformText(normalPlatform(platform));
  return listed.some((text) => {
    const one = readPlatform(text);
    return one !== undefined && platformText(normalPlatform(one)) === wanted;
  });
}
