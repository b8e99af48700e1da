import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bed, inBed } from './bed.ts';
import { keepGoPart } from './kept.ts';
import { respondsWith, startServer } from './service.ts';

const BUCKET = 'layerwright-testbed';
export const REGION = 'us-east-1';

export async function s3Program(bed: Pick<Bed, 'host' | 'steps'>): Promise<string> {
  const bin = await keepGoPart(bed.host, bed.steps, {
    name: 'versitygw',
    version: '1.8.0',
    packages: ['github.com/versity/versitygw/cmd/versitygw'],
  });
  return join(bin, 'versitygw');
}

/** Credentials of this testbed alone; the S3 server checks them, the AWS stand-in takes any. */
export function awsVariables(): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: `LWTESTBED${randomBytes(5).toString('hex').toUpperCase()}`,
    AWS_SECRET_ACCESS_KEY: randomBytes(20).toString('hex'),
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
  };
}

/** Starts an S3 server over a directory, with one bucket. */
export async function startS3(bed: Bed): Promise<void> {
  const program = await s3Program(bed);
  await bed.steps.step('Starting the S3 server', async () => {
    const root = inBed(bed, 's3');
    // Its buckets are the directories in its root.
    await mkdir(join(root, BUCKET), { recursive: true });
    const port = await startServer(
      bed,
      async (candidate) => ({
        name: 's3',
        command: [
          program,
          '--quiet',
          '--keep-alive',
          '--region',
          REGION,
          '--port',
          `127.0.0.1:${candidate}`,
          'posix',
          root,
        ],
        env: {
          ROOT_ACCESS_KEY: bed.state.value.env.AWS_ACCESS_KEY_ID,
          ROOT_SECRET_KEY: bed.state.value.env.AWS_SECRET_ACCESS_KEY,
        },
      }),
      (candidate) => respondsWith(bed, `http://127.0.0.1:${candidate}/`, [403]),
    );
    await bed.state.change(({ env }) => ({
      env: { ...env, LW_S3_BUCKET: BUCKET, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` },
    }));
  });
}
