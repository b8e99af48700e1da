import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationText, readDuration } from '../../src/dockerfile/duration.ts';
import type { TypedInstruction } from '../../src/dockerfile/instruction.ts';
import { csvFields, mountSources, mountsOf } from '../../src/dockerfile/mounts.ts';
import { parseDockerfile } from '../../src/dockerfile/parse.ts';
import { readInstruction } from '../../src/dockerfile/read.ts';
import { LayerwrightError } from '../../src/errors.ts';

function read(text: string): TypedInstruction {
  const dockerfile = parseDockerfile(`FROM x\n${text}\n`, 'Dockerfile');
  const [instruction] = dockerfile.stages[0]?.instructions ?? [];
  assert.ok(instruction, text);
  return readInstruction(instruction, dockerfile.escape);
}

function run(text: string) {
  const instruction = read(text);
  assert.equal(instruction.kind, 'run', JSON.stringify(instruction));
  return instruction as Extract<TypedInstruction, { kind: 'run' }>;
}

test('pairs, in the old form and the new, quotes kept', () => {
  assert.deepEqual(read('ENV a b  c=d'), { kind: 'env', line: 2, pairs: [{ key: 'a', value: 'b  c=d' }] });
  assert.deepEqual(read('LABEL a="b c" d=e\\ f g='), {
    kind: 'label',
    line: 2,
    pairs: [
      { key: 'a', value: '"b c"' },
      { key: 'd', value: 'e\\ f' },
      { key: 'g', value: '' },
    ],
  });
  assert.deepEqual(read("ENV a='b\\' c=d"), {
    kind: 'env',
    line: 2,
    pairs: [
      { key: 'a', value: "'b\\'" },
      { key: 'c', value: 'd' },
    ],
  });
  assert.deepEqual(read('ARG a b= c=$a'), {
    kind: 'arg',
    line: 2,
    declared: [
      { name: 'a', value: undefined },
      { name: 'b', value: '' },
      { name: 'c', value: '$a' },
    ],
  });
});

test('COPY and ADD with their flags and heredocs', () => {
  assert.deepEqual(
    read('COPY --from=a --chown=$U --chmod=0644 --link --parents --exclude=*.md --exclude=b x $Y /z/'),
    {
      kind: 'copy',
      line: 2,
      from: 'a',
      chown: '$U',
      chmod: '0644',
      link: true,
      parents: true,
      excludes: ['*.md', 'b'],
      checksum: '',
      keepGitDir: undefined,
      unpack: undefined,
      sources: ['x', '$Y'],
      destination: '/z/',
      inline: [],
    },
  );
  const add = read('ADD --unpack=false --keep-git-dir ["a b", "/c"]');
  assert.ok(add.kind === 'add');
  assert.deepEqual([add.sources, add.destination, add.unpack, add.keepGitDir], [['a b'], '/c', false, true]);
  const inline = read('COPY a <<-"E" <<F /x/\n\t$A\nE\n$B\nF');
  assert.ok(inline.kind === 'copy');
  assert.deepEqual(inline.sources, ['a']);
  assert.deepEqual(inline.inline, [
    { name: 'E', content: '$A\n', expand: false },
    { name: 'F', content: '$B\n', expand: true },
  ]);
  const twice = read('COPY <<E <<E /x/\n1\nE\n2\nE');
  assert.ok(twice.kind === 'copy');
  assert.deepEqual(
    twice.inline.map(({ content }) => content),
    ['2\n', '2\n'],
  );
});

test('RUN: what the shell is given', () => {
  assert.equal(run('RUN a \\\n # no\n\n  && b').script, 'a   && b');
  assert.deepEqual(run('RUN ["a", "b c"]').words, ['a', 'b c']);
  assert.equal(run('RUN ["a", "b c"]').script, undefined);
  assert.equal(run('RUN <<E\na\nb\nE').script, 'a\nb\n');
  assert.equal(run('RUN <<-E\n\ta\n\tE').script, 'a\n');
  assert.equal(
    run('RUN cat <<E >f && x <<-F\n$a\nE\n\tb\n\tF').script,
    'cat <<E >f && x <<-F\n$a\nE\n\tb\nF',
  );
  const program = run('RUN <<E\n#!/bin/python\nE');
  assert.deepEqual(program.program, { name: 'E', content: '#!/bin/python\n' });
  assert.equal(program.script, '/dev/pipes/E');
  const flags = run('RUN --network=none --security=insecure --device=x --mount=type=ssh a');
  assert.deepEqual(
    [flags.network, flags.security, flags.devices, flags.mounts],
    ['none', 'insecure', ['x'], ['type=ssh']],
  );
});

test('mounts, with variables put in', () => {
  const instruction = run(
    'RUN --mount=type=cache,id=$ID,target=${T:-/t},sharing=locked,uid=1 --mount=src=a,dst=/b,from=tools,rw ' +
      '--mount=type=secret,id=s,env=TOKEN,required --mount="type=tmpfs,target=/x,size=1g" x',
  );
  const mounts = mountsOf(instruction, new Map([['ID', 'i']]), { path: 'Dockerfile', escape: '\\' });
  const [cache, bind, secret, tmpfs] = mounts;
  assert.deepEqual(
    [cache?.type, cache?.id, cache?.target, cache?.sharing, cache?.uid, cache?.readOnly],
    ['cache', 'i', '/t', 'locked', 1, false],
  );
  assert.deepEqual(
    [bind?.type, bind?.from, bind?.source, bind?.target, bind?.readOnly],
    ['bind', 'tools', 'a', '/b', false],
  );
  assert.deepEqual([secret?.env, secret?.required, secret?.readOnly], ['TOKEN', true, true]);
  assert.deepEqual([tmpfs?.type, tmpfs?.size, tmpfs?.readOnly], ['tmpfs', '1g', false]);
  assert.deepEqual(mountSources(instruction), ['tools']);
  for (const [mount, why] of [
    ['type=nothing', /unsupported mount type/],
    ['type=bind,uid=1,target=/x', /uid not allowed/],
    ['type=secret', /one of source, target required/],
    ['target', /must be a key=value pair/],
    ['colour=red', /unexpected key/],
    ['type=cache,mode=9', /invalid value 9 for mode/],
  ] as const)
    assert.throws(
      () => mountsOf(run(`RUN --mount=${mount} x`), new Map(), { path: 'Dockerfile', escape: '\\' }),
      (error) => error instanceof LayerwrightError && why.test(error.message),
      mount,
    );
});

test('fields of a mount may be quoted', () => {
  assert.deepEqual(csvFields('a=b,"c=d,e""f",,g'), ['a=b', 'c=d,e"f', '', 'g']);
  assert.deepEqual(csvFields(',a'), ['', 'a']);
  assert.equal(csvFields('a"b'), undefined);
  assert.equal(csvFields('"a"b'), undefined);
});

test('HEALTHCHECK with all its durations', () => {
  assert.deepEqual(
    read(
      'HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=2h --start-interval=250ms --retries=3 CMD a b',
    ),
    {
      kind: 'healthcheck',
      line: 2,
      test: ['CMD-SHELL', 'a b'],
      interval: 90e9,
      timeout: 1.5e9,
      startPeriod: 7200e9,
      startInterval: 250e6,
      retries: 3,
    },
  );
  const none = read('HEALTHCHECK --unknown none');
  assert.ok(none.kind === 'healthcheck');
  assert.deepEqual(none.test, ['NONE']);
});

test('durations as Go reads and prints them', () => {
  for (const text of ['0s', '1.5s', '1m30s', '1h0m0s', '250ms', '1.5ms', '1h1m1.001s', '100ns', '26h0m0s'])
    assert.equal(durationText(readDuration(text) as number), text);
  assert.equal(readDuration('1.h.5m'), 3600e9 + 30e9);
  assert.equal(readDuration('-2s'), -2e9);
  for (const text of ['', '1', 's', '1.', '1d', '1 s', '999999999h'])
    assert.equal(readDuration(text), undefined, text);
});

test('commands, lists and single words', () => {
  const shapes: readonly (readonly [string, object])[] = [
    ['CMD a "b"', { kind: 'cmd', form: 'shell', words: ['a "b"'] }],
    ['ENTRYPOINT []', { kind: 'entrypoint', form: 'exec', words: [] }],
    ["CMD ['a']", { kind: 'cmd', form: 'shell', words: ["['a']"] }],
    ['SHELL ["a", "-c"]', { kind: 'shell', form: 'exec', words: ['a', '-c'] }],
    ['EXPOSE 90 80', { kind: 'expose', words: ['80', '90'] }],
    ['VOLUME /a  /b', { kind: 'volume', words: ['/a', '/b'] }],
    ['VOLUME ["/a b"]', { kind: 'volume', words: ['/a b'] }],
    ['WORKDIR "a b" c', { kind: 'workdir', text: '"a b" c' }],
    ['ONBUILD  RUN a \\\n  b', { kind: 'onbuild', text: 'RUN a   b' }],
    ['ONBUILD RUN <<E\na\nE', { kind: 'onbuild', text: 'RUN <<E\na\nE' }],
  ];
  for (const [text, shape] of shapes) assert.deepEqual(read(text), { ...shape, line: 2 }, text);
});

test('what is not understood is said, and is no exception', () => {
  for (const [text, reason] of [
    ['COPY --new a b', /unknown flag --new/],
    ['COPY --link=maybe a b', /true or false/],
    ['COPY --chown a b', /has no value/],
    ['COPY --chown=1 --chown=2 a b', /given twice/],
    ['COPY --chown=é a b', /beyond ASCII/],
    ['COPY a', /no destination/],
    ['COPY a <<E\nE', /can not be the destination/],
    ['RUN --network=wifi a', /invalid network mode/],
    ['RUN --mount=from=$a,target=/b c', /variable expansion/],
    ["RUN --mount='a\"b' c", /no list of fields/],
    ['ENV a', /two arguments/],
    ['ENV a=b c', /name=value/],
    ['LABEL --x a=b', /unknown flag/],
    ['CMD ["a", 1]', /strings only/],
    ['SHELL a', /JSON list/],
    ['HEALTHCHECK --interval=1us CMD a', /--interval/],
    ['HEALTHCHECK SLEEP 1', /unknown type/],
    ['ONBUILD FROM x', /trigger/],
    ['USER \uFFFD', /UTF-8/],
  ] as const) {
    const instruction = read(text);
    assert.ok(instruction.kind === 'unknown', `${text}: ${JSON.stringify(instruction)}`);
    assert.match(instruction.reason, reason, text);
  }
});
