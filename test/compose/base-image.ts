import { gzipSync } from 'node:zlib';
import type { ContainerConfig, Descriptor, ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { registryClient } from '../../src/registry/client.ts';
import { launcher } from '../python/images.ts';
import { testHost } from '../support/host.ts';
import { sha256 } from '../support/package-index.ts';
import { type TarLine, tarOf } from '../verify/tar.ts';

export const SITE = 'usr/local/lib/python3.11/site-packages';

/** An installed distribution, with a RECORD as pip writes it. */
export function installed(name: string, version: string, files: Readonly<Record<string, string>>): TarLine[] {
  const info = `${name.replaceAll('-', '_')}-${version}.dist-info`;
  const all: Readonly<Record<string, string>> = {
    ...files,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/INSTALLER`]: 'pip\n',
  };
  const record = [...Object.keys(all), `${info}/RECORD`].map((path) => `${path},,\n`).join('');
  const written = { ...all, [`${info}/RECORD`]: record };
  const above = new Set(Object.keys(written).flatMap((path) => directoriesAbove(path)));
  return [
    ...[...above].sort().map((path) => directory(`${SITE}/${path}`)),
    ...Object.entries(written).map(([path, content]) => ({ path: `${SITE}/${path}`, content })),
  ];
}

const DPKG = 'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u7\n\n';

function directory(path: string, rest: Partial<TarLine> = {}): TarLine {
  return { path, type: 'directory', ...rest };
}

function directoriesAbove(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
}

/** As an official image has it, each file as small as can be; nothing in it can be run. */
export const OFFICIAL_311: readonly TarLine[] = [
  directory('etc'),
  { path: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/bash\nweb:x:1000:1000::/home/web:/bin/sh\n' },
  { path: 'etc/group', content: 'root:x:0:\nweb:x:1000:\n' },
  directory('root', { mode: 0o700 }),
  directory('tmp', { mode: 0o1777 }),
  directory('usr'),
  directory('usr/local'),
  directory('usr/local/bin'),
  { path: 'usr/local/bin/python3.11', content: 'ELF', mode: 0o755 },
  { path: 'usr/local/bin/python3', type: 'symlink', link: 'python3.11' },
  { path: 'usr/local/bin/python', type: 'symlink', link: 'python3' },
  { path: 'usr/local/bin/pip', content: launcher('/usr/local/bin/python3.11'), mode: 0o755 },
  directory('usr/local/include'),
  directory('usr/local/include/python3.11'),
  { path: 'usr/local/include/python3.11/patchlevel.h', content: '#define PY_VERSION "3.11.2"\n' },
  directory('usr/local/lib'),
  directory('usr/local/lib/python3.11'),
  { path: 'usr/local/lib/python3.11/os.py', content: '# os\n' },
  directory(SITE),
  ...installed('pip', '24.0', { 'pip/__init__.py': '# pip\n' }),
  directory('var'),
  directory('var/lib'),
  directory('var/lib/dpkg'),
  { path: 'var/lib/dpkg/status', content: DPKG },
];

const BASE_CONFIG: ContainerConfig = {
  Env: ['PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin', 'PYTHON_VERSION=3.11.2'],
  Cmd: ['python3'],
};

/** What a test wants of an image beside its layers. */
export interface BaseWishes {
  readonly config?: ContainerConfig;
  /** Docker's own media types in place of OCI's. */
  readonly docker?: boolean;
}

/** Pushes an image with these layers; its digest. */
export async function pushBase(
  reference: string,
  layers: readonly (readonly TarLine[])[] = [OFFICIAL_311],
  { config = BASE_CONFIG, docker = false }: BaseWishes = {},
): Promise<string> {
  const [, domain = '', repository = '', tag = 'latest'] =
    /^([^/]+)\/([^:]+)(?::(.+))?$/.exec(reference) ?? [];
  const client = registryClient(testHost({ env: { DOCKER_CONFIG: '/nonexistent' } }), domain);
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => {
    const descriptor = { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
    await client.putBlob(repository, { ...descriptor, content: bytes });
    return descriptor;
  };
  const type = (oci: string, own: string) => (docker ? own : oci);
  const archives = layers.map(tarOf);
  const descriptors: Descriptor[] = [];
  for (const archive of archives)
    descriptors.push(
      await put(
        type(MEDIA.layerGzip, 'application/vnd.docker.image.rootfs.diff.tar.gzip'),
        gzipSync(archive),
      ),
    );
  const image: ImageConfig = {
    ...{ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux', config },
    created: '2024-01-01T00:00:00Z',
    rootfs: { type: 'layers', diff_ids: archives.map((archive) => `sha256:${sha256(archive)}`) },
    history: layers.map((_, at) => ({ created: '2024-01-01T00:00:00Z', created_by: `base ${at}` })),
  };
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: type(MEDIA.manifest, 'application/vnd.docker.distribution.manifest.v2+json'),
    config: await put(
      type(MEDIA.config, 'application/vnd.docker.container.image.v1+json'),
      Buffer.from(JSON.stringify(image)),
    ),
    layers: descriptors,
  };
  return await client.putManifest(repository, tag, manifest, manifest.mediaType);
}
