import type { CheckedShape } from '../checked-shape.ts';

export const UV_SHAPES: readonly CheckedShape[] = [];
