import { compareRecords } from '../compose/keep/compare-records.ts';
import type { Host } from '../host/host.ts';
import type { ExplainPart, ExplainResult } from '../report/explain-result.ts';
import { explainText } from '../report/explain-text.ts';
import type { BuildRequest } from './build-request.ts';
import { costliest } from './plan/costs.ts';
import { describeSurvey, describeUnsurveyed } from './plan/describe.ts';
import { isSurveyed, recordOfSurvey, type Survey, survey, type Unsurveyed } from './plan/survey.ts';

/**
 * What changed since the last build of the branch, what a build now would redo, and what keeps it from being faster. Nothing is
 * made, solved or pushed.
 *
 * @throws LayerwrightError of facts, base images, requirements, indexes and the context
 */
export async function explain(
  host: Host,
  request: BuildRequest,
): Promise<{ readonly record: ExplainResult; readonly text: string }> {
  const parts = (await survey(host, request)).map(explained);
  const [first, ...others] = parts as [ExplainPart, ...ExplainPart[]];
  const style = { colour: host.output.dataColour, columns: host.output.columns() };
  return {
    record: others.length === 0 ? first : { ...first, otherPlatforms: others },
    text: parts.map((one) => explainText(one, style)).join('\n'),
  };
}

function explained(found: Survey | Unsurveyed): ExplainPart {
  const { schemaVersion, dockerfile, target, platform, way, reason, hint, cacheRepository, counts } =
    isSurveyed(found) ? describeSurvey(found) : describeUnsurveyed(found, false);
  const head = { schemaVersion, dockerfile, target, platform, way, reason, hint, cacheRepository };
  if (!isSurveyed(found)) return { ...head, last: null, changes: [], counts: null, solved: [] };
  const { last, facts } = found;
  const { branch = null } = facts.source;
  return {
    ...head,
    last: last === undefined ? null : { branch, commit: last.commit, builtAt: last.builtAt },
    changes: last === undefined ? [] : compareRecords(last, recordOfSurvey(found, counts?.layers ?? 0)),
    counts,
    solved: costliest(found),
  };
}
