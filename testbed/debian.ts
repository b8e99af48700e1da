import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError, usageError } from '../src/errors.ts';
import { findOnPath, readTextIfThere } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { sleep } from '../src/host/http.ts';
import type { Steps } from '../src/host/steps.ts';

/** The Debian release that the base images are made of: the one whose Python is 3.11. */
export const SUITE = 'bookworm';

/** A program that Debian's packages bring. */
interface DebianProgram {
  readonly program: string;
  readonly packages: readonly string[];
  /** What it is for: the subject of a sentence that ends with `which is not on PATH`. */
  readonly purpose: string;
}

/** What makes a Debian tree, and the keys that its packages are checked with. */
export const MMDEBSTRAP: DebianProgram = {
  program: 'mmdebstrap',
  packages: ['mmdebstrap', 'gpg', 'debian-archive-keyring'],
  purpose: 'the base images are made with mmdebstrap',
};

/** What the Docker Engine puts into a container as its first process (`docker run --init`). */
export const TINI: DebianProgram = {
  program: 'tini-static',
  packages: ['tini'],
  purpose: 'the Docker Engine starts containers with tini',
};

/** The browser that looks at the pages we make, with a font to write them in. */
export const CHROMIUM: DebianProgram = {
  program: 'chromium',
  packages: ['chromium', 'fonts-dejavu-core'],
  purpose: 'pages are looked at with Chromium',
};

/**
 * Makes sure that a program is there; root installs it with apt.
 *
 * @returns its absolute path
 * @throws LayerwrightError `PACKAGES_MISSING` (2), `APT_FAILED` (75)
 */
export async function ensureProgram(host: Host, steps: Steps, wanted: DebianProgram): Promise<string> {
  const { program, packages, purpose } = wanted;
  const found = await findOnPath(program, host.env);
  if (found !== undefined) return found;
  const apt = await findOnPath('apt-get', host.env);
  if (apt === undefined || process.getuid?.() !== 0)
    throw usageError(
      'PACKAGES_MISSING',
      `${purpose}, which is not on PATH`,
      `As root: apt-get install ${packages.join(' ')}.`,
    );
  await steps.step(`Installing ${program} with apt`, async () => {
    await aptOk(host, [apt, 'update', '--quiet']);
    await aptOk(host, [apt, 'install', '--quiet', '--yes', '--no-install-recommends', ...packages]);
  });
  const installed = await findOnPath(program, host.env);
  if (installed !== undefined) return installed;
  throw usageError(
    'PACKAGES_MISSING',
    `apt-get installed ${program}, but it is not on PATH`,
    'Is /usr/bin on PATH?',
  );
}

/** apt-get, with lists of packages that it can download from. */
export async function ensureAptDownload(host: Host, steps: Steps): Promise<string> {
  const apt = await findOnPath('apt-get', host.env);
  if (apt === undefined)
    throw usageError(
      'PACKAGES_MISSING',
      'browsers are made of Debian packages, and there is no apt-get',
      'Run it on Debian.',
    );
  const known = await host.run(['apt-cache', 'show', CHROMIUM.program], {
    env: host.env,
    signal: host.signal,
  });
  if (known.exitCode !== 0)
    await steps.step('Updating the lists of packages', () => aptOk(host, [apt, 'update', '--quiet']));
  return apt;
}

/**
 * The package sources for the images: those of this machine if it is a Debian (with its own mirrors), else none, and
 * mmdebstrap takes Debian's own.
 *
 * @returns lines of a `sources.list`
 */
export async function debianSources(host: Host): Promise<string[]> {
  const release = (await readTextIfThere('/etc/os-release')) ?? '';
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  const apt = await findOnPath('apt-get', host.env);
  if (apt === undefined || codename === undefined || !/^ID=debian$/m.test(release)) return [];
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const result = await host.run([apt, 'indextargets', '--format', format, 'Created-By: Packages'], {
    env: host.env,
    signal: host.signal,
  });
  if (result.exitCode !== 0) return [];
  const suites = new Map(
    ['', '-updates', '-security'].map((pocket) => [`${codename}${pocket}`, `${SUITE}${pocket}`]),
  );
  const lines = result.stdout.split('\n').flatMap((line) => {
    const [uri, suite = '', component] = line.split(' ');
    const wanted = suites.get(suite);
    return wanted !== undefined && component === 'main' ? [`deb ${uri} ${wanted} main`] : [];
  });
  const unique = [...new Set(lines)].sort();
  return unique.some((line) => line.endsWith(` ${SUITE} main`)) ? unique : [];
}

/**
 * The certificate authorities that this machine trusts beside Mozilla's: a network that ends TLS at a proxy has its
 * own, and what is built in a container must trust it too.
 *
 * @returns PEM blocks, sorted
 */
export async function machineAuthorities(host: Host): Promise<string[]> {
  const bundle = host.env.SSL_CERT_FILE || '/etc/ssl/certs/ca-certificates.crt';
  const trusted = certificatesIn((await readTextIfThere(bundle)) ?? '');
  const mozilla = '/usr/share/ca-certificates/mozilla';
  const known = new Set<string>();
  for (const name of await namesIn(mozilla))
    for (const certificate of certificatesIn((await readTextIfThere(join(mozilla, name))) ?? ''))
      known.add(certificate);
  // Where the machine does not tell which are Mozilla's, none can be told to be its own.
  if (known.size === 0) return [];
  return trusted.filter((certificate) => !known.has(certificate)).sort();
}

function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Another apt of this machine (one of ours beside this one, the daily update) is waited for so long. */
const APT_LOCK_MS = 180_000;

async function aptOk(host: Host, command: readonly string[]): Promise<void> {
  const deadline = host.clock.monotonicMs() + APT_LOCK_MS;
  const run = () =>
    host.run(command, { env: { ...host.env, DEBIAN_FRONTEND: 'noninteractive' }, signal: host.signal });
  let result = await run();
  while (/Could not get lock/.test(result.stderr) && host.clock.monotonicMs() < deadline) {
    await sleep(1_000, host.signal);
    result = await run();
  }
  if (result.exitCode === 0) return;
  throw new LayerwrightError(`${command.slice(0, 2).join(' ')} failed`, {
    code: 'APT_FAILED',
    exit: EXIT.temporary,
    detail: `${result.stdout}${result.stderr}`.slice(-3000),
    hint: 'Check that this machine reaches its Debian mirror.',
  });
}
