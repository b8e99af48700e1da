import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

/**
 * Pushes the one image of an OCI layout (a directory) to a registry without login, under several tags.
 * Specification: OCI image layout 1.1, OCI distribution 1.1.
 *
 * @param origin e.g. `http://127.0.0.1:5000`
 * @throws LayerwrightError `PUSH_FAILED` (75)
 */
export async function pushLayout(
  host: Host,
  layout: string,
  origin: string,
  repository: string,
  tags: readonly string[],
): Promise<void> {
  const base = `${origin}/v2/${repository}`;
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  const [image] = index.manifests;
  if (image === undefined || index.manifests.length !== 1)
    throw new Error(`${layout} does not hold one image`);
  const bytes = await readFile(blobPath(layout, image.digest));
  const manifest = JSON.parse(bytes.toString('utf8')) as { config: Descriptor; layers: Descriptor[] };
  for (const { digest } of [manifest.config, ...manifest.layers])
    await pushBlob(host, base, digest, blobPath(layout, digest));
  for (const tag of tags)
    await expect(host, 201, `${base}/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'Content-Type': image.mediaType },
      body: bytes,
    });
}

async function pushBlob(host: Host, base: string, digest: string, file: string): Promise<void> {
  const there = await host.fetch(`${base}/blobs/${digest}`, { method: 'HEAD', signal: host.signal });
  if (there.status === 200) return;
  const upload = await expect(host, 202, `${base}/blobs/uploads/`, { method: 'POST' });
  const url = new URL(upload.headers.get('location') ?? '', base);
  url.searchParams.set('digest', digest);
  await expect(host, 201, url, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: await readFile(file),
  });
}

async function expect(host: Host, status: number, url: string | URL, init: RequestInit): Promise<Response> {
  const response = await host.fetch(url, { ...init, signal: host.signal });
  const text = await response.text();
  if (response.status === status) return response;
  throw new LayerwrightError(
    `the registry refuses a base image: ${init.method} ${url} answered ${response.status}`,
    {
      code: 'PUSH_FAILED',
      exit: EXIT.temporary,
      detail: text.slice(0, 2000),
    },
  );
}

function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', ...digest.split(':'));
}
