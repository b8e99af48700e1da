import { withSettings } from '../config/flags.ts';
import { type Configuration, resolveConfiguration } from '../config/resolve.ts';
import { EXIT, type ExitCode, interruptedError, knownError, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import { planBuild } from '../plan/build-plan.ts';
import { toBuildRequest } from './build-request.ts';
import { type Asked, configurationFrom, fileFor, networked } from './configure.ts';
import type { Check, Finding, Patient, Skipped } from './doctor/check.ts';
import { CHECKS } from './doctor/checks.ts';
import { renderDoctor } from './doctor/text.ts';
import { engineStatus } from './engine.ts';

/** `layerwright doctor --json`. */
export interface DoctorRecord {
  readonly schemaVersion: 1;
  /** `problem` if a check found one; warnings are none. */
  readonly outcome: 'ok' | 'problem';
  readonly checks: readonly CheckRecord[];
}

export interface CheckRecord {
  readonly name: string;
  readonly group: Check['group'];
  readonly title: string;
  readonly status: 'ok' | 'warning' | 'problem' | 'skipped';
  /** One line: what was found, or why there was nothing to check. */
  readonly found: string;
  /** The command or change that mends it; null where nothing is to be mended. */
  readonly mend: string | null;
  readonly seconds: number;
}

/**
 * Looks at everything that a build with the same words would rely on; changes nothing.
 *
 * @returns exit 1 if there is a problem
 */
export async function doctor(
  host: Host,
  asked: Asked,
): Promise<{ record: DoctorRecord; text: string; exit: ExitCode }> {
  const patient = await patientOf(host, asked);
  const checks = await Promise.all(
    Object.entries(CHECKS).map(([name, check]) => examine(patient, name, check)),
  );
  // What was aborted from outside found nothing.
  if (host.signal.aborted) throw interruptedError();
  const sick = checks.some(({ status }) => status === 'problem');
  const record: DoctorRecord = { schemaVersion: 1, outcome: sick ? 'problem' : 'ok', checks };
  return { record, text: renderDoctor(record), exit: sick ? EXIT.failed : EXIT.ok };
}

async function patientOf(host: Host, asked: Asked): Promise<Patient> {
  const { configuration, error } = await configurationOrError(host, asked);
  const request = toBuildRequest(
    host.env,
    asked.context,
    withSettings(asked.options, configuration.settings),
  );
  // In CodeBuild the repository is known before anybody names an image.
  const assumed = request.tags.length === 0 ? host.env.ECR_REPOSITORY_URI : undefined;
  const tags = (assumed ? [assumed] : request.tags).flatMap(referenceOf);
  const wishes = { ...request.wishes, push: request.wishes.push || Boolean(assumed) };
  let engine: ReturnType<Patient['engine']> | undefined;
  return {
    // A certificate authority that cannot be used is told by its own check.
    host: await networked(host, configuration).catch(() => host),
    configuration,
    configurationError: error,
    request,
    plan: planBuild({ dockerfile: undefined, target: undefined, tags }, wishes),
    engine() {
      engine ??= engineStatus(limited(host, 9)).then(({ record }) => record);
      return engine;
    },
  };
}

/** With what is wrong left out, so that the other checks have something to look at. */
async function configurationOrError(
  host: Host,
  asked: Asked,
): Promise<{ configuration: Configuration; error?: unknown }> {
  try {
    return { configuration: configurationFrom(host, asked, await fileFor(host, asked)) };
  } catch (error) {
    if (!(error instanceof LayerwrightError)) throw error;
    const sources = { flags: asked.given, trusted: true, file: undefined };
    try {
      return { configuration: resolveConfiguration({ ...sources, env: host.env }), error };
    } catch {
      return { configuration: resolveConfiguration({ ...sources, env: {} }), error };
    }
  }
}

/** A name without what only a build can fill in; what is no name is told by its own check. */
function referenceOf(tag: string) {
  try {
    return [parseReference(tag.replace(/\{[^{}]*\}/g, 'x'))];
  } catch {
    return [];
  }
}

/** Seconds for a check that says nothing else. */
const PATIENCE = 10;

/** Runs one check, not longer than it may take. */
export async function examine(patient: Patient, name: string, check: Check): Promise<CheckRecord> {
  const { clock } = patient.host;
  const started = clock.monotonicMs();
  const finding = await withinTime(patient, check);
  const isSick = finding.status === 'problem' || finding.status === 'warning';
  return {
    name,
    group: check.group,
    title: check.title,
    status: finding.status,
    found: finding.found.replace(/\s*\n\s*/g, ' '),
    mend: isSick ? (finding.mend ?? check.mend) : null,
    seconds: Math.round(clock.monotonicMs() - started) / 1000,
  };
}

async function withinTime(patient: Patient, check: Check): Promise<Finding | Skipped> {
  const seconds = check.seconds ?? PATIENCE;
  const host = limited(patient.host, seconds);
  const silence = new Promise<Finding>((tell) => {
    host.signal.addEventListener('abort', () =>
      tell({ status: 'problem', found: `no answer in ${seconds} s` }),
    );
  });
  return await Promise.race([silence, check.look({ ...patient, host }).catch(asFinding)]);
}

/** An error of ours is what the check found; anything else is our bug and goes on. */
function asFinding(thrown: unknown): Finding {
  const error = knownError(thrown);
  if (!(error instanceof LayerwrightError)) throw error;
  // Ended by the limit of what several checks share.
  if (error.exit === EXIT.interrupted) return { status: 'problem', found: 'no answer in time' };
  return { status: 'problem', found: error.message, ...(error.hint !== undefined && { mend: error.hint }) };
}

/** The machine for so many seconds: then its requests end, and its programs soon after. */
function limited(host: Host, seconds: number): Host {
  const signal = AbortSignal.any([host.signal, AbortSignal.timeout(seconds * 1000)]);
  return {
    ...host,
    signal,
    run: (command, options) => host.run(command, { ...options, signal, killAfterMs: 500 }),
  };
}
