import { createHash } from 'node:crypto';
import { withoutDebugInformation } from './elf.ts';
import { LONGEST_LAUNCHER, parseLauncher } from './launcher.ts';
import { canonicalCode } from './marshal.ts';
import type { Bytecode, TreeEntry } from './tree.ts';

/** What a comparison wants to know of a file's content. */
export type FileFacts = Pick<TreeEntry, 'sha256' | 'machine' | 'compiled' | 'bytecode' | 'launcher' | 'text'>;

/** Larger ones are compared by their bytes alone. */
const LARGEST_BYTECODE = 16 * 1024 * 1024;
/** Debug information of larger ones is not told apart: it would have to be held. */
const LARGEST_LIBRARY = 64 * 1024 * 1024;
const LARGEST_TEXT = 32 * 1024 * 1024;

/** The facts of what is no file. */
export const NO_FACTS: FileFacts = {
  ...{ sha256: '', machine: undefined, compiled: undefined },
  ...{ bytecode: undefined, launcher: undefined, text: undefined },
};

/** Reads a file's content to its end; only what is small and looked into is ever held. */
export async function readFileFacts(
  path: string,
  size: number,
  content: AsyncIterable<Uint8Array>,
): Promise<FileFacts> {
  const use = useOf(path, size);
  const hash = createHash('sha256');
  const kept: Uint8Array[] = [];
  let head = Buffer.alloc(0);
  for await (const chunk of content) {
    hash.update(chunk);
    if (head.length < ELF_HEAD) head = Buffer.concat([head, chunk.subarray(0, ELF_HEAD)]);
    if (use !== undefined) kept.push(chunk);
  }
  const facts = { ...NO_FACTS, sha256: hash.digest('hex'), machine: machineOf(head) };
  if (use === undefined) return facts;
  const bytes = kept.length === 1 ? Buffer.from(kept[0] as Uint8Array) : Buffer.concat(kept);
  if (use === 'bytecode') return { ...facts, bytecode: readBytecode(bytes) };
  if (use === 'library') return { ...facts, compiled: withoutDebugInformation(bytes) };
  if (use === 'launcher') return { ...facts, launcher: parseLauncher(bytes) };
  return { ...facts, text: bytes.toString('utf8') };
}

/** The first bytes of an ELF file, up to and with `e_machine`. */
const ELF_HEAD = 20;

/** The processor that a program or library is for, as ELF numbers it; undefined for other files. */
function machineOf(head: Buffer): number | undefined {
  if (head.length < ELF_HEAD || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const isBigEndian = head[5] === 2;
  return isBigEndian ? head.readUInt16BE(18) : head.readUInt16LE(18);
}

function useOf(path: string, size: number): 'bytecode' | 'library' | 'launcher' | 'text' | undefined {
  if (path.endsWith('.pyc')) return size <= LARGEST_BYTECODE ? 'bytecode' : undefined;
  if (/\.so(?:\.\d+)*$/.test(path)) return size <= LARGEST_LIBRARY ? 'library' : undefined;
  if (path === 'etc/passwd' || /\.dist-info\/(?:RECORD|WHEEL|uv_cache\.json)$/.test(path))
    return size <= LARGEST_TEXT ? 'text' : undefined;
  return size <= LONGEST_LAUNCHER ? 'launcher' : undefined;
}

const HEADER = 16;

/** A bytecode file after PEP 552; undefined if it is none. */
export function readBytecode(bytes: Buffer): Bytecode | undefined {
  // The magic number ends in a line end, so that a transfer as text is found out.
  if (bytes.length < HEADER || bytes[2] !== 0x0d || bytes[3] !== 0x0a) return undefined;
  const magic = bytes.readUInt16LE(0);
  const flags = bytes.readUInt32LE(4);
  if (flags !== 0 && flags !== 1 && flags !== 3) return undefined;
  const code = bytes.subarray(HEADER);
  const canonical = canonicalCode(code, magic);
  return {
    magic,
    validity: flags === 0 ? 'timestamp' : flags === 3 ? 'checked' : 'unchecked',
    source: flags === 0 ? { mtime: bytes.readUInt32LE(8), size: bytes.readUInt32LE(12) } : undefined,
    code: sha256(code),
    canonical: canonical && sha256(canonical),
  };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
