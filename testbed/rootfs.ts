import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';
import { ensureProgram, MMDEBSTRAP, SUITE } from './debian.ts';
import { ownFile } from './kept.ts';

/** The time stamp of everything in the images that has none of its own: 14 November 2023. */
export const SOURCE_DATE_EPOCH = '1700000000';

/** What a minimal Debian is made of. */
export interface RootfsInputs {
  /** Lines of a `sources.list`; none: Debian's own. */
  readonly sources: readonly string[];
  /** PEM blocks of authorities to trust beside Mozilla's. */
  readonly authorities: readonly string[];
}

/**
 * Makes `rootfs.tar` in a directory: a minimal Debian with apt and certificates, set up as Docker Hub's slim image is.
 *
 * @throws LayerwrightError `ROOTFS_FAILED` (75)
 */
export async function makeRootfs(
  host: Host,
  steps: Steps,
  inputs: RootfsInputs,
  into: string,
): Promise<void> {
  const mmdebstrap = await ensureProgram(host, steps, MMDEBSTRAP);
  const certificates = join(into, 'authorities');
  await mkdir(certificates, { recursive: true });
  const hooks: string[] = [];
  for (const [index, pem] of inputs.authorities.entries()) {
    const file = join(certificates, `machine-${index}.crt`);
    await writeFile(file, `${pem}\n`);
    hooks.push(`upload "${file}" /usr/local/share/ca-certificates/machine-${index}.crt`);
  }
  hooks.push(
    'chroot "$1" update-ca-certificates',
    `upload "${ownFile('images/apt-docker-clean.conf')}" /etc/apt/apt.conf.d/docker-clean`,
    // With that configuration apt does not clean up what it wrote before.
    'rm -f "$1"/var/cache/apt/*.bin',
  );
  await steps.step(`Making a minimal Debian ${SUITE} with mmdebstrap`, async () => {
    const result = await host.run(
      [
        ...[mmdebstrap, '--variant=minbase', '--include=ca-certificates,usr-is-merged'],
        // Without this hook the package that merges /usr afterwards comes along, and Perl with it.
        '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
        `--dpkgopt=${ownFile('images/dpkg-slim.cfg')}`,
        ...hooks.map((hook) => `--customize-hook=${hook}`),
        ...[SUITE, join(into, 'rootfs.tar')],
        ...(inputs.sources.length > 0 ? ['-'] : []),
      ],
      {
        env: { ...host.env, SOURCE_DATE_EPOCH },
        input: inputs.sources.map((line) => `${line}\n`).join(''),
        signal: host.signal,
      },
    );
    if (result.exitCode !== 0)
      throw new LayerwrightError('mmdebstrap cannot make a minimal Debian', {
        code: 'ROOTFS_FAILED',
        exit: EXIT.temporary,
        detail: result.stderr.slice(-3000),
        hint: 'Check that this machine reaches its Debian mirror.',
      });
  });
}
