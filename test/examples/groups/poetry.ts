import type { CheckedShape } from '../checked-shape.ts';

export const POETRY_SHAPES: readonly CheckedShape[] = [];
