import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type LayerSource, treeOfLayers } from '../../src/verify/read-tree.ts';
import type { Tree } from '../../src/verify/tree.ts';
import { type TarLine, tarOf } from './tar.ts';

/** Marshalled code of CPython 3.11.2: a small module, with references (as in bytecode files). */
const CODE = [
  '4wAAAAAAAAAAAAAAAAQAAAAAAAAA80YAAACXAGQAWgACAGUBaABkAaMBpgEAAKsBAAAAAAAAAABaAmQHZAOEAVoDAgBHAGQEhABk',
  'BaYCAACrAgAAAAAAAAAAWgRkBlMAKQh6CUEgbW9kdWxlLj4DAAAA2gFh2gFi2gFj2gV3b3JsZGMCAAAAAAAAAAAAAAAFAAAAAwAA',
  'APMcAAAAlwBkAXwAmwBkAnwBmwBkA50FfABkBHYAZgJTACkFTnoGaGVsbG8g+gEgegIgMT4DAAAA2gF42gF52gF6qQApAtoEbmFt',
  'ZdoFb3RoZXJzAgAAACAg+jgvdXNyL2xvY2FsL2xpYi9weXRob24zLjExL3NpdGUtcGFja2FnZXMvZGVtby9fX2luaXRfXy5wedoF',
  'aGVsbG9yDwAAAAMAAABzJQAAAIAA2AskkETQCyTQCySYNdALJNALJNALJKBkqG/QJj3QCz3QBD3zAAAAAGMAAAAAAAAAAAAAAAAB',
  'AAAAAAAAAPMYAAAAlwBlAFoBZABaAmQBWgNkAoQAWgRkA1MAKQTaB0dyZWV0ZXJyBQAAAGMBAAAAAAAAAAAAAAADAAAAAwAAAPMq',
  'AAAAlwB0AQAAAAAAAAAAAAB8AGoBAAAAAAAAAACmAQAAqwEAAAAAAAAAAFMAKQFOKQJyDwAAAHIMAAAAKQHaBHNlbGZzAQAAACBy',
  'DgAAANoFZ3JlZXR6DUdyZWV0ZXIuZ3JlZXQHAAAAcxEAAACAAJ1FoCSkKdEcLNQcLNAVLHIQAAAATikF2ghfX25hbWVfX9oKX19t',
  'b2R1bGVfX9oMX19xdWFsbmFtZV9fcgwAAAByFQAAAHILAAAAchAAAAByDgAAAHISAAAAchIAAAAFAAAAcx4AAACAAIAAgACAAIAA',
  '2AsSgETYBCzQBCzQBCzQBCzQBCxyEAAAAHISAAAATikBcgUAAAApBdoHX19kb2NfX9oJZnJvemVuc2V02gVOQU1FU3IPAAAAchIA',
  'AAByCwAAAHIQAAAAcg4AAAD6CDxtb2R1bGU+chwAAAABAAAAc2MAAADwAwEBAdgAD4AP2AgRiAmQL5AvkC/RCCLUCCKABfACAQE+',
  '8AABAT7wAAEBPvAAAQE+8AQCAS3wAAIBLfAAAgEt8AACAS3wAAIBLfEAAgEt9AACAS3wAAIBLfAAAgEt8AACAS1yEAAAAA==',
].join('');
/** The same code object without references, as a process could write it that shares nothing. */
const UNSHARED_CODE = [
  'YwAAAAAAAAAAAAAAAAQAAAAAAAAAc0YAAACXAGQAWgACAGUBaABkAaMBpgEAAKsBAAAAAAAAAABaAmQHZAOEAVoDAgBHAGQEhABk',
  'BaYCAACrAgAAAAAAAAAAWgRkBlMAKAgAAAB1CQAAAEEgbW9kdWxlLj4DAAAAdQEAAABhdQEAAABidQEAAABjdQUAAAB3b3JsZGMC',
  'AAAAAAAAAAAAAAAFAAAAAwAAAHMcAAAAlwBkAXwAmwBkAnwBmwBkA50FfABkBHYAZgJTACgFAAAATnUGAAAAaGVsbG8gdQEAAAAg',
  'dQIAAAAgMT4DAAAAdQEAAAB4dQEAAAB5dQEAAAB6KAAAAAAoAgAAAHUEAAAAbmFtZXUFAAAAb3RoZXJzAgAAACAgdTgAAAAvdXNy',
  'L2xvY2FsL2xpYi9weXRob24zLjExL3NpdGUtcGFja2FnZXMvZGVtby9fX2luaXRfXy5weXUFAAAAaGVsbG91BQAAAGhlbGxvAwAA',
  'AHMlAAAAgADYCySQRNALJNALJJg10Ask0Ask0AskoGSob9AmPdALPdAEPXMAAAAAYwAAAAAAAAAAAAAAAAEAAAAAAAAAcxgAAACX',
  'AGUAWgFkAFoCZAFaA2QChABaBGQDUwAoBAAAAHUHAAAAR3JlZXRlcnUFAAAAd29ybGRjAQAAAAAAAAAAAAAAAwAAAAMAAABzKgAA',
  'AJcAdAEAAAAAAAAAAAAAfABqAQAAAAAAAAAApgEAAKsBAAAAAAAAAABTACgBAAAATigCAAAAdQUAAABoZWxsb3UEAAAAbmFtZSgB',
  'AAAAdQQAAABzZWxmcwEAAAAgdTgAAAAvdXNyL2xvY2FsL2xpYi9weXRob24zLjExL3NpdGUtcGFja2FnZXMvZGVtby9fX2luaXRf',
  'Xy5weXUFAAAAZ3JlZXR1DQAAAEdyZWV0ZXIuZ3JlZXQHAAAAcxEAAACAAJ1FoCSkKdEcLNQcLNAVLHMAAAAATigFAAAAdQgAAABf',
  'X25hbWVfX3UKAAAAX19tb2R1bGVfX3UMAAAAX19xdWFsbmFtZV9fdQQAAABuYW1ldQUAAABncmVldCgAAAAAcwAAAAB1OAAAAC91',
  'c3IvbG9jYWwvbGliL3B5dGhvbjMuMTEvc2l0ZS1wYWNrYWdlcy9kZW1vL19faW5pdF9fLnB5dQcAAABHcmVldGVydQcAAABHcmVl',
  'dGVyBQAAAHMeAAAAgACAAIAAgACAANgLEoBE2AQs0AQs0AQs0AQs0AQscwAAAAB1BwAAAEdyZWV0ZXJOKAEAAAB1BQAAAHdvcmxk',
  'KAUAAAB1BwAAAF9fZG9jX191CQAAAGZyb3plbnNldHUFAAAATkFNRVN1BQAAAGhlbGxvdQcAAABHcmVldGVyKAAAAABzAAAAAHU4',
  'AAAAL3Vzci9sb2NhbC9saWIvcHl0aG9uMy4xMS9zaXRlLXBhY2thZ2VzL2RlbW8vX19pbml0X18ucHl1CAAAADxtb2R1bGU+dQgA',
  'AAA8bW9kdWxlPgEAAABzYwAAAPADAQEB2AAPgA/YCBGICZAvkC+QL9EIItQIIoAF8AIBAT7wAAEBPvAAAQE+8AABAT7wBAIBLfAA',
  'AgEt8AACAS3wAAIBLfAAAgEt8QACAS30AAIBLfAAAgEt8AACAS3wAAIBLXMAAAAA',
].join('');
/** The same module but for one constant. */
const OTHER_CODE = [
  '4wAAAAAAAAAAAAAAAAQAAAAAAAAA80YAAACXAGQAWgACAGUBaABkAaMBpgEAAKsBAAAAAAAAAABaAmQHZAOEAVoDAgBHAGQEhABk',
  'BaYCAACrAgAAAAAAAAAAWgRkBlMAKQh6CUEgbW9kdWxlLj4DAAAA2gFh2gFi2gFj2gV3b3JsZGMCAAAAAAAAAAAAAAAFAAAAAwAA',
  'APMcAAAAlwBkAXwAmwBkAnwBmwBkA50FfABkBHYAZgJTACkFTnoGaGVsbG8g+gEgegIgMj4DAAAA2gF42gF52gF6qQApAtoEbmFt',
  'ZdoFb3RoZXJzAgAAACAg+jgvdXNyL2xvY2FsL2xpYi9weXRob24zLjExL3NpdGUtcGFja2FnZXMvZGVtby9fX2luaXRfXy5wedoF',
  'aGVsbG9yDwAAAAMAAABzJQAAAIAA2AskkETQCyTQCySYNdALJNALJNALJKBkqG/QJj3QCz3QBD3zAAAAAGMAAAAAAAAAAAAAAAAB',
  'AAAAAAAAAPMYAAAAlwBlAFoBZABaAmQBWgNkAoQAWgRkA1MAKQTaB0dyZWV0ZXJyBQAAAGMBAAAAAAAAAAAAAAADAAAAAwAAAPMq',
  'AAAAlwB0AQAAAAAAAAAAAAB8AGoBAAAAAAAAAACmAQAAqwEAAAAAAAAAAFMAKQFOKQJyDwAAAHIMAAAAKQHaBHNlbGZzAQAAACBy',
  'DgAAANoFZ3JlZXR6DUdyZWV0ZXIuZ3JlZXQHAAAAcxEAAACAAJ1FoCSkKdEcLNQcLNAVLHIQAAAATikF2ghfX25hbWVfX9oKX19t',
  'b2R1bGVfX9oMX19xdWFsbmFtZV9fcgwAAAByFQAAAHILAAAAchAAAAByDgAAAHISAAAAchIAAAAFAAAAcx4AAACAAIAAgACAAIAA',
  '2AsSgETYBCzQBCzQBCzQBCzQBCxyEAAAAHISAAAATikBcgUAAAApBdoHX19kb2NfX9oJZnJvemVuc2V02gVOQU1FU3IPAAAAchIA',
  'AAByCwAAAHIQAAAAcg4AAAD6CDxtb2R1bGU+chwAAAABAAAAc2MAAADwAwEBAdgAD4AP2AgRiAmQL5AvkC/RCCLUCCKABfACAQE+',
  '8AABAT7wAAEBPvAAAQE+8AQCAS3wAAIBLfAAAgEt8AACAS3wAAIBLfEAAgEt9AACAS3wAAIBLfAAAgEt8AACAS1yEAAAAA==',
].join('');

export const MAGIC_3_11 = 3495;

/** A bytecode file; `flags` after PEP 552. */
export function bytecode(
  code: 'shared' | 'unshared' | 'other',
  { flags = 0, mtime = 1_700_000_000, size = SOURCE.length, magic = MAGIC_3_11 } = {},
): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0x0a0d0000 + magic, 0);
  header.writeUInt32LE(flags, 4);
  header.writeUInt32LE(mtime, 8);
  header.writeUInt32LE(size, 12);
  const text = { shared: CODE, unshared: UNSHARED_CODE, other: OTHER_CODE }[code];
  return Buffer.concat([header, Buffer.from(text, 'base64')]);
}

export const SOURCE = 'def hello(): ...\n';
const SITE = 'usr/local/lib/python3.11/site-packages';
export const PATHS = {
  source: `${SITE}/demo/__init__.py`,
  bytecode: `${SITE}/demo/__pycache__/__init__.cpython-311.pyc`,
  record: `${SITE}/demo-1.0.dist-info/RECORD`,
  installer: `${SITE}/demo-1.0.dist-info/INSTALLER`,
  launcher: 'usr/local/bin/demo',
  pip: `${SITE}/pip/__init__.py`,
  pipBytecode: `${SITE}/pip/__pycache__/__init__.cpython-311.pyc`,
  library: 'usr/local/lib/python3.11/os.py',
  libraryBytecode: 'usr/local/lib/python3.11/__pycache__/os.cpython-311.pyc',
} as const;

/** pip 23's launcher. */
export function pipLauncher(
  interpreter = '/usr/local/bin/python3.11',
  entry = 'demo',
  called = 'hello',
): string {
  return String.raw`#!${interpreter}
# -*- coding: utf-8 -*-
import re
import sys
from ${entry} import ${called.split('.')[0]}
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])
    sys.exit(${called}())
`;
}

/** uv's launcher. */
export function uvLauncher(
  interpreter = '/usr/local/bin/python3.11',
  entry = 'demo',
  called = 'hello',
): string {
  return `#!${interpreter}
# -*- coding: utf-8 -*-
import sys
from ${entry} import ${called.split('.')[0]}
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit(${called}())
`;
}

/** The lines of the sample's RECORD. */
export const RECORD_LINES = [
  '../../../bin/demo,sha256=aaaa,230',
  'demo-1.0.dist-info/INSTALLER,sha256=zuuue4knoyJ-UwPPXg8fezS7VCrXJQrAP7zeNuwvFQg,4',
  'demo-1.0.dist-info/RECORD,,',
  'demo/__init__.py,sha256=bbbb,17',
  'demo/__pycache__/__init__.cpython-311.pyc,,',
] as const;

/** A small image's file system: one installed distribution, pip, a library, links, a device. */
export const SAMPLE: readonly TarLine[] = [
  { path: 'etc', type: 'directory' },
  {
    path: 'etc/passwd',
    content: 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\nweb:x:1000:1000::/srv/web:/bin/sh\n',
  },
  { path: 'etc/resolv.conf', content: '' },
  { path: 'root', type: 'directory', mode: 0o700 },
  { path: 'srv/web', type: 'directory', uid: 1000, gid: 1000 },
  { path: 'tmp', type: 'directory', mode: 0o1777 },
  {
    path: 'usr/bin/ping',
    content: 'ping',
    mode: 0o4755,
    xattrs: { 'security.capability': Buffer.from([1, 0, 0, 2, 0, 32]) },
  },
  { path: 'usr/bin/python3', type: 'symlink', link: 'python3.11' },
  { path: 'usr/bin/one', content: 'linked' },
  { path: 'usr/bin/two', type: 'hardlink', link: 'usr/bin/one' },
  { path: 'usr/null', type: 'character', device: [1, 3], mode: 0o666 },
  { path: PATHS.launcher, content: pipLauncher(), mode: 0o755 },
  { path: PATHS.library, content: 'library\n' },
  { path: PATHS.pip, content: 'pip\n' },
  { path: PATHS.source, content: SOURCE },
  { path: PATHS.bytecode, content: bytecode('shared') },
  { path: PATHS.installer, content: 'pip\n' },
  { path: PATHS.record, content: `${RECORD_LINES.join('\n')}\n` },
  { path: 'var/log', type: 'directory' },
  { path: 'var/log/apt.log', content: 'first' },
];

/** The sample with some lines altered (by their path), taken away (undefined) and added. */
export function altered(
  changes: Readonly<Record<string, Partial<TarLine> | undefined>>,
  added: readonly TarLine[] = [],
): readonly TarLine[] {
  for (const path of Object.keys(changes))
    if (!SAMPLE.some((line) => line.path === path)) throw new Error(`the sample has no ${path}`);
  return [
    ...SAMPLE.filter(({ path }) => !(path in changes) || changes[path] !== undefined).map((line) => ({
      ...line,
      ...changes[line.path],
    })),
    ...added,
  ];
}

/** Layers of these lines, the lowest first, compressed. */
export function layersOf(...layers: readonly (readonly TarLine[])[]): readonly LayerSource[] {
  return layers.map((lines) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    open: async () => inPieces(gzipSync(tarOf(lines))),
  }));
}

/** Bytes as a slow network brings them: in pieces that fit nothing. */
export async function* inPieces(bytes: Buffer, size = 333): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function treeOf(...layers: readonly (readonly TarLine[])[]): Promise<Tree> {
  return await treeOfLayers(layersOf(...layers));
}

/** `sha256:...` of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
