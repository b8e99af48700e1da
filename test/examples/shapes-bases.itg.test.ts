import { checkShapes } from './check-shapes.ts';
import { BASES_SHAPES } from './groups/bases.ts';

checkShapes(BASES_SHAPES);
