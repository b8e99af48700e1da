import type { CheckedShape } from '../checked-shape.ts';

export const PIP_SHAPES: readonly CheckedShape[] = [];
