import type { CheckedShape } from '../checked-shape.ts';

export const PRIVATE_SHAPES: readonly CheckedShape[] = [];
