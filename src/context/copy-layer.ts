import { createHash } from 'node:crypto';
import type { MadeLayer } from '../layers/layer.ts';
import { type LayerEntry, type WriteLayerOptions, writeLayer } from '../layers/write-layer.ts';
import { readVerified } from './content.ts';
import type { CopyPlan } from './plan-copy.ts';

/** Changed only together with the golden key in the tests, when the layer of the same entries changes. */
const FORMAT = 'copy-1';

/**
 * The SHA-256 of everything that decides a layer but the time of its entries: 64 hex digits. Every part is written with its
 * length, so that no two plans run into the same text.
 */
export function copyKey(plan: Pick<CopyPlan, 'entries'>): string {
  const hash = createHash('sha256');
  const part = (value: string | number) => {
    const text = String(value);
    hash.update(`${Buffer.byteLength(text)}:${text}`);
  };
  part(FORMAT);
  part(plan.entries.length);
  for (const { entry, sha256 } of plan.entries)
    for (const value of [
      ...[entry.path, entry.type, entry.mode, entry.uid, entry.gid, entry.size, entry.link],
      sha256 ?? '',
    ])
      part(value);
  return hash.digest('hex');
}

/**
 * Writes the layer of a plan. Every file is hashed again on its way: one that changed since the plan was made ends the work,
 * so that no other bytes come under the plan's key.
 *
 * @throws LayerwrightError `CONTEXT_CHANGED` (75), and those of `writeLayer`
 */
export async function writeCopyLayer(plan: CopyPlan, options: WriteLayerOptions): Promise<MadeLayer> {
  return await writeLayer(layerEntries(plan), { signal: plan.context.host.signal, ...options });
}

function* layerEntries({ context, entries }: CopyPlan): Generator<LayerEntry> {
  for (const { entry, content, sha256 } of entries)
    if (content === undefined || entry.type !== 'file') yield { entry };
    else if (content.kind === 'bytes') yield { entry, content: content.bytes };
    else yield { entry, content: readVerified(context, content.entry, sha256 as string) };
}
