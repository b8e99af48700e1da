import { gzipSync } from 'node:zlib';
import { type ContainerConfig, MEDIA } from '../../src/image/oci.ts';
import { httpServer, type TestServer } from '../support/http-server.ts';
import { digestOf } from './sample.ts';
import { type TarLine, tarOf } from './tar.ts';

/** What a test may alter of an image before it is kept. */
export interface ImageParts {
  readonly layers: readonly (readonly TarLine[])[];
  readonly config?: ContainerConfig;
  readonly history?: readonly object[];
  readonly diffIds?: (right: readonly string[]) => readonly string[];
}

/** A registry in memory that images are put into; reads only, as a registry does it. */
export interface MemoryRegistry extends TestServer {
  /** By digest. */
  readonly blobs: Map<string, Buffer>;
  /** By `REPOSITORY:TAG` and `REPOSITORY:DIGEST`. */
  readonly manifests: Map<string, Buffer>;
  /** Puts an image under a tag; returns its reference and its manifest. */
  readonly image: (
    name: string,
    parts: ImageParts,
  ) => { readonly reference: string; readonly digest: string; readonly layers: readonly string[] };
  /** Puts a manifest; returns its digest. */
  readonly put: (repository: string, tag: string, manifest: object) => string;
  /** Puts a blob; returns its descriptor. */
  readonly blob: (content: Buffer, mediaType: string) => { mediaType: string; digest: string; size: number };
}

export async function memoryRegistry(): Promise<MemoryRegistry> {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, Buffer>();
  const server = await httpServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    const [, repository = '', kind = '', name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.+)$/.exec(url.pathname) ?? [];
    if (kind === 'tags') {
      const tags = [...manifests.keys()].flatMap((key) =>
        key.startsWith(`${repository}:`) && !key.includes('sha256:')
          ? [key.slice(repository.length + 1)]
          : [],
      );
      // Two a page: a list has more than one.
      const from = Number(url.searchParams.get('last') ?? 0);
      const next =
        from + 2 < tags.length
          ? { link: `</v2/${repository}/tags/list?last=${from + 2}&n=2>; rel="next"` }
          : {};
      response.writeHead(200, { 'content-type': 'application/json', ...next });
      return void response.end(JSON.stringify({ name: repository, tags: tags.slice(from, from + 2) }));
    }
    const found = kind === 'blobs' ? blobs.get(name) : manifests.get(`${repository}:${name}`);
    if (found === undefined) return void response.writeHead(404).end('{"errors":[]}');
    const type = kind === 'blobs' ? 'application/octet-stream' : JSON.parse(found.toString()).mediaType;
    response.writeHead(200, {
      'content-type': type,
      'content-length': found.length,
      ...(kind === 'manifests' && { 'docker-content-digest': digestOf(found) }),
    });
    response.end(request.method === 'HEAD' ? undefined : found);
  });
  const blob = (content: Buffer, mediaType: string) => {
    const digest = digestOf(content);
    blobs.set(digest, content);
    return { mediaType, digest, size: content.length };
  };
  const put = (repository: string, tag: string, manifest: object) => {
    const bytes = Buffer.from(JSON.stringify(manifest));
    for (const name of [tag, digestOf(bytes)]) manifests.set(`${repository}:${name}`, bytes);
    return digestOf(bytes);
  };
  return {
    ...server,
    blobs,
    manifests,
    blob,
    put,
    image(name, { layers, config = {}, history, diffIds = (right) => right }) {
      const archives = layers.map(tarOf);
      const descriptors = archives.map((archive) => blob(gzipSync(archive), MEDIA.layerGzip));
      const content = {
        architecture: 'amd64',
        os: 'linux',
        config,
        rootfs: { type: 'layers', diff_ids: diffIds(archives.map(digestOf)) },
        ...(history && { history }),
      };
      const digest = put(name.split(':')[0] ?? '', name.split(':')[1] ?? 'latest', {
        schemaVersion: 2,
        mediaType: MEDIA.manifest,
        config: blob(Buffer.from(JSON.stringify(content)), MEDIA.config),
        layers: descriptors,
      });
      return { reference: `${server.address}/${name}`, digest, layers: descriptors.map((one) => one.digest) };
    },
  };
}
