/** One entry of an archive for tests; what is left out is as plain as can be. */
export interface TarLine {
  readonly path: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'fifo';
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string;
  readonly content?: string | Buffer;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: Readonly<Record<string, Buffer>>;
  /** Further PAX records. */
  readonly pax?: Readonly<Record<string, string>>;
}

const TYPE = { file: '0', hardlink: '1', symlink: '2', character: '3', directory: '5', fifo: '6' } as const;

/** A tar archive, written here by the book and not by the code that is tested. */
export function tarOf(lines: readonly TarLine[]): Buffer {
  return Buffer.concat([...lines.flatMap(entryBlocks), Buffer.alloc(1024)]);
}

function entryBlocks(line: TarLine): Buffer[] {
  const { type = 'file', xattrs = {}, pax = {} } = line;
  const content = Buffer.from(line.content ?? '');
  const path = type === 'directory' ? `${line.path}/` : line.path;
  const records = Buffer.concat([
    ...Object.entries(pax).map(([key, value]) => record(key, Buffer.from(value))),
    ...(path.length > 100 ? [record('path', Buffer.from(path))] : []),
    ...Object.entries(xattrs).map(([name, value]) => record(`SCHILY.xattr.${name}`, value)),
  ]);
  const extended =
    records.length > 0 ? [header({ path: 'PaxHeader', size: records.length }, 'x'), padded(records)] : [];
  return [
    ...extended,
    header({ ...line, path: path.slice(0, 100), size: content.length }, TYPE[type]),
    ...(content.length > 0 ? [padded(content)] : []),
  ];
}

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function header(line: TarLine & { readonly size: number }, type: string): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(line.path, 0, 'utf8');
  const isDirectory = type === '5';
  octal(line.mode ?? (isDirectory ? 0o755 : type === '2' ? 0o777 : 0o644), 100, 8);
  octal(line.uid ?? 0, 108, 8);
  octal(line.gid ?? 0, 116, 8);
  octal(line.size, 124, 12);
  octal(line.mtime ?? 1_700_000_000, 136, 12);
  block.write(type, 156, 'latin1');
  block.write(line.link ?? '', 157, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  octal(line.device?.[0] ?? 0, 329, 8);
  octal(line.device?.[1] ?? 0, 337, 8);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
