import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Unclear } from '../../src/lockfiles/documents.ts';
import type { SelectedDistribution } from '../../src/lockfiles/selected.ts';
import type { MarkerEnvironment } from '../../src/python/markers.ts';
import { markerEnvironment } from '../../src/python/markers.ts';
import { DEFAULT_SELECTION, type LockSelection } from '../../src/python/recognise/lock-selection.ts';

/** A file of the example projects. */
export function projectFile(path: string): string {
  return readFileSync(join(import.meta.dirname, 'projects', path), 'utf8');
}

/** What markers see in an image with this Python. */
export function environmentOf(version: string, architecture = 'amd64'): MarkerEnvironment {
  return markerEnvironment({ version, architecture }) as MarkerEnvironment;
}

export function selection(more: Partial<LockSelection> = {}): LockSelection {
  return { ...DEFAULT_SELECTION, ...more };
}

/** `name==version`, sorted; the reason where there is one. */
export function pins(selected: readonly SelectedDistribution[] | Unclear): string {
  if ('reason' in selected) return selected.reason;
  return selected
    .map(({ name, version }) => `${name}==${version}`)
    .toSorted()
    .join(' ');
}
