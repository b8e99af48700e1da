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
