import { checkShapes } from './check-shapes.ts';
import { PIP_SHAPES } from './groups/pip.ts';

checkShapes(PIP_SHAPES);
