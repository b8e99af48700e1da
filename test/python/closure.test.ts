import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closureProblem, demandsOf } from '../../src/python/closure.ts';
import { markerEnvironment } from '../../src/python/markers.ts';
import { parseRequirement, type Requirement } from '../../src/python/requirements/requirement-line.ts';

const environment = markerEnvironment({ version: '3.11.2', architecture: 'amd64' }) ?? {};

function requirement(text: string): Requirement {
  const parsed = parseRequirement(text);
  assert.ok(!('reason' in parsed) && !('invalid' in parsed), text);
  return parsed;
}

type Needs = readonly [version: string, requires?: readonly string[], python?: string];

function question(
  asked: readonly string[],
  set: Readonly<Record<string, Needs>>,
  constraints: readonly string[] = [],
) {
  return {
    requirements: asked.map(requirement),
    constraints: constraints.map(requirement),
    distributions: new Map(
      Object.entries(set).map(([name, [version, requiresDist = [], requiresPython]]) => [
        name,
        { version, requiresDist, requiresPython },
      ]),
    ),
    environment,
    noDeps: false,
  };
}

const problem = (...args: Parameters<typeof question>) => closureProblem(question(...args))?.reason;

test('a set that is needed, whole and without contradiction is closed', () => {
  assert.equal(
    problem(['a[x]'], {
      a: ['1', ['b>=1', 'c; extra == "x"', 'd; extra == "y"', 'e; sys_platform == "win32"'], '>=3.8'],
      b: ['1.5', ['a>=1']],
      c: ['1', ['b[fast]']],
    }),
    undefined,
  );
});

test('what is missing, too much, contradicted or for another Python is told', () => {
  assert.match(problem(['a'], { a: ['1', ['b']] }) ?? '', /b is needed/);
  assert.match(problem(['a'], { a: ['1'], b: ['1'] }) ?? '', /b is in the set and not needed/);
  assert.match(problem(['a'], { a: ['1', ['b<1']], b: ['1'] }) ?? '', /b 1 is not what is asked for/);
  assert.match(problem(['a'], { a: ['2'] }, ['a<2']) ?? '', /a 2 is not/);
  assert.match(problem(['a'], { a: ['1', [], '>=3.12'] }) ?? '', /wants Python >=3\.12/);
  assert.match(problem(['a'], { a: ['1', [], 'about 3'] }) ?? '', /wants Python about 3/);
  assert.match(problem(['a'], { a: ['1', ['b ; platform_release > "5"']] }) ?? '', /not known before/);
  assert.match(problem(['a'], { a: ['1', ['b @ https://example.org/b.whl']] }) ?? '', /not understood/);
  assert.equal(problem(['a'], { a: ['1'] }, ['z<2']), undefined, 'a constraint alone asks for nothing');
});

test('demands gather conditions and extras of all that ask', () => {
  const demands = demandsOf(question(['a', 'b[y]>=1'], { a: ['1', ['b[z]<3', 'b!=2']], b: ['1'] }, ['b<9']));
  assert.ok(!('reason' in demands));
  assert.deepEqual([...(demands.get('b')?.extras ?? [])].sort(), ['y', 'z']);
  assert.equal(demands.get('b')?.specifiers.length, 4);
});
