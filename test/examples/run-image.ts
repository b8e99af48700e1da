import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Container, runContainer } from '../../demo/container.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { freePort } from '../../testbed/processes.ts';
import { testbedTools } from '../../testbed/tools.ts';
import { testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';
import type { Shape } from './shapes.ts';

const ANSWER_MS = 60_000;

/** Runs an image that was pushed and returns what it said: the line that it printed, or its answer to `GET /healthz`. */
export async function answerOf(reference: string, run: Shape['run']): Promise<Record<string, unknown>> {
  const host = testHost();
  const { buildx, buildkit } = await testbedTools(host, silentSteps);
  await using directory = await temporaryDirectory('lw-run-');
  const port = await freePort();
  const container = await runContainer(
    host,
    { command: [buildx], name: testbedVariable('BUILDX_BUILDER'), env: host.env },
    {
      reference,
      directory: directory.path,
      runtime: buildkit.runtime.path,
      command: run.kind === 'service' ? run.words(port) : run.words,
    },
  );
  try {
    const ask =
      run.kind === 'service' ? () => health(`http://127.0.0.1:${port}/healthz`) : () => lineOf(container);
    return await patiently(container, ask);
  } finally {
    await container.stop();
  }
}

async function patiently(
  container: Container,
  ask: () => Promise<Record<string, unknown> | undefined>,
): Promise<Record<string, unknown>> {
  const deadline = performance.now() + ANSWER_MS;
  while (performance.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(50);
  }
  assert.fail(`no answer within ${ANSWER_MS / 1000} s:\n${await container.log()}`);
}

async function health(url: string): Promise<Record<string, unknown> | undefined> {
  try {
    const response = await fetch(url);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    // It refuses connections until it listens.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

async function lineOf(container: Container): Promise<Record<string, unknown> | undefined> {
  const line = /^(\{.*\})\n/m.exec(await container.log())?.[1];
  return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
}
