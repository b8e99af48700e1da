import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collisions, type GroupMember, groupDistributions } from '../../src/plan/groups.ts';
import { seededRandom, shuffled } from '../support/random.ts';

const random = seededRandom(7);
const KIB = 1024;

function member(name: string, bytes: number, paths: readonly string[] = [`lib/${name}/__init__.py`]) {
  return { name, bytes, paths } satisfies GroupMember;
}

/** A set as projects have it: most distributions small, a few large. */
function someMembers(count: number): GroupMember[] {
  return Array.from({ length: count }, (_, index) =>
    member(`package-${index}`, Math.floor(10 * KIB * 2 ** (random() * 13))),
  );
}

/** By distribution: with whom it shares its layer. */
function companions(members: readonly GroupMember[]) {
  return new Map(groupDistributions(members).flatMap(({ id, names }) => names.map((name) => [name, id])));
}

test('every distribution is in exactly one group, in whatever order they are given', () => {
  for (let round = 0; round < 20; round++) {
    const members = someMembers(1 + Math.floor(random() * 150));
    const groups = groupDistributions(members);
    assert.deepEqual(groups.flatMap(({ names }) => names).sort(), members.map(({ name }) => name).sort());
    assert.deepEqual(groupDistributions(shuffled(members, random)), groups);
    assert.ok(groups.length <= 80);
  }
});

test('adding or removing a distribution moves no other one', () => {
  for (let round = 0; round < 50; round++) {
    const members = someMembers(40);
    const before = companions(members);
    const [added] = someMembers(1);
    const after = companions([...members, { ...(added as GroupMember), name: 'added', paths: ['added.py'] }]);
    for (const [name, id] of before) assert.equal(after.get(name), id);
    const gone = members[Math.floor(random() * members.length)] as GroupMember;
    const fewer = companions(members.filter((one) => one !== gone));
    for (const [name, id] of fewer) assert.equal(before.get(name), id);
  }
});

test('where too many are large, adding one moves one at most', () => {
  for (let round = 0; round < 50; round++) {
    const members = Array.from({ length: 70 }, (_, index) =>
      member(`big-${index}`, Math.floor((1 + random() * 50) * 1024 * KIB)),
    );
    const before = companions(members);
    const after = companions([...members, member('added', Math.floor(random() * 50_000 * KIB))]);
    assert.ok([...before].filter(([name, id]) => after.get(name) !== id).length <= 1);
  }
});

test('a bumped distribution that grows a little moves nothing', () => {
  const members = someMembers(100);
  const before = companions(members);
  const index = members.findIndex(({ bytes }) => bytes > 600 * KIB && bytes < 900 * KIB);
  assert.ok(index >= 0);
  const after = companions(
    members.map((one, at) => (at === index ? { ...one, bytes: one.bytes + 50 * KIB } : one)),
  );
  assert.deepEqual(after, before);
});

test('the large ones stand alone, and no more than the budget allows', () => {
  const members = Array.from({ length: 90 }, (_, index) => member(`big-${index}`, (index + 1) * 1024 * KIB));
  const alone = groupDistributions(members).filter(({ id }) => !id.startsWith('bucket-'));
  assert.equal(alone.length, 40);
  assert.ok(alone.every(({ names }) => names.length === 1));
  assert.ok(alone.some(({ id }) => id === 'big-89'));
  const few = groupDistributions([member('numpy', 30_000 * KIB), member('six', 30 * KIB)]);
  assert.deepEqual(few[1], { id: 'numpy', names: ['numpy'], overlaps: false });
  assert.match(few[0]?.id ?? '', /^bucket-\d\d$/);
});

test('distributions that write the same path share a layer, also a file where another has a directory', () => {
  const headless = member('opencv-python-headless', 5000 * KIB, ['cv2/__init__.py', 'a.dist-info/RECORD']);
  const full = member('opencv-python', 6000 * KIB, ['cv2/__init__.py', 'b.dist-info/RECORD']);
  const file = member('odd', 1 * KIB, ['cv2']);
  const other = member('other', 9000 * KIB, ['other/__init__.py']);
  assert.deepEqual(collisions([headless, full, other]), [['opencv-python', 'opencv-python-headless']]);
  const groups = groupDistributions([headless, full, file, other]);
  assert.deepEqual(
    groups.map(({ names }) => names),
    [['odd', 'opencv-python', 'opencv-python-headless'], ['other']],
  );
  assert.match(groups[0]?.id ?? '', /^bucket-\d\d\+opencv-python\+opencv-python-headless$/);
});
