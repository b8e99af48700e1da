import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, interruptedError, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import { freePort } from '../testbed/processes.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { testbedTools } from '../testbed/tools.ts';
import { repositoryIn } from './build.ts';
import { type Container, runContainer } from './container.ts';

/** What the running service said. */
export interface Answer {
  /** The body of `GET /healthz`. */
  readonly health: string;
  readonly question: string;
  readonly reply: string;
}

const QUESTION = 'How late are you open on Saturday?';
const START_MS = 60_000;

/** Runs the image that was pushed last, asks its health and a question, and ends it. */
export async function ask(host: Host, testbed: Testbed, directory: string, steps: Steps): Promise<Answer> {
  steps.note('');
  const port = await freePort();
  const container = await steps.step('Starting the image that was pushed', async () => {
    const { buildx, buildkit } = await testbedTools(host, steps);
    const builder = {
      command: [buildx],
      name: testbed.env.BUILDX_BUILDER ?? '',
      env: { ...host.env, ...testbed.env },
    };
    return await runContainer(host, builder, {
      reference: `${repositoryIn(testbed)}:latest`,
      directory,
      runtime: buildkit.runtime.path,
      // The recipe's image has no entrypoint, and no directory for the database of the other environments.
      command: ['python', 'chat.py', '--env', 'dev', '--host', '127.0.0.1', '--port', String(port)],
    });
  });
  try {
    const origin = `http://127.0.0.1:${port}`;
    const health = await steps.step('Asking it', () => healthOf(host, origin, container));
    const response = await host.fetch(`${origin}/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ message: QUESTION }),
      signal: host.signal,
    });
    if (!response.ok) throw await silent(container, `POST /chat answers HTTP ${response.status}`);
    const { answer } = (await response.json()) as { answer: string };
    return { health, question: QUESTION, reply: answer };
  } finally {
    await container.stop();
  }
}

async function healthOf(host: Host, origin: string, container: Container): Promise<string> {
  const deadline = host.clock.monotonicMs() + START_MS;
  while (host.clock.monotonicMs() < deadline) {
    if (host.signal.aborted) throw interruptedError();
    try {
      const response = await host.fetch(`${origin}/healthz`, { signal: AbortSignal.timeout(2_000) });
      if (response.ok) return await response.text();
    } catch (error) {
      // It refuses connections until it listens.
      if (!(error instanceof TypeError) && !(error instanceof DOMException)) throw error;
    }
    await sleep(100);
  }
  throw await silent(container, `GET /healthz has no answer after ${START_MS / 1000} s`);
}

async function silent(container: Container, what: string): Promise<LayerwrightError> {
  return new LayerwrightError(`the image does not do its work: ${what}`, {
    code: 'DEMO_IMAGE_SILENT',
    exit: EXIT.failed,
    detail: (await container.log()).split('\n').slice(-30).join('\n'),
  });
}
