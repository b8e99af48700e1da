import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hash } from 'bcryptjs';
import { temporaryDirectory } from '../../src/host/files.ts';
import { silentSteps } from '../../src/host/steps.ts';
import { freePort } from '../../testbed/processes.ts';
import { registryProgram } from '../../testbed/registry.ts';
import type { Certificate } from './certificates.ts';
import { testHost } from './host.ts';

/** A real registry (distribution) with a certificate, and with a login if wanted; on loopback, ended with its block. */
export async function tlsRegistry(
  certificate: Certificate,
  login?: { readonly user: string; readonly password: string },
): Promise<AsyncDisposable & { readonly address: string; readonly port: number }> {
  const directory = await temporaryDirectory('lw-registry-');
  const file = async (name: string, text: string) => {
    await writeFile(join(directory.path, name), text, { mode: 0o600 });
    return join(directory.path, name);
  };
  await mkdir(join(directory.path, 'data'));
  const port = await freePort();
  const users = login && `${login.user}:${(await hash(login.password, 4)).replace(/^\$2b\$/, '$2y$')}\n`;
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory.path, 'data') } },
    http: {
      addr: `127.0.0.1:${port}`,
      // Upload addresses are relative: it is reached under more than one name.
      relativeurls: true,
      tls: {
        certificate: await file('cert.pem', certificate.cert),
        key: await file('key.pem', certificate.key),
      },
    },
    ...(users && { auth: { htpasswd: { realm: 'test', path: await file('htpasswd', users) } } }),
  };
  const program = await registryProgram({ host: testHost(), steps: silentSteps });
  const child = spawn(program, ['serve', await file('config.json', JSON.stringify(config))], {
    env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'none' },
    stdio: 'ignore',
  });
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`the registry ended with ${child.exitCode}`);
    await sleep(20);
  }
  return {
    address: `127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** It answers a plain request on its TLS port with 400, so there is no need to believe its certificate. */
async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
