import type { CheckedShape } from '../checked-shape.ts';

export const SPLIT_SHAPES: readonly CheckedShape[] = [];
