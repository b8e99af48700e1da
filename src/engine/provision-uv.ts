import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError, usageError } from '../errors.ts';
import { findOnPath } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { keepOnce } from '../host/kept.ts';
import type { Steps } from '../host/steps.ts';
import { keptDirectory } from './find-kept.ts';
import { assertRuns, type Way } from './provision.ts';
import { ENGINE_VERSIONS } from './releases.ts';

/** SHA-256 of uv's wheels on PyPI; pip takes the one for the machine and refuses any other bytes. */
const WHEEL_SHA256 = {
  'manylinux_2_17_x86_64.manylinux2014_x86_64':
    'd7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19',
  'manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64':
    '5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe',
  manylinux_2_28_aarch64: 'ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375',
  musllinux_1_1_x86_64: '2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25',
  macosx_10_12_x86_64: 'c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5',
  macosx_11_0_arm64: '66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63',
};

/** uv's wheel from the index that pip is configured for. */
export function uvWheelWay(host: Host, steps: Steps): Way {
  return {
    name: 'PyPI',
    async get() {
      const directory = keptDirectory(host, 'uv', 'pypi');
      await keepOnce(
        directory,
        (into) => steps.step(`Installing uv ${ENGINE_VERSIONS.uv} from PyPI`, () => installWheel(host, into)),
        () => steps.note('Waiting for another run that provisions uv'),
      );
      return join(directory, 'bin');
    },
  };
}

async function installWheel(host: Host, into: string): Promise<void> {
  const python = await findOnPath('python3', host.env);
  if (python === undefined)
    throw usageError('PYTHON_MISSING', 'there is no python3 on PATH', 'Install uv, or Python 3 with pip.');
  const requirements = join(into, 'requirements.txt');
  const hashes = Object.values(WHEEL_SHA256).map((sum) => `--hash=sha256:${sum}`);
  await writeFile(requirements, `uv==${ENGINE_VERSIONS.uv} ${hashes.join(' ')}\n`);
  const target = join(into, 'target');
  const result = await host.run(
    [
      ...[python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'],
      ...['--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'],
      ...['--target', target, '--requirement', requirements],
    ],
    // PIP_USER (Debian's habit in some images) and --target exclude each other.
    { env: { ...host.env, PIP_USER: '0' }, signal: host.signal },
  );
  if (result.exitCode !== 0) throw pipError(result.stderr);
  const bin = join(into, 'bin');
  await mkdir(bin);
  await rename(join(target, 'bin', 'uv'), join(bin, 'uv'));
  await rm(target, { recursive: true });
  await rm(requirements);
  await assertRuns(host, bin, ['uv']);
}

function pipError(stderr: string): LayerwrightError {
  if (stderr.includes('DO NOT MATCH THE HASHES'))
    return new LayerwrightError("the wheel of uv from the package index has another checksum than PyPI's", {
      code: 'CHECKSUM_MISMATCH',
      exit: EXIT.usage,
      detail: stderr.slice(-2000),
      hint: 'The index or a proxy on the way changes packages. Do not use it before you know why.',
    });
  const noPip = stderr.includes('No module named pip');
  return new LayerwrightError(noPip ? 'python3 has no pip' : 'pip cannot install uv', {
    code: 'UV_INSTALL_FAILED',
    exit: noPip ? EXIT.usage : EXIT.temporary,
    detail: stderr.slice(-2000),
    hint: 'Install uv: https://docs.astral.sh/uv/getting-started/installation/.',
  });
}
