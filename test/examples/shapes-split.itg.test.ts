import { checkShapes } from './check-shapes.ts';
import { SPLIT_SHAPES } from './groups/split.ts';

checkShapes(SPLIT_SHAPES);
