import type { Configuration } from '../../config/resolve.ts';
import type { Host } from '../../host/host.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildRequest } from '../build-request.ts';
import type { EngineRecord } from '../engine.ts';

/** What a check found, one line, and for what is not ok how to mend it: a command or a change. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'problem';
  readonly found: string;
  readonly mend?: string;
}

/** Why there was nothing to check. */
export interface Skipped {
  readonly status: 'skipped';
  readonly found: string;
}

/** What the checks look at. */
export interface Patient {
  /** With the network as it is configured. Every check has its own, which its time limit aborts. */
  readonly host: Host;
  readonly configuration: Configuration;
  /** Why flags, variables or file are not what they should be; the other checks go on without them. */
  readonly configurationError: unknown;
  /** What `build` would be asked with the same flags, variables and file. */
  readonly request: BuildRequest;
  /** As far as it can be made without reading the context. */
  readonly plan: BuildPlan;
  /** Tools and builders, looked for once. */
  readonly engine: () => Promise<EngineRecord>;
}

/** One thing that a build relies on. */
export interface Check {
  readonly group: 'Project' | 'This machine' | 'Engine' | 'Registry and caches';
  readonly title: string;
  /** What helps where a finding does not say it itself. */
  readonly mend: string;
  /** Longest time in seconds; default 10. */
  readonly seconds?: number;
  readonly look: (patient: Patient) => Promise<Finding | Skipped>;
}

export function ok(found: string): Finding {
  return { status: 'ok', found };
}

export function warning(found: string, mend?: string): Finding {
  return { status: 'warning', found, ...(mend !== undefined && { mend }) };
}

export function problem(found: string, mend?: string): Finding {
  return { status: 'problem', found, ...(mend !== undefined && { mend }) };
}

export function skipped(found: string): Skipped {
  return { status: 'skipped', found };
}
