import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { emptyIndex, type PathIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { parseIndex, serialiseIndex } from '../../src/image/path-index-text.ts';

/** `d dir`, `f file`, `l link target`, `h link target`, `w hidden`; a number in front of the path is a mode. */
function entry(text: string): PathEntry {
  const [kind = '', path = '', link = ''] = text.split(' ');
  const type = ({ d: 'directory', f: 'file', l: 'symlink', h: 'hardlink', w: 'file' } as const)[kind];
  assert.ok(type, text);
  const mode = type === 'directory' ? 0o755 : 0o644;
  return {
    path,
    type,
    mode,
    uid: 0,
    gid: 0,
    size: kind === 'f' ? link.length || 1 : 0,
    link: kind === 'f' ? '' : link,
  };
}

const layers = (...all: readonly (readonly string[])[]): PathIndex =>
  all.reduce((index, layer) => withLayer(index, layer.map(entry)), emptyIndex());

const shown = (index: PathIndex): string[] =>
  [...index.entries()].map(({ type, path, link }) => `${type[0]} ${path}${link && ` ${link}`}`);

test('paths are found with their facts, and a directory with its names', () => {
  const index = layers(['d usr', 'd usr/bin', 'f usr/bin/tool', 'l bin usr/bin']);
  assert.equal(index.get('/usr/bin/tool')?.size, 1);
  assert.equal(index.get('usr/bin/')?.type, 'directory');
  assert.equal(index.get('bin/tool'), undefined, 'no link is followed');
  assert.deepEqual([index.get('')?.mode, index.get('/')?.path], [0o755, '']);
  assert.deepEqual(index.children('usr'), ['bin']);
  assert.deepEqual(index.children(''), ['bin', 'usr']);
  assert.deepEqual(index.children('usr/bin/tool'), []);
  assert.deepEqual(index.children('nowhere'), []);
  assert.equal(index.size, 4);
  assert.deepEqual(shown(index), ['s bin usr/bin', 'd usr', 'd usr/bin', 'f usr/bin/tool']);
});

test('names that objects have by themselves are names like others', () => {
  const index = layers(['d constructor', 'f constructor/__proto__']);
  assert.equal(index.get('toString'), undefined);
  assert.equal(index.get('constructor/__proto__')?.type, 'file');
  assert.equal(parseIndex(serialiseIndex(index)).get('constructor/__proto__')?.type, 'file');
});

test('links are followed in all parts, below the root, up to forty of them', () => {
  const index = layers([
    ...[
      'd usr',
      'd usr/lib',
      'f usr/lib/a',
      'l lib usr/lib',
      'l usr/up ../../../lib',
      'l usr/lib/abs /lib/a',
      'l usr/lib/up ..',
    ],
    ...['l one two', 'l two one', 'l dangling gone/../x', 'l deep usr/up/abs'],
  ]);
  const at = (path: string) => {
    const { path: found, entry: there, loop } = index.resolve(path);
    return [found, there?.type, loop];
  };
  assert.deepEqual(at('/lib/a'), ['usr/lib/a', 'file', false]);
  assert.deepEqual(
    at('usr/up/abs'),
    ['usr/lib/a', 'file', false],
    'relative above the root, absolute from it',
  );
  assert.deepEqual(at('deep'), ['usr/lib/a', 'file', false]);
  assert.deepEqual(
    at('lib/./up/../usr/lib'),
    ['usr/lib', 'directory', false],
    '.. is of where the link leads',
  );
  assert.deepEqual(at('../../usr'), ['usr', 'directory', false]);
  assert.deepEqual(at('dangling'), ['x', undefined, false]);
  assert.deepEqual(at('lib/no/such/../thing'), ['usr/lib/no/thing', undefined, false]);
  assert.deepEqual(at('usr/lib/a/b'), ['usr/lib/a/b', undefined, false], 'a file has nothing in it');
  assert.deepEqual(at('one').slice(1), [undefined, true]);
  assert.deepEqual(at(''), ['', 'directory', false]);

  const parent = index.resolveParent('lib/abs');
  assert.deepEqual([parent.path, parent.entry?.type], ['usr/lib/abs', 'symlink']);
  assert.equal(index.resolveParent('lib/new').path, 'usr/lib/new');
  assert.equal(index.resolveParent('one').entry?.type, 'symlink');
  assert.equal(index.resolveParent('one/x').loop, true);

  const chain = (length: number) =>
    layers(['f end', ...Array.from({ length }, (_, at) => `l l${at} ${at === 0 ? 'end' : `l${at - 1}`}`)]);
  assert.equal(chain(40).resolve('l39').path, 'end');
  assert.equal(chain(41).resolve('l40').loop, true, 'as Linux: ELOOP');
});

test('a whiteout hides what lower layers have, wherever it stands, and not what its own layer brings', () => {
  const lower = ['d a', 'f a/x', 'd a/b', 'f a/b/y', 'f z'];
  assert.deepEqual(shown(layers(lower, ['w a/.wh.x', 'w .wh.z'])), ['d a', 'd a/b', 'f a/b/y']);
  assert.deepEqual(shown(layers(lower, ['w .wh.a'])), ['f z']);
  assert.deepEqual(shown(layers(lower, ['w .wh.a', 'd a', 'f a/new'])), ['d a', 'f a/new', 'f z']);
  assert.deepEqual(shown(layers(lower, ['d a', 'f a/new', 'w .wh.a'])), ['d a', 'f a/new', 'f z']);
  assert.deepEqual(shown(layers(lower, ['d a', 'f a/new', 'w a/.wh..wh..opq'])), ['d a', 'f a/new', 'f z']);
  assert.deepEqual(shown(layers(lower, ['w a/b/.wh..wh..opq'])), ['d a', 'd a/b', 'f a/x', 'f z']);
  assert.deepEqual(shown(layers(lower, ['w no/.wh.x', 'w z/.wh.x', 'w .wh..wh.plnk'])), shown(layers(lower)));
});

test('a directory over something else takes its place, something else over a directory ends what is below', () => {
  assert.deepEqual(shown(layers(['f a'], ['d a', 'f a/b'])), ['d a', 'f a/b']);
  assert.deepEqual(shown(layers(['l a b', 'd b', 'f b/c'], ['d a'])), ['d a', 'd b', 'f b/c']);
  assert.deepEqual(shown(layers(['d a', 'f a/b'], ['f a'])), ['f a']);
  assert.deepEqual(shown(layers(['d a', 'f a/b'], ['l a b'])), ['s a b']);
  const kept = withLayer(layers(['d a', 'f a/b']), [{ ...entry('d a'), mode: 0o2775, gid: 50 }]);
  assert.deepEqual(shown(kept), ['d a', 'f a/b']);
  assert.deepEqual([kept.get('a')?.mode, kept.get('a')?.gid], [0o2775, 50]);
  const root = withLayer(kept, [{ ...entry('d '), path: '', mode: 0o711 }]);
  assert.equal(root.get('')?.mode, 0o711);
});

test('a directory without an entry is 0755 0:0', () => {
  assert.deepEqual(layers(['f a/b/c']).get('a/b'), { ...entry('d a/b') });
});

test("a path through a lower layer's link makes a directory of it, through its own layer's it goes where the link leads", () => {
  assert.deepEqual(shown(layers(['d b', 'l a b'], ['f a/x'])), ['d a', 'f a/x', 'd b']);
  assert.deepEqual(shown(layers(['f a'], ['f a/x'])), ['d a', 'f a/x']);
  assert.deepEqual(shown(layers(['d b', 'l a /../b', 'f a/x'])), ['s a /../b', 'd b', 'f b/x']);
  assert.equal(layers(['d b', 'l a b', 'f a/x']).get('b/x')?.path, 'b/x');
  const changes = ['d b', 'l a b', 'f a/x', 'd a', 'f a/y', 'f a', 'f a/z', 'l a b', 'f a/w'];
  assert.deepEqual(
    shown(layers(changes)),
    ['s a b', 'd b', 'f b/w', 'f b/x'],
    'also when they change on the way',
  );
  const through = ['d a', 'l a/up ..', 'f a/up/a', 'f a/up/x'];
  assert.deepEqual(shown(layers(through)), ['d a', 'd a/up', 'f a/up/x'], 'and by themselves');
  assert.throws(() => layers(['l a b', 'l b a', 'f a/x']), { code: 'LAYER_UNREADABLE', message: /circle/ });
});

test('a hard link is the file that it names, of its own or of a lower layer', () => {
  const index = layers(['f a 123'], ['h b a', 'l s a', 'h t s']);
  assert.deepEqual(index.get('b'), { ...entry('f a 123'), path: 'b' });
  assert.deepEqual(
    [index.get('t')?.type, index.get('t')?.link],
    ['symlink', 'a'],
    'a link can be linked to itself',
  );
  for (const [layer, says] of [
    [['h b gone'], /not there/],
    [['d d', 'h b d'], /a directory/],
  ] as const)
    assert.throws(() => layers(layer), { code: 'LAYER_UNREADABLE', message: says });
});

test('an index does not change when a layer is put on it', () => {
  const below = layers(['d a', 'd a/b', 'f a/b/c', 'f a/d']);
  const before = shown(below);
  const above = withLayer(below, ['f a/b/new', 'w a/.wh.d', 'd a/b', 'w a/b/.wh.c'].map(entry));
  assert.deepEqual(shown(above), ['d a', 'd a/b', 'f a/b/new']);
  assert.deepEqual(shown(below), before);
  assert.equal(above.get('a/b/new')?.type, 'file');
});

test('an index as bytes is the same for the same paths, and says the same when it is read', () => {
  const odd = [
    { ...entry('f a\nb'), size: 2 ** 40, mode: 0o7777, uid: 4294967294, gid: 7 },
    { ...entry('l ä'), link: ' x\n\\ ' },
    ...[entry('d d d'), { ...entry('f d/ü 1'), path: 'd/ f ' }],
    ...(['character', 'block', 'fifo'] as const).map((type) => ({ ...entry(`f ${type}`), type, size: 0 })),
  ];
  const root = { ...entry('d '), path: '', mode: 0o1777, uid: 5 };
  const index = withLayer(emptyIndex(), [root, ...odd]);
  const bytes = serialiseIndex(index);
  assert.deepEqual(serialiseIndex(withLayer(emptyIndex(), [...odd, root].reverse())), bytes);
  const read = parseIndex(bytes);
  assert.equal(read.get('a\nb')?.uid, 4294967294);
  assert.deepEqual([...read.entries()], [...index.entries()]);
  assert.deepEqual(read.get(''), index.get(''));
  assert.equal(read.size, index.size);
  assert.deepEqual(serialiseIndex(read), bytes);
  assert.deepEqual([...parseIndex(serialiseIndex(emptyIndex())).entries()], []);
  for (const broken of ['', 'x', bytes.subarray(0, 40), bytes.subarray(5)])
    assert.throws(() => [...parseIndex(Buffer.from(broken)).entries()]);
});

/** Random numbers that are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** The plainest model: all paths in one map, and prefixes. */
function naive(below: ReadonlyMap<string, PathEntry>, layer: readonly PathEntry[]): Map<string, PathEntry> {
  const all = new Map(below);
  const drop = (path: string, itself: boolean) => {
    for (const one of [...all.keys()])
      if ((itself && one === path) || one.startsWith(`${path}/`)) all.delete(one);
  };
  for (const { path } of layer) {
    const [, parent = '', name] = /^(?:(.*)\/)?\.wh\.([^/]*)$/.exec(path) ?? [];
    if (name === '.wh..opq') drop(parent, false);
    else if (name !== undefined) drop(parent === '' ? name : `${parent}/${name}`, true);
  }
  for (const one of layer) {
    if (/(?:^|\/)\.wh\./.test(one.path)) continue;
    const parts = one.path.split('/');
    for (let count = 1; count < parts.length; count++) {
      const parent = parts.slice(0, count).join('/');
      if (all.get(parent)?.type === 'directory') continue;
      all.set(parent, entry(`d ${parent}`));
    }
    const real = one.type === 'hardlink' ? { ...(all.get(one.link) as PathEntry), path: one.path } : one;
    if (one.type !== 'directory') drop(one.path, false);
    all.set(one.path, real);
  }
  return all;
}

function randomLayer(roll: (sides: number) => number, below: ReadonlyMap<string, PathEntry>): PathEntry[] {
  const names = ['a', 'b', 'a-b', 'B', 'ä'];
  const path = () => Array.from({ length: 1 + roll(4) }, () => names[roll(names.length)]).join('/');
  const layer: PathEntry[] = [];
  const written = new Set<string>();
  for (let count = roll(12); count > 0; count--) {
    const at = path();
    const kind = roll(7);
    const facts = { mode: roll(0o10000), uid: roll(3), gid: roll(3) };
    if (kind === 0) layer.push({ ...entry(`w ${at.replace(/[^/]*$/, '.wh.$&')}`) });
    else if (kind === 1) layer.push(entry(`w ${at}/.wh..wh..opq`));
    else if (kind === 2) {
      const target = [...below].find(([, one]) => one.type === 'file')?.[0];
      const safe = target !== undefined && naive(below, layer).get(target)?.type === 'file' && target !== at;
      if (safe && !`${target}/`.startsWith(`${at}/`) && !`${at}/`.startsWith(`${target}/`))
        layer.push(entry(`h ${at} ${target}`));
    } else if (kind === 3) layer.push({ ...entry(`l ${at} somewhere`), mode: 0o777 });
    else if (kind === 4) layer.push({ ...entry(`f ${at}`), ...facts, size: roll(100) });
    else layer.push({ ...entry(`d ${at}`), ...facts });
    written.add(at);
  }
  // What goes through a link of its own layer is another test's.
  const links = layer.filter(({ type }) => type === 'symlink').map((one) => `${one.path}/`);
  return layer.filter(
    ({ path: one, link }) => !links.some((prefix) => one.startsWith(prefix) || link.startsWith(prefix)),
  );
}

test('an index agrees with the plainest model in any order of layers, read back from bytes or not', () => {
  let seen = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const roll = dice(seed);
    let model = new Map<string, PathEntry>();
    let index = emptyIndex();
    for (let count = 1 + roll(5); count > 0; count--) {
      const layer = randomLayer(roll, model);
      let next: Map<string, PathEntry>;
      try {
        next = naive(model, layer);
        for (const one of next.values()) assert.ok(one.type);
      } catch {
        continue;
      }
      index = withLayer(roll(2) ? parseIndex(serialiseIndex(index)) : index, layer);
      model = next;
      const sorted = (all: Iterable<PathEntry>) =>
        [...all].sort((one, other) => (one.path < other.path ? -1 : 1));
      assert.deepEqual(sorted(index.entries()), sorted(model.values()), `seed ${seed}`);
      assert.equal(index.size, model.size);
      seen += model.size;
    }
  }
  assert.ok(seen > 2000, 'there was something to compare');
});
