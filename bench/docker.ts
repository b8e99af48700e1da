import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, interruptedError, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';
import { freePort } from '../testbed/processes.ts';
import type { DockerSample, Peer } from './sample.ts';

const START_MS = 120_000;

/** A Docker Engine and the environment that leads to it. */
export interface Engine {
  readonly host: Host;
  readonly env: NodeJS.ProcessEnv;
}

/** Pulls an image into a Docker Engine that has no image at all, starts it, and waits for the service's first answer. */
export async function pulledAndStarted(
  engine: Engine,
  reference: string,
  peer: Peer,
  run: number,
): Promise<DockerSample> {
  const { host } = engine;
  await removeAll(engine);
  const started = host.clock.monotonicMs();
  const told = await docker(engine, 'pull', reference);
  const pulled = host.clock.monotonicMs();
  if (/Already exists/i.test(told)) throw new Error(`the Docker Engine had some of ${reference}:\n${told}`);
  const port = await freePort();
  const words = ['python', 'chat.py', '--env', 'prod', '--host', '127.0.0.1', '--port', String(port)];
  const container = (await docker(engine, 'run', '--detach', '--network=host', reference, ...words)).trim();
  await firstAnswer(engine, container, `http://127.0.0.1:${port}/healthz`);
  const answered = host.clock.monotonicMs();
  await removeAll(engine);
  return { peer, run, pullSeconds: (pulled - started) / 1000, startSeconds: (answered - pulled) / 1000 };
}

async function removeAll(engine: Engine): Promise<void> {
  const containers = (await docker(engine, 'ps', '--all', '--quiet')).split('\n').filter(Boolean);
  if (containers.length > 0) await docker(engine, 'rm', '--force', '--volumes', ...containers);
  await docker(engine, 'system', 'prune', '--all', '--force');
}

async function firstAnswer({ host, env }: Engine, container: string, url: string): Promise<void> {
  const deadline = host.clock.monotonicMs() + START_MS;
  while (host.clock.monotonicMs() < deadline) {
    if (host.signal.aborted) throw interruptedError();
    try {
      const response = await host.fetch(url, { signal: AbortSignal.timeout(2_000) });
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      // It refuses connections until it listens.
      if (!(error instanceof TypeError) && !(error instanceof DOMException)) throw error;
    }
    await sleep(20);
  }
  const { stdout, stderr } = await host.run(['docker', 'logs', container], { env });
  throw new LayerwrightError(`the image gives no answer within ${START_MS / 1000} s`, {
    code: 'BENCH_IMAGE_SILENT',
    exit: EXIT.failed,
    detail: `${stdout}${stderr}`.slice(-3000),
  });
}

async function docker({ host, env }: Engine, ...words: readonly string[]): Promise<string> {
  const result = await host.run(['docker', ...words], { env, signal: host.signal });
  if (result.exitCode === 0) return result.stdout;
  throw new LayerwrightError(`docker ${words[0]} failed`, {
    code: 'BENCH_DOCKER_FAILED',
    exit: EXIT.failed,
    detail: result.stderr.slice(-3000),
  });
}
