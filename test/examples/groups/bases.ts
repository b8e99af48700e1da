import type { CheckedShape } from '../checked-shape.ts';

export const BASES_SHAPES: readonly CheckedShape[] = [];
