/** Writes the JSON Schema of `layerwright.yml` from the table of keys: `node scripts/config-schema.ts`, then `npm run fix`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configFileSchema } from '../src/config/schema.ts';

const file = join(import.meta.dirname, '..', 'docs', 'reference', 'layerwright.schema.json');
writeFileSync(file, `${JSON.stringify(configFileSchema(), undefined, 2)}\n`);
