import { EXIT, LayerwrightError, usageError } from '../src/errors.ts';
import { findOnPath } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import type { Bed } from './bed.ts';
import { keepPart, ownFile } from './kept.ts';
import { REGION } from './s3.ts';
import { respondsWith, startServer } from './service.ts';

/** The version that `moto/requirements.txt` pins. */
const VERSION = '5.2.5';

/** The ECR repository that is there from the start. */
const REPOSITORY = 'chat';

/** moto, which stands in for ECR and STS, and the Python to run it with. */
export interface Moto {
  readonly python: string;
  /** Directory for PYTHONPATH. */
  readonly packages: string;
}

/**
 * Installs moto and what it needs, by checksum, into a directory: a virtual environment could not be moved there.
 *
 * @throws LayerwrightError `PYTHON_MISSING` (2), `MOTO_INSTALL_FAILED` (75)
 */
export async function provisionMoto(host: Host, steps: Steps): Promise<Moto> {
  const { python, tag } = await hostPython(host);
  const part = { name: 'moto', version: `${VERSION}-${tag}`, title: `Installing moto ${VERSION} from PyPI` };
  const packages = await keepPart(host, steps, part, async (into) => {
    const result = await host.run(
      [
        ...[python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'],
        ...['--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...['--target', into, '--requirement', ownFile('moto/requirements.txt')],
      ],
      // PIP_USER and --target exclude each other.
      { env: { ...host.env, PIP_USER: '0' }, signal: host.signal },
    );
    if (result.exitCode !== 0)
      throw new LayerwrightError('pip cannot install moto', {
        code: 'MOTO_INSTALL_FAILED',
        exit: EXIT.temporary,
        detail: result.stderr.slice(-3000),
        hint: 'It comes from the package index that pip is configured for; on Debian, pip is the package python3-pip.',
      });
  });
  return { python, packages };
}

/** Starts the stand-in for ECR and STS, with one repository. */
export async function startAws(bed: Bed): Promise<void> {
  const moto = await provisionMoto(bed.host, bed.steps);
  await bed.steps.step('Starting the AWS stand-in', async () => {
    const port = await startServer(
      bed,
      async (candidate) => ({
        name: 'aws',
        command: [moto.python, '-m', 'moto.server', '-H', '127.0.0.1', '-p', String(candidate)],
        env: { PYTHONPATH: moto.packages, PYTHONDONTWRITEBYTECODE: '1' },
      }),
      (candidate) => respondsWith(bed, `http://127.0.0.1:${candidate}/moto-api/`, [200]),
    );
    const endpoint = `http://127.0.0.1:${port}`;
    await createRepository(bed.host, endpoint);
    await bed.state.change(({ env }) => ({
      env: { ...env, AWS_ENDPOINT_URL_ECR: endpoint, AWS_ENDPOINT_URL_STS: endpoint },
    }));
  });
}

async function hostPython(host: Host): Promise<{ python: string; tag: string }> {
  const found = await findOnPath('python3', host.env);
  const wanted = 'Install Python 3.10 or newer with pip (on Debian: python3 and python3-pip).';
  if (found === undefined)
    throw usageError('PYTHON_MISSING', 'the AWS stand-in needs a python3 on PATH', wanted);
  // What is on PATH may be a script that chooses a version; the program itself is what is started.
  const script =
    'import sys; print(sys.executable, "cp%d%d" % sys.version_info[:2], sys.version_info >= (3, 10), sep="\\n")';
  const result = await host.run([found, '-c', script], { env: host.env, signal: host.signal });
  const [python, tag, recent] = result.stdout.trim().split('\n');
  if (result.exitCode === 0 && python && tag && recent === 'True') return { python, tag };
  throw usageError(
    'PYTHON_MISSING',
    `${found} is not Python 3.10 or newer, which the AWS stand-in needs`,
    wanted,
  );
}

async function createRepository(host: Host, endpoint: string): Promise<void> {
  const response = await host.fetch(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'AmazonEC2ContainerRegistry_V20150921.CreateRepository',
      // It reads the service from the scope and checks no signature.
      Authorization: `AWS4-HMAC-SHA256 Credential=testbed/20260101/${REGION}/ecr/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ repositoryName: REPOSITORY }),
    signal: host.signal,
  });
  if (response.ok) return;
  throw new LayerwrightError(`the AWS stand-in cannot create the ECR repository ${REPOSITORY}`, {
    code: 'SERVICE_FAILED',
    exit: EXIT.temporary,
    detail: `${response.status} ${(await response.text()).slice(0, 2000)}`,
  });
}
