/** Tar archives made by hand: what no tar program on this machine writes. */
export interface RawHeader {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly mode?: number;
  readonly size?: number;
  readonly link?: string;
  readonly content?: string | Buffer;
  /** What stands in place of `ustar\0` and `00`. */
  readonly magic?: string;
  /** Bytes that replace those at an offset, before the checksum is made. */
  readonly patch?: readonly (readonly [number, Buffer])[];
}

/** One entry: header, content, padding. */
export function rawEntry(header: RawHeader): Buffer {
  const { name, type = '0', mode = 0o644, link = '', magic = 'ustar\x0000', patch = [] } = header;
  const content = Buffer.from(header.content ?? '');
  const block = Buffer.alloc(512);
  block.set(Buffer.from(name).subarray(0, 100), 0);
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  block.write('0000000\x000000000\0', 108);
  block.write(`${(header.size ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write(type, 156, 'latin1');
  block.write(link, 157);
  block.write(magic, 257, 'latin1');
  for (const [offset, bytes] of patch) block.set(bytes, offset);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** The content of a PAX header. */
export function paxContent(records: Readonly<Record<string, string | Buffer>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
      let length = rest.length;
      while (length < rest.length + String(length).length) length = rest.length + String(length).length;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

/** A whole archive. */
export function rawTar(...entries: readonly (RawHeader | Buffer)[]): Buffer {
  return Buffer.concat([
    ...entries.map((entry) => (Buffer.isBuffer(entry) ? entry : rawEntry(entry))),
    Buffer.alloc(1024),
  ]);
}
