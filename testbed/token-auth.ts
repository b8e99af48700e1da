import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { type Bed, inBed } from './bed.ts';
import { ownFile } from './kept.ts';
import { respondsWith, startServer } from './service.ts';
import type { TokenServerConfig } from './token-server.ts';

const SERVICE = 'testbed-registry';

/** A running token server, for a registry that believes it. */
export interface TokenAuth {
  /** `auth` of distribution's configuration. */
  readonly auth: { readonly token: Readonly<Record<string, unknown>> };
  readonly user: string;
  readonly password: string;
}

/** Starts a token server on loopback, with a key and a password of its own. */
export async function startTokenAuth(bed: Bed): Promise<TokenAuth> {
  const directory = inBed(bed, 'registry-token');
  await mkdir(directory, { recursive: true });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const config: TokenServerConfig = {
    issuer: 'testbed',
    service: SERVICE,
    user: 'testbed',
    password: randomBytes(12).toString('hex'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keyId: randomBytes(8).toString('hex'),
  };
  const configFile = inBed(bed, 'registry-token', 'token-server.json');
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const jwks = inBed(bed, 'registry-token', 'jwks.json');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: config.keyId, alg: 'ES256', use: 'sig' };
  await writeFile(jwks, JSON.stringify({ keys: [jwk] }));
  const port = await startServer(
    bed,
    async (candidate) => ({
      name: 'token-server',
      command: [process.execPath, ownFile('token-server.ts'), configFile, String(candidate)],
    }),
    (candidate) => respondsWith(bed, `http://127.0.0.1:${candidate}/token`, [200]),
  );
  const { issuer, service, user, password } = config;
  return {
    auth: { token: { realm: `http://127.0.0.1:${port}/token`, service, issuer, jwks } },
    user,
    password,
  };
}
