import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Bed } from './bed.ts';
import { debianSources, ensureProgram, MMDEBSTRAP, SUITE } from './debian.ts';
import { keepPart, ownFile } from './kept.ts';
import { pushLayout } from './push.ts';
import { SOURCE_DATE_EPOCH } from './rootfs.ts';

/** Under this tag `library/python` is there for two platforms, with Debian's own Python. */
const TAG = '3.11-multi';

const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What scripts of Debian's packages do, which nothing here could run: accounts, the database of packages, a shell, `python`. */
const HOOKS = [
  'for deb in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb -f "$deb" | sed "1a Status: install ok installed"; echo; done >"$1"/var/lib/dpkg/status',
  'cp "$1"/usr/share/base-passwd/passwd.master "$1"/etc/passwd',
  'cp "$1"/usr/share/base-passwd/group.master "$1"/etc/group',
  'ln -sf dash "$1"/usr/bin/sh',
  'ln -sf python3 "$1"/usr/bin/python',
  'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
];

/**
 * Makes an image of Debian's Python for arm64 once, as an OCI layout that is kept: its packages are unpacked and nothing of them is
 * run, so that it takes no emulator.
 *
 * @returns the layout's directory
 */
async function provisionArm64(bed: Bed): Promise<string> {
  const sources = await debianSources(bed.host);
  const version = createHash('sha256')
    .update(JSON.stringify([sources, HOOKS, SOURCE_DATE_EPOCH]))
    .digest('hex')
    .slice(0, 12);
  const part = { name: 'images-arm64', version, title: 'Making the base image for arm64' };
  return await keepPart(bed.host, bed.steps, part, async (into) => {
    const archive = join(into, 'rootfs.tar');
    await unpackDebian(bed, sources, archive);
    await writeLayout(into, await readFile(archive));
    await rm(archive);
  });
}

/** Pushes an index over Debian's Python for amd64, which is there already, and for arm64. */
export async function pushMultiPlatform(bed: Bed): Promise<void> {
  const registry = bed.state.value.env.LW_REGISTRY;
  if (registry === undefined) throw new Error('images are pushed before there is a registry');
  const layout = await provisionArm64(bed);
  const base = `http://${registry}/v2/library/python/manifests`;
  const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    readonly manifests: readonly [Descriptor];
  };
  const [arm64] = manifests;
  await pushLayout(bed.host, layout, `http://${registry}`, 'library/python', [arm64.digest]);
  const amd64 = await bed.host.fetch(`${base}/3.11-debian`, {
    headers: { Accept: MEDIA.manifest },
    signal: bed.host.signal,
  });
  const bytes = Buffer.from(await amd64.arrayBuffer());
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      {
        ...{ mediaType: MEDIA.manifest, digest: digestOf(bytes), size: bytes.length },
        platform: { architecture: 'amd64', os: 'linux' },
      },
      { ...arm64, platform: { architecture: 'arm64', os: 'linux', variant: 'v8' } },
    ],
  };
  const put = await bed.host.fetch(`${base}/${TAG}`, {
    method: 'PUT',
    headers: { 'Content-Type': MEDIA.index },
    body: JSON.stringify(index),
    signal: bed.host.signal,
  });
  if (put.status !== 201)
    throw new Error(`the registry refuses the index: ${put.status} ${await put.text()}`);
}

async function unpackDebian(bed: Bed, sources: readonly string[], archive: string): Promise<void> {
  const mmdebstrap = await ensureProgram(bed.host, bed.steps, MMDEBSTRAP);
  const result = await bed.host.run(
    [
      ...[mmdebstrap, '--architectures=arm64', '--variant=extract'],
      '--include=base-files,base-passwd,ca-certificates,dash,libc6,netbase,python3,python3-pip',
      '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
      `--dpkgopt=${ownFile('images/dpkg-slim.cfg')}`,
      ...HOOKS.map((hook) => `--extract-hook=${hook}`),
      ...[SUITE, archive],
      ...(sources.length > 0 ? ['-'] : []),
    ],
    {
      env: { ...bed.host.env, SOURCE_DATE_EPOCH },
      input: sources.map((line) => `${line}\n`).join(''),
      signal: bed.host.signal,
    },
  );
  if (result.exitCode === 0) return;
  throw new LayerwrightError('mmdebstrap cannot unpack a Debian for arm64', {
    code: 'ROOTFS_FAILED',
    exit: EXIT.temporary,
    detail: result.stderr.slice(-3000),
    hint: 'Check that this machine reaches its Debian mirror, and that it has packages for arm64.',
  });
}

async function writeLayout(into: string, archive: Buffer): Promise<void> {
  const blobs = join(into, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => {
    const digest = digestOf(bytes);
    await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const created = new Date(Number(SOURCE_DATE_EPOCH) * 1000).toISOString();
  const config = {
    ...{ created, architecture: 'arm64', variant: 'v8', os: 'linux' },
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
      Cmd: ['python3'],
    },
    rootfs: { type: 'layers', diff_ids: [digestOf(archive)] },
    history: [{ created, created_by: `mmdebstrap ${SUITE}` }],
  };
  const manifest = {
    ...{ schemaVersion: 2, mediaType: MEDIA.manifest },
    config: await put(MEDIA.config, Buffer.from(JSON.stringify(config))),
    layers: [await put(MEDIA.layer, gzipSync(archive))],
  };
  const image = await put(MEDIA.manifest, Buffer.from(JSON.stringify(manifest)));
  await writeFile(join(into, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [image] }));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
