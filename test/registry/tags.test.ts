import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listTags } from '../../src/registry/tags.ts';
import { testHost } from '../support/host.ts';
import { httpServer } from '../support/http-server.ts';

const NO_RETRY = { retries: 0, firstDelayMs: 0 };

/** A registry that answers the list of tags so, by what is asked for after `tags/list`. */
async function listed(answers: Readonly<Record<string, { body: string; link?: string; status?: number }>>) {
  await using server = await httpServer((request, response) => {
    const answer = answers[(request.url ?? '').replace('/v2/team/cache/tags/list', '')];
    response.writeHead(answer?.status ?? (answer ? 200 : 404), answer?.link ? { link: answer.link } : {});
    response.end(answer?.body ?? '');
  });
  return await listTags(testHost(), server.address, 'team/cache', NO_RETRY);
}

test('all pages are read, wherever their links lead', async () => {
  const tags = await listed({
    '?n=1000': { body: '{"tags":["a","b"]}', link: '</v2/team/cache/tags/list?last=b&n=2>; rel="next"' },
    '?last=b&n=2': { body: '{"tags":["c"]}', link: '</v2/team/cache/tags/list?last=c>; rel=next' },
    '?last=c': { body: '{"tags":["d"]}', link: '</v2/other>; rel="first"' },
  });
  assert.deepEqual(tags, ['a', 'b', 'c', 'd']);
});

test('a repository without tags has none', async () => {
  assert.deepEqual(await listed({ '?n=1000': { body: '{"name":"team/cache","tags":null}' } }), []);
});

test('no list of tags, no repository and no permission are errors', async () => {
  for (const body of ['<html>', '{"tags":"a"}', '{"tags":[1]}'])
    await assert.rejects(listed({ '?n=1000': { body } }), { code: 'REGISTRY_ANSWER' }, body);
  await assert.rejects(listed({}), { code: 'REPOSITORY_UNKNOWN', exit: 2 });
  await assert.rejects(listed({ '?n=1000': { body: '', status: 403 } }), {
    code: 'REGISTRY_DENIED',
    exit: 2,
  });
});
