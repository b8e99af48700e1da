import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { Descriptor, ImageManifest } from '../src/image/oci.ts';

/** Where in the testbed's registry a base image is, e.g. `library/python` and `3.11-slim`. */
export interface BaseImage {
  /** `HOST:PORT` */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** Files of the operating system that a patch level changes and adds; Python stays. */
const PATCH: Readonly<Record<string, string>> = {
  'etc/debian_version': '12.99\n',
  'usr/share/doc/base-files/patched': 'A patch level of the base image.\n',
};

/** A manifest's bytes with their type, as it is put under a tag. */
export interface TaggedManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/**
 * Puts a new patch level of the base image under its tag: the same Python, with a layer more that changes files of the
 * operating system.
 *
 * @returns what was there, for {@link putBase}
 */
export async function patchBase(host: Host, base: BaseImage): Promise<TaggedManifest> {
  const before = await taggedBase(host, base);
  const manifest = JSON.parse(Buffer.from(before.bytes).toString('utf8')) as ImageManifest;
  const tar = await patchLayer(host);
  const layer = await putBlob(host, base, gzipSync(tar), layerTypeOf(manifest));
  const config = await blobText(host, base, manifest.config.digest);
  const patched = await putBlob(
    host,
    base,
    Buffer.from(withLayer(config, digestOf(tar))),
    manifest.config.mediaType,
  );
  const bytes = Buffer.from(
    JSON.stringify({ ...manifest, config: patched, layers: [...manifest.layers, layer] }),
  );
  await putBase(host, base, { mediaType: before.mediaType, bytes });
  return before;
}

/** Puts a manifest under the base image's tag. */
export async function putBase(
  host: Host,
  base: BaseImage,
  { mediaType, bytes }: TaggedManifest,
): Promise<void> {
  await expect(host, 201, `${urlOf(base)}/manifests/${base.tag}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: bytes,
  });
}

/** An image's config with another layer on top of all others. Pure. */
export function withLayer(config: string, diffId: string): string {
  const { rootfs, history, ...rest } = JSON.parse(config) as {
    rootfs: { type: string; diff_ids: readonly string[] };
    history?: readonly object[];
  };
  return JSON.stringify({
    ...rest,
    rootfs: { ...rootfs, diff_ids: [...rootfs.diff_ids, diffId] },
    ...(history && { history: [...history, { created_by: 'a patch level of the operating system' }] }),
  });
}

async function taggedBase(host: Host, base: BaseImage): Promise<TaggedManifest> {
  const response = await expect(host, 200, `${urlOf(base)}/manifests/${base.tag}`, {
    headers: {
      accept:
        'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
    },
  });
  return {
    mediaType: response.headers.get('content-type') ?? '',
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}

function urlOf({ registry, repository }: BaseImage): string {
  return `http://${registry}/v2/${repository}`;
}

function layerTypeOf({ layers }: ImageManifest): string {
  return layers[0]?.mediaType ?? '';
}

async function patchLayer(host: Host): Promise<Buffer> {
  await using directory = await temporaryDirectory('lw-patch-');
  const root = join(directory.path, 'root');
  for (const [name, text] of Object.entries(PATCH)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const archive = join(directory.path, 'layer.tar');
  const pinned = ['--mtime=@1000000000', '--owner=0', '--group=0', '--numeric-owner', '--mode=0644'];
  const result = await host.run(
    ['tar', '--create', '--file', archive, '--directory', root, ...pinned, ...Object.keys(PATCH)],
    { env: host.env, signal: host.signal },
  );
  if (result.exitCode !== 0) throw new Error(`tar failed: ${result.stderr}`);
  return await readFile(archive);
}

async function blobText(host: Host, base: BaseImage, digest: string): Promise<string> {
  const response = await expect(host, 200, `${urlOf(base)}/blobs/${digest}`, {});
  return await response.text();
}

async function putBlob(host: Host, base: BaseImage, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const uploads = `${urlOf(base)}/blobs/uploads/`;
  const upload = await expect(host, 202, uploads, { method: 'POST' });
  const url = new URL(upload.headers.get('location') ?? '', uploads);
  const digest = digestOf(bytes);
  url.searchParams.set('digest', digest);
  await expect(host, 201, url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(bytes),
  });
  return { mediaType, digest, size: bytes.length };
}

async function expect(host: Host, status: number, url: string | URL, init: RequestInit): Promise<Response> {
  const response = await host.fetch(url, { ...init, signal: host.signal });
  if (response.status === status) return response;
  throw new Error(`${init.method ?? 'GET'} ${url} answered ${response.status}: ${await response.text()}`);
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
