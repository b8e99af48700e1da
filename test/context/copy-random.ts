import { BASE, type Case, CONTEXT } from './copy-cases.ts';

const SOURCES = [...Object.keys(CONTEXT), 'pkg', 'over', 'hard', 'links', 'modes', 'keep', '.', '.'];
const WILDCARDS = [
  '*',
  '**',
  '?',
  '*.txt',
  '*.py',
  'p*',
  '[a-m]*',
  'sub',
  '**/*.py',
  '*/*',
  'app',
  'over/*',
  'link-[af]*',
];
const PATTERNS = [
  '*.txt',
  '**/*.py',
  'sub',
  '!sub/deep.py',
  'app',
  '!app/config',
  '**/sub',
  'link-*',
  '*',
  '!pkg',
  'tests',
  '!**/*.md',
];
const BELOW = ['', '/', '/x', '/x/', '/new/er/', '/app', '/config/', '/.'];
const CHMODS = ['644', '0755', '1777', '2750', 'u=rwX,go=rX', 'go-w', '+x', 'a=r,u+w', 'g=u'];

/** A `COPY` as nobody writes it, the same in every run. */
export function randomCase(number: (below: number) => number): Case {
  const pick = <T>(items: readonly T[]) => items[number(items.length)] as T;
  const some = <T>(chance: number, value: () => T) => (number(100) < chance ? value() : undefined);
  const parents = number(100) < 25;
  const source = () => (number(100) < 30 ? pick(WILDCARDS) : pick(SOURCES));
  const parts = (text: string) => (parents && number(3) === 0 ? text.replace('/', '/./') : text);
  const sources = Array.from({ length: pick([1, 1, 1, 2, 3]) }, () => parts(source()));
  const into = `/${pick(BASE).entry.path}${pick(BELOW)}`;
  const keyword = !parents && number(5) === 0 ? 'ADD' : 'COPY';
  const user = some(20, () => '1234:5678');
  return {
    request: {
      ...{ keyword, sources, parents, heredocs: [], link: number(100) < 15 },
      destination: sources.length === 1 ? pick([into, into, into, 'rel', './', 'rel/']) : `${into}/`,
      workdir: pick(['/', '/app', '/srv/wd', '/new']),
      chown: some(30, () => ({ uid: 1000, gid: 2000 })),
      chmod: some(25, () => pick(CHMODS)),
      excludes: number(100) < 30 ? Array.from({ length: 1 + number(3) }, () => pick(PATTERNS)) : [],
    },
    ...(user === undefined ? {} : { user }),
  };
}
