import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from 'bcryptjs';
import { type Bed, inBed } from './bed.ts';
import { keepGoPart } from './kept.ts';
import { MIRRORED } from './mirrored.ts';
import { respondsWith, startServer } from './service.ts';
import { startTokenAuth } from './token-auth.ts';

/** Login to the second registry, as ECR's: the password is what the AWS stand-in's GetAuthorizationToken hands out. */
const USER = 'AWS';
const PASSWORD = '123456789012-auth-token';

/** The program of the CNCF's distribution registry. */
export async function registryProgram(bed: Pick<Bed, 'host' | 'steps'>): Promise<string> {
  const bin = await keepGoPart(bed.host, bed.steps, {
    name: 'registry',
    version: '3.1.2',
    packages: ['github.com/distribution/distribution/v3/cmd/registry'],
  });
  return join(bin, 'registry');
}

/** Starts three registries on loopback, plain HTTP: one open to all, one with login, one that believes a token server. */
export async function startRegistries(bed: Bed): Promise<void> {
  const program = await registryProgram(bed);
  await bed.steps.step('Starting the registries', async () => {
    const open = await startRegistry(bed, program, 'registry');
    const passwords = inBed(bed, 'registry-auth', 'htpasswd');
    await mkdir(inBed(bed, 'registry-auth'), { recursive: true });
    // Go's bcrypt calls the same algorithm 2y, as htpasswd does.
    await writeFile(passwords, `${USER}:${(await hash(PASSWORD, 4)).replace(/^\$2b\$/, '$2y$')}\n`);
    const auth = { htpasswd: { realm: 'testbed', path: passwords } };
    const withLogin = await startRegistry(bed, program, 'registry-auth', auth);
    const tokens = await startTokenAuth(bed);
    const withTokens = await startRegistry(bed, program, 'registry-token', tokens.auth);
    await bed.state.change(({ env }) => ({
      env: {
        ...env,
        LW_REGISTRY: open,
        // The builders of the testbed have it in their configuration.
        LAYERWRIGHT_MIRRORS: MIRRORED.map((host) => `${host}=${open}`).join(','),
        LW_REGISTRY_AUTH: withLogin,
        LW_REGISTRY_AUTH_USER: USER,
        LW_REGISTRY_AUTH_PASSWORD: PASSWORD,
        LW_REGISTRY_TOKEN: withTokens,
        LW_REGISTRY_TOKEN_USER: tokens.user,
        LW_REGISTRY_TOKEN_PASSWORD: tokens.password,
      },
    }));
  });
}

/** @returns `host:port` */
async function startRegistry(
  bed: Bed,
  program: string,
  name: 'registry' | 'registry-auth' | 'registry-token',
  auth?: object,
): Promise<string> {
  const configFile = inBed(bed, name, 'config.json');
  await mkdir(inBed(bed, name), { recursive: true });
  const configure = (port: number) => ({
    version: '0.1',
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: inBed(bed, name, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
    ...(auth && { auth }),
  });
  const port = await startServer(
    bed,
    async (candidate) => {
      // Its configuration is YAML, and JSON is YAML.
      await writeFile(configFile, JSON.stringify(configure(candidate), undefined, 2));
      return {
        name,
        command: [program, 'serve', configFile],
        // Without this it sends traces to a collector that is not there.
        env: { OTEL_TRACES_EXPORTER: 'none' },
      };
    },
    (candidate) => respondsWith(bed, `http://127.0.0.1:${candidate}/v2/`, [auth ? 401 : 200]),
  );
  return `127.0.0.1:${port}`;
}

/**
 * The bytes of all blobs in the open registry of the testbed in a directory. What it grows by while something is pushed
 * is what was uploaded: a client asks whether a blob is there before it sends it.
 */
export async function storedBytes(dir: string): Promise<number> {
  const blobs = join(dir, 'registry', 'data', 'docker', 'registry', 'v2', 'blobs');
  const names = await readdir(blobs, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    // Nothing was pushed yet.
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith('/data'));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(blobs, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
