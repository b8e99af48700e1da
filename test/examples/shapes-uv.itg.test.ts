import { checkShapes } from './check-shapes.ts';
import { UV_SHAPES } from './groups/uv.ts';

checkShapes(UV_SHAPES);
