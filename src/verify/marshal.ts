/**
 * Python's marshal format, read as far as bytecode files use it (Python 3.8 to 3.14), without any Python: nothing of an
 * image is loaded into an interpreter.
 *
 * Which objects a bytecode file shares by reference depends on what the compiling process did before, so equal code has
 * different bytes. The canonical form writes every object in full, strings alike however they were interned, and sets sorted.
 */

/** More than any real module needs in full; references that multiply each other end here. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Python's own limit. */
const MAX_DEPTH = 2000;

/** How the numbers and objects of a code object follow each other; the first line's number stands between the objects. */
interface CodeShape {
  readonly integers: number;
  readonly objectsBefore: number;
  readonly objectsAfter: number;
}

/** The magic numbers of each shape, from CPython's own table (Include/internal/pycore_magic_number.h). */
const SHAPES: readonly { readonly first: number; readonly last: number; readonly shape: CodeShape }[] = [
  { first: 3400, last: 3439, shape: { integers: 6, objectsBefore: 8, objectsAfter: 1 } },
  { first: 3450, last: 3627, shape: { integers: 5, objectsBefore: 8, objectsAfter: 2 } },
];

/** Something that is no marshalled code of a known Python. */
class Unreadable extends Error {}

interface Reading {
  readonly input: Buffer;
  readonly shape: CodeShape;
  at: number;
  readonly output: Output;
  /** The canonical form of what may be referred to; undefined while it is being read. */
  readonly references: (Buffer | undefined)[];
}

/**
 * Marshalled code in its canonical form: equal for equal code objects.
 *
 * @param bytes what follows a bytecode file's header
 * @param magic the first two bytes of that header as a number
 * @returns undefined if it cannot be read: an unknown Python's, or damaged
 */
export function canonicalCode(bytes: Buffer, magic: number): Buffer | undefined {
  const shape = SHAPES.find(({ first, last }) => magic >= first && magic <= last)?.shape;
  if (shape === undefined) return undefined;
  const reading: Reading = { input: bytes, shape, at: 0, output: output(bytes.length * 2), references: [] };
  try {
    readObject(reading, 0);
    return reading.at === bytes.length ? withoutTarget(reading.output.from(0)) : undefined;
  } catch (error) {
    // What reads beyond the end of a buffer, or nests without end, is a damaged file.
    if (error instanceof Unreadable || error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * `pip install --target` compiles in a temporary directory, whose name stays in the code objects; Python puts the right one in its
 * place when it loads them. Every such name is as long as any other.
 */
function withoutTarget(canonical: Buffer): Buffer {
  const mark = Buffer.from('/tmp/pip-target-');
  for (let at = canonical.indexOf(mark); at >= 0; at = canonical.indexOf(mark, at + 1))
    canonical.fill('0', at + mark.length, at + mark.length + 8);
  return canonical;
}

function readObject(reading: Reading, depth: number): void {
  if (depth > MAX_DEPTH) throw new Unreadable();
  const { output, references } = reading;
  const byte = readByte(reading);
  const type = String.fromCharCode(byte & 0x7f);
  if (type === 'r') {
    const found = references[readInteger(reading)];
    if (found === undefined) throw new Unreadable();
    output.add(found);
    return;
  }
  // An object gets its number before what is inside of it gets its own.
  const slot = byte & 0x80 ? references.push(undefined) - 1 : undefined;
  const start = output.length();
  const readBody = BODIES[type];
  if (readBody === undefined) throw new Unreadable();
  readBody(reading, depth + 1);
  if (slot !== undefined) references[slot] = Buffer.from(output.from(start));
}

type ReadBody = (reading: Reading, depth: number) => void;

const single =
  (tag: string): ReadBody =>
  (reading) =>
    reading.output.tag(tag);
const fixed =
  (tag: string, size: number): ReadBody =>
  (reading) =>
    copy(reading, tag, size);
/** Texts are alike however they are encoded and interned: ASCII is UTF-8. */
const text =
  (tag: string, size: (reading: Reading) => number): ReadBody =>
  (reading) =>
    readText(reading, tag, size(reading));
const sequence =
  (tag: string, count: (reading: Reading) => number): ReadBody =>
  (reading, depth) =>
    readSequence(reading, tag, count(reading), depth);

/** What follows each type's letter (Python/marshal.c). */
const BODIES: Readonly<Record<string, ReadBody>> = {
  N: single('N'),
  T: single('T'),
  F: single('F'),
  S: single('S'),
  '.': single('.'),
  i: fixed('i', 4),
  g: fixed('g', 8),
  y: fixed('y', 16),
  l: (reading) => copy(reading, 'l', 4 + 2 * Math.abs(reading.input.readInt32LE(reading.at))),
  s: text('s', readInteger),
  u: text('u', readInteger),
  t: text('u', readInteger),
  a: text('u', readInteger),
  A: text('u', readInteger),
  z: text('u', readByte),
  Z: text('u', readByte),
  ')': sequence('(', readByte),
  '(': sequence('(', readInteger),
  '[': sequence('[', readInteger),
  ':': sequence(':', () => 3),
  '<': (reading, depth) => readSet(reading, '<', readInteger(reading), depth),
  '>': (reading, depth) => readSet(reading, '>', readInteger(reading), depth),
  c: (reading, depth) => readCode(reading, depth),
};

function readSequence(reading: Reading, tag: string, count: number, depth: number): void {
  reading.output.tag(tag);
  reading.output.count(count);
  for (let index = 0; index < count; index++) readObject(reading, depth);
}

/** Before Python 3.11 the order of a set's members depends on the hash seed. */
function readSet(reading: Reading, tag: string, count: number, depth: number): void {
  const { output } = reading;
  output.tag(tag);
  output.count(count);
  const start = output.length();
  const members: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const from = output.length();
    readObject(reading, depth);
    members.push(Buffer.from(output.from(from)));
  }
  output.cutTo(start);
  for (const member of members.sort(Buffer.compare)) output.add(member);
}

function readCode(reading: Reading, depth: number): void {
  const { integers, objectsBefore, objectsAfter } = reading.shape;
  copy(reading, 'c', integers * 4);
  for (let index = 0; index < objectsBefore; index++) readObject(reading, depth);
  copy(reading, 'i', 4);
  for (let index = 0; index < objectsAfter; index++) readObject(reading, depth);
}

function readText(reading: Reading, tag: string, size: number): void {
  reading.output.tag(tag);
  reading.output.count(size);
  reading.output.add(take(reading, size));
}

function copy(reading: Reading, tag: string, size: number): void {
  reading.output.tag(tag);
  reading.output.add(take(reading, size));
}

function take(reading: Reading, size: number): Buffer {
  const end = reading.at + size;
  if (end > reading.input.length) throw new Unreadable();
  const piece = reading.input.subarray(reading.at, end);
  reading.at = end;
  return piece;
}

function readByte(reading: Reading): number {
  return reading.input.readUInt8(reading.at++);
}

/** A count or a reference's number: never more than there are bytes. */
function readInteger(reading: Reading): number {
  const value = reading.input.readInt32LE(reading.at);
  reading.at += 4;
  if (value < 0 || value > reading.input.length) throw new Unreadable();
  return value;
}

interface Output {
  readonly length: () => number;
  readonly tag: (tag: string) => void;
  readonly count: (count: number) => void;
  readonly add: (bytes: Buffer) => void;
  /** What was written from there on; valid until more is written. */
  readonly from: (start: number) => Buffer;
  readonly cutTo: (length: number) => void;
}

function output(size: number): Output {
  let buffer = Buffer.allocUnsafe(size + 64);
  let length = 0;
  const room = (more: number) => {
    const wanted = length + more;
    if (wanted > MAX_BYTES) throw new Unreadable();
    if (wanted <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, buffer.length * 2));
    buffer.copy(larger, 0, 0, length);
    buffer = larger;
  };
  return {
    length: () => length,
    tag(tag) {
      room(1);
      buffer[length++] = tag.charCodeAt(0);
    },
    count(count) {
      room(4);
      length = buffer.writeUInt32LE(count, length);
    },
    add(bytes) {
      room(bytes.length);
      length += bytes.copy(buffer, length);
    },
    from: (start) => buffer.subarray(start, length),
    cutTo(to) {
      length = to;
    },
  };
}
