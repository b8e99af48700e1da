import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 collect garbage early rather than let the heap grow: a build makes much that lives for a moment (paths of tens of
 * thousands of files), on machines that run other things beside it. Measured with 106 wheels: 500 MB without, 290 MB with it,
 * for the same seconds. It counts for threads that are started afterwards too.
 */
export function preferSmallHeap(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--max-semi-space-size=2');
}
