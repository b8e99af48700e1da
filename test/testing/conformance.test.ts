import { after, before } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/registry.ts';
import { conformance } from './conformance.ts';

let inMemory: TestRegistry;
let inDirectory: TestRegistry;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  directory = await temporaryDirectory();
  [inMemory, inDirectory] = await Promise.all([
    startRegistry(),
    startRegistry({ directory: directory.path }),
  ]);
});
after(async () => {
  await Promise.all([inMemory.close(), inDirectory.close()]);
  await directory[Symbol.asyncDispose]();
});

conformance('in memory', () => inMemory.address);
conformance('in a directory', () => inDirectory.address);
