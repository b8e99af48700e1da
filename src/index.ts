/**
 * Layerwright as a library: what the command does, with the machine handed in.
 *
 *     const host = processHost(new AbortController().signal);
 *     const result = await build(host, toBuildRequest(host.env, '.', { tag: ['registry.example/app:1'], push: true }));
 */

export { type BakeRequest, toBakeRequest } from './commands/bake/request.ts';
export { bake } from './commands/bake.ts';
export { build } from './commands/build.ts';
export { type BuildRequest, toBuildRequest } from './commands/build-request.ts';
export { EXIT, type ExitCode, LayerwrightError } from './errors.ts';
export { type Host, processHost } from './host/host.ts';
export type { BuildPlan, Segment, Way } from './plan/build-plan.ts';
export type { BakeResult } from './report/bake-result.ts';
export type { BuildResult } from './report/build-result.ts';
