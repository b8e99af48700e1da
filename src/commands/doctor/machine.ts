import { X509Certificate } from 'node:crypto';
import { readFile, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { listSetting } from '../../config/resolve.ts';
import { cacheDirectory, findOnPath } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { authorityBundle } from '../../host/network.ts';
import { hasProxy, proxyFor } from '../../host/proxy.ts';
import { formatBytes } from '../../report/format.ts';
import { ORIGIN } from '../engine.ts';
import { type Finding, ok, type Patient, problem, warning } from './check.ts';

/** The Node that runs us. */
export async function checkNode(_patient: Patient, version = process.versions.node): Promise<Finding> {
  const oldest = packageJson.engines.node.replace('>=', '');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
    ? ok(version)
    : problem(`${version} is too old`, `Install Node ${oldest} or newer.`);
}

/** The interpreter on this machine; builds use the one in the image. */
export async function checkPython({ host }: Patient): Promise<Finding> {
  const path = await findOnPath('python3', host.env);
  if (path === undefined) return warning('no python3 on PATH');
  const { exitCode, stdout, stderr } = await host.run([path, '--version'], {
    env: host.env,
    signal: host.signal,
  });
  const version = /Python (\S+)/.exec(stdout || stderr)?.[1];
  return exitCode === 0 && version !== undefined
    ? ok(`${version}, ${path}`)
    : warning(`${path} does not run`, `See why: ${path} --version`);
}

/** uv, on PATH or provisioned. */
export async function checkUv({ engine }: Patient): Promise<Finding> {
  const uv = (await engine()).tools.find(({ name }) => name === 'uv');
  return uv === undefined
    ? warning('not there; builds go without it')
    : ok(`${uv.version} (${ORIGIN[uv.from]})`);
}

const GB = 1e9;

/** Free space where builds write. */
export async function checkDisk({ host }: Patient): Promise<Finding> {
  const docker = await dockerRoot(host);
  const places: [what: string, path: string][] = [
    ['cache directory', cacheDirectory(host.env)],
    ['TMPDIR', tmpdir()],
    ...(docker === undefined ? [] : [["Docker's root", docker] as [string, string]]),
  ];
  const disks = new Map<number, { free: number; what: string[]; path: string }>();
  for (const [what, path] of places) {
    const { free, device, at } = await freeSpace(path);
    const disk = disks.get(device) ?? { free, what: [], path: at };
    disk.what.push(what);
    disks.set(device, disk);
  }
  const found = [...disks.values()].sort((a, b) => a.free - b.free);
  return diskFinding(found);
}

/** Says what is free, the fullest disk first. Pure. */
export function diskFinding(
  disks: readonly { readonly free: number; readonly what: readonly string[]; readonly path: string }[],
): Finding {
  const found = disks.map(({ free, what }) => `${formatBytes(free)} free (${what.join(', ')})`).join('; ');
  const least = disks[0];
  if (least === undefined || least.free >= 5 * GB) return ok(found);
  const mend = `Free some space below ${least.path} (docker system prune), or set TMPDIR and LAYERWRIGHT_CACHE_DIR to another disk.`;
  return least.free < GB ? problem(found, mend) : warning(found, mend);
}

/** Docker's data, if its daemon runs on this machine and says where. */
async function dockerRoot(host: Host): Promise<string | undefined> {
  if (host.env.DOCKER_HOST && !host.env.DOCKER_HOST.startsWith('unix:')) return undefined;
  const path = await findOnPath('docker', host.env);
  if (path === undefined) return undefined;
  const info = [path, 'info', '--format', '{{.DockerRootDir}}'];
  const options = { env: host.env, signal: host.signal, timeoutMs: 3_000 };
  // Whether Docker answers is another check's to say.
  const result = await host.run(info, options).catch(() => undefined);
  const root = result?.exitCode === 0 ? result.stdout.trim() : '';
  return root.startsWith('/') && (await stat(root).catch(() => undefined)) ? root : undefined;
}

/** Of a directory that need not be there yet. */
async function freeSpace(path: string): Promise<{ free: number; device: number; at: string }> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const there = await stat(at).catch(() => undefined);
    if (there === undefined && at !== dirname(at)) continue;
    const { bavail, bsize } = await statfs(at);
    return { free: bavail * bsize, device: there?.dev ?? 0, at };
  }
}

/** Variables that make programs take another way or believe other certificates. */
const NETWORK_VARIABLES = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** Certificate authorities and proxies. Values are not shown: a proxy's may hold a password. */
export async function checkNetwork({ host, configuration }: Patient): Promise<Finding> {
  const files = [
    ...listSetting(configuration, 'network.ca').map((file) => resolve(host.cwd, file)),
    ...[host.env.NODE_EXTRA_CA_CERTS, host.env.SSL_CERT_FILE].filter(
      (file) => file !== undefined && file !== '',
    ),
  ] as string[];
  if (hasProxy(host.env))
    for (const target of ['https://example.com', 'http://example.com']) proxyFor(new URL(target), host.env);
  for (const file of files) {
    await authorityBundle({ env: host.env, network: { ...host.network, ca: [file] } });
    const expired = await expiredIn(file, host.clock.now());
    if (expired !== undefined)
      return warning(
        `${file}: the certificate "${expired}" is out of date`,
        'Ask its authority for a new one.',
      );
  }
  const set = NETWORK_VARIABLES.filter((name) => host.env[name]);
  const certificates = listSetting(configuration, 'network.ca');
  const parts = [
    ...(certificates.length > 0 ? [`authorities of ${certificates.join(', ')}`] : []),
    ...(set.length > 0 ? [`set: ${set.join(', ')}`] : []),
  ];
  return ok(parts.length > 0 ? parts.join('; ') : 'no proxy and no certificate authority of your own');
}

/** The subject of the first certificate in a file that is not valid any more, if all its certificates are old. */
async function expiredIn(file: string, now: Date): Promise<string | undefined> {
  const blocks = (await readFile(file, 'utf8')).match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  const certificates = blocks.map((block) => new X509Certificate(block));
  // A bundle of many has old ones in it all the time; a company's own file has one or two.
  const old = certificates.filter(({ validToDate }) => validToDate < now);
  return old.length === certificates.length ? old[0]?.subject.replaceAll('\n', ', ') : undefined;
}
