import type { History } from '../image/oci.ts';
import type { ImageLayer } from './state.ts';

/** An instruction as its line of the history has it, without BuildKit's mark; `''` if it has none. */
export function instructionText(line: History | undefined): string {
  return line?.created_by?.replace(/ # buildkit$/, '') ?? '';
}

/** A line for each layer that instructions made, with what is in it. */
export function layerLines(instructions: string, layers: readonly ImageLayer[]): readonly History[] {
  return layers.map((layer) => ({
    created_by: `${instructions} # ${layer.kind === 'given' ? '' : layer.title}`,
    comment: 'layerwright',
  }));
}
