/**
 * The first 16 bits of bytecode files by CPython's minor version: what a final release writes and reads. Source:
 * `importlib.util.MAGIC_NUMBER`, and CPython's Include/internal/pycore_magic_number.h.
 */
export const BYTECODE_MAGIC: Readonly<Record<string, number>> = {
  '3.8': 3413,
  '3.9': 3425,
  '3.10': 3439,
  '3.11': 3495,
  '3.12': 3531,
  '3.13': 3571,
  '3.14': 3627,
};

/** Up to this minor version all releases were seen to compile to equal code. */
const ALIKE = 11;

/**
 * The release of Python that has to compile for an image, `3.13.5`; undefined where any of its minor version does. What a compiler
 * does wrong is mended in the life of a minor version: 3.13.0 makes other code than 3.13.5.
 */
export function compilingRelease(version: string): string | undefined {
  return Number(version.split('.')[1]) > ALIKE ? version : undefined;
}
