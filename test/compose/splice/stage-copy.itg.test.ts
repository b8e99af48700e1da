import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { planStageCopy, type StageCopyRequest } from '../../../src/compose/splice/stage-copy.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { buildkit } from '../../context/builder.ts';
import { BASE } from '../../context/copy-cases.ts';
import { below, lines, over, type Seen, seenInTar, tarOf } from '../../context/trees.ts';
import { instructionOf } from '../../context/workshop.ts';

const index = withLayer(
  emptyIndex(),
  BASE.map(({ entry, text = '' }) => ({ ...entry, size: Buffer.byteLength(text) })),
);

type Flags = Partial<Omit<StageCopyRequest, 'sources' | 'destination'>>;

function copy(sources: readonly string[], destination: string, flags: Flags = {}): StageCopyRequest {
  return {
    ...{ sources, destination, workdir: '/app', chown: undefined, chmod: undefined },
    ...{ link: false, parents: false, excludes: [], ...flags },
  };
}

const OWNER = { uid: 1000, gid: 1001 };

/** Stage and target begin with the same files: directories of odd modes and owners, and links of all kinds. */
const CASES: readonly StageCopyRequest[] = [
  copy(['/app/pkg'], '/new'),
  copy(['/app/config'], '/new/with/parents'),
  copy(['/app/config'], '/opt/venv'),
  copy(['/app/config/'], 'relative/'),
  copy(['/app'], '/app'),
  copy(['/app'], '/data/app'),
  copy(['/app'], '/srv/app'),
  copy(['/srv'], '/srv2'),
  copy(['/real'], '/real'),
  copy(['/real'], '/x'),
  copy(['/app/main.py'], '/x'),
  copy(['/app/main.py'], '/x/'),
  copy(['/app/main.py'], '/data'),
  copy(['/app/main.py'], 'target.txt'),
  copy(['/app/main.py', '/app/config'], '/both/'),
  copy(['/app/config', '/real/other', '/app/target.txt'], '/merged/'),
  copy(['/app/filelink'], '/x'),
  copy(['/app/filelink'], '/data/'),
  copy(['/app/dirlink'], '/x'),
  copy(['/bin'], '/x'),
  copy(['/app/*.py'], '/wild/'),
  copy(['/app/c*'], '/wild/'),
  copy(['/app/t*', '/app/m*'], '/wild/'),
  copy(['/app/none*'], '/wild/'),
  copy(['app/config/old.txt'], '/bin/'),
  copy(['/app/config'], '/bin/there'),
  copy(['/app'], '/x/y', { chown: OWNER }),
  copy(['/app'], '/app', { chown: OWNER }),
  copy(['/app/main.py'], '/x/y/z', { chown: OWNER }),
  copy(['/app/config'], '/srv/new', { chown: OWNER }),
  copy(['/app'], '/x/y', { chmod: '640' }),
  copy(['/app'], '/app', { chmod: '4755' }),
  copy(['/app'], '/x/y', { chmod: 'u=rwX,go=rX' }),
  copy(['/app'], '/x/y', { chmod: '750', chown: OWNER }),
  copy(['/app'], '/x/y', { link: true }),
  copy(['/app'], '/app', { link: true }),
  copy(['/app/config'], '/opt/venv', { link: true, chown: OWNER }),
  copy(['/app/config'], '/srv/deep/er', { link: true }),
];

const text = new Map(BASE.map(({ entry, text: content = '' }) => [entry.path, content]));

function composed(request: StageCopyRequest): Map<string, Seen> | string {
  const plan = planStageCopy(request, index, index);
  if ('reason' in plan) return plan.reason;
  const written = plan.entries.map(({ entry, source }) => ({
    entry,
    text: entry.type === 'file' ? (text.get(source ?? '') ?? '') : '',
  }));
  return over(seenInTar(tarOf(BASE)), seenInTar(tarOf(written)));
}

test('a COPY --from of a stage is what BuildKit makes of it', async (t) => {
  await using scratch = await temporaryDirectory('lw-stage-copy-');
  const context = join(scratch.path, 'context');
  await mkdir(context);
  await writeFile(join(context, 'base.tar'), tarOf(BASE));
  const dockerfile = [
    'FROM scratch AS from',
    'ADD base.tar /',
    ...CASES.flatMap((one, at) => [
      `FROM from AS case${at}`,
      `WORKDIR ${one.workdir}`,
      instructionOf({ ...one, keyword: 'COPY', heredocs: [] }).replace('COPY', 'COPY --from=from'),
    ]),
    'FROM scratch',
    ...CASES.map((_, at) => `COPY --from=case${at} / /case${at}/`),
  ].join('\n');
  const built = await buildkit(scratch.path, context, dockerfile);
  assert.ok('seen' in built, 'error' in built ? built.error : '');
  for (const [at, one] of CASES.entries())
    await t.test(JSON.stringify(one), () => {
      const ours = composed(one);
      assert.ok(typeof ours !== 'string', ours as string);
      assert.deepEqual(lines(ours), lines(below(built.seen, `case${at}`)));
    });
});
