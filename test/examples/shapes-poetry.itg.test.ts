import { checkShapes } from './check-shapes.ts';
import { POETRY_SHAPES } from './groups/poetry.ts';

checkShapes(POETRY_SHAPES);
