import { parse } from 'csv-parse/sync';
import { usageError } from '../errors.ts';

/**
 * The fields of one CSV record, as buildx reads the values of its flags (Go's encoding/csv).
 *
 * @throws LayerwrightError `FLAG_INVALID` (2)
 */
export function csvFields(flag: string, value: string): readonly string[] {
  try {
    const [fields = []] = parse(value, { relax_column_count: true }) as string[][];
    if (fields.length === 0) throw new Error('it is empty');
    return fields;
  } catch (error) {
    throw usageError('FLAG_INVALID', `${flag} "${value}" is not understood: ${(error as Error).message}`);
  }
}
