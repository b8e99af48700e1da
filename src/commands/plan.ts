import type { Host } from '../host/host.ts';
import type { PlanPart, PlanResult } from '../report/plan-result.ts';
import { planText } from '../report/plan-text.ts';
import type { BuildRequest } from './build-request.ts';
import { describeSurvey, describeUnsurveyed } from './plan/describe.ts';
import { isSurveyed, survey } from './plan/survey.ts';

/**
 * What a build would do, for each of its platforms: which instructions are composed, what they come to, which layers are there. Nothing is made, solved or
 * pushed.
 *
 * @param offline if nothing but this machine may be asked; what is not known is told as such
 * @throws LayerwrightError of facts, base images, requirements, indexes and the context
 */
export async function plan(
  host: Host,
  request: BuildRequest,
  { offline }: { readonly offline: boolean },
): Promise<{ readonly record: PlanResult; readonly text: string }> {
  const found = await survey(host, request, { offline });
  const [first, ...others] = found.map((one) =>
    isSurveyed(one) ? describeSurvey(one) : describeUnsurveyed(one, offline),
  ) as [PlanPart, ...PlanPart[]];
  const style = { colour: host.output.dataColour, columns: host.output.columns() };
  return {
    record: others.length === 0 ? first : { ...first, otherPlatforms: others },
    text: [first, ...others].map((one) => planText(one, style)).join('\n'),
  };
}
