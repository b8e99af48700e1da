import { lookAtLayerCache } from '../../cache/layer-cache.ts';
import { openStore } from '../../cache/store/open.ts';
import { textSetting } from '../../config/resolve.ts';
import { connectionError } from '../../host/http.ts';
import { registryClient } from '../../registry/client.ts';
import { schemeOf } from '../../registry/connection.ts';
import { cacheReferences, targetRepositories } from '../prepare.ts';
import { type Finding, ok, type Patient, problem, type Skipped, skipped, warning } from './check.ts';

const NO_TARGET = 'nothing is pushed (-t with --push; ECR_REPOSITORY_URI)';

/** Whether we may push: an upload is opened and cancelled. */
export async function checkPush({ host, plan }: Patient): Promise<Finding | Skipped> {
  const repositories = targetRepositories(plan);
  if (repositories.length === 0) return skipped(NO_TARGET);
  for (const [domain, path] of repositories)
    await registryClient(host, domain, { retries: 0, firstDelayMs: 0 }).checkPush(path);
  return ok(`may push to ${repositories.map(([domain, path]) => `${domain}/${path}`).join(', ')}`);
}

/** Signed requests are refused when clocks differ by more than that: AWS allows 5 minutes. */
const MOST_CLOCK_SECONDS = 5 * 60;

/** Our clock against the registry's. */
export async function checkClock({ host, plan }: Patient): Promise<Finding | Skipped> {
  const domain = targetRepositories(plan)[0]?.[0];
  if (domain === undefined) return skipped(NO_TARGET);
  const url = `${schemeOf(host, domain)}://${domain === 'docker.io' ? 'registry-1.docker.io' : domain}/v2/`;
  let answer: Response;
  try {
    answer = await host.fetch(url, { signal: host.signal });
  } catch (error) {
    const { message } = connectionError(error, `registry ${domain}`, host.signal);
    return skipped(message);
  }
  await answer.body?.cancel();
  const date = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isNaN(date)) return skipped(`the registry ${domain} does not tell its time`);
  return clockFinding((host.clock.now().getTime() - date) / 1000, domain);
}

/** @param seconds how much later our clock is */
export function clockFinding(seconds: number, domain: string): Finding {
  const difference = Math.round(Math.abs(seconds));
  if (difference <= 2) return ok(`the same as ${domain}'s`);
  const found = `${difference} s ${seconds > 0 ? 'ahead of' : 'behind'} ${domain}'s`;
  return difference <= MOST_CLOCK_SECONDS ? ok(found) : problem(`${found}: signatures will be refused`);
}

/** The layer caches that a build would read. What a cache does never fails a build, so nothing here is a problem. */
export async function checkLayerCache({ host, plan }: Patient): Promise<Finding | Skipped> {
  const references = cacheReferences(plan);
  if (references.length === 0) return skipped('none is read (--push, --cache-repo)');
  const looks = await Promise.all(references.map((reference) => lookAtLayerCache(host, reference)));
  const said = looks.map(({ reference, outcome, detail }) =>
    outcome === 'miss'
      ? `${reference}: empty, the next build fills it`
      : `${reference}: ${outcome}, ${detail}`,
  );
  return looks.some(({ outcome }) => outcome === 'unreadable')
    ? warning(said.join('; '))
    : ok(said.join('; '));
}

/** Always the same name, which is no key's: what is written here takes no room. */
const PROBE = 'v1/doctor.json';

/** The store for directory caches: listed, and one tiny object written and read. */
export async function checkStore({ host, configuration }: Patient): Promise<Finding | Skipped> {
  const text = textSetting(configuration, 'store');
  if (text === undefined) return skipped('none is configured (LAYERWRIGHT_STORE)');
  const store = await openStore(host, text);
  const content = Buffer.from('{}\n');
  async function* once() {
    yield content;
  }
  await store.write(PROBE, { content: once(), limit: content.length, onSent: () => {} });
  const listed = await store.list(PROBE);
  const size = await store.size(PROBE);
  return listed.length === 1 && size === content.length
    ? ok(`${store.name} can be listed, read and written`)
    : problem(
        `${store.name} does not show what was written to it`,
        'Look at its rules and at what is between.',
      );
}
