import { type DependencyLayer, NotComposable } from '../../compose/state.ts';
import type { Walked } from '../../compose/walk.ts';
import type { Relocation } from '../../layers/layer.ts';
import { describeWheel } from '../../layers/wheel-shape.ts';
import { openZip } from '../../layers/zip-file.ts';
import type { LockedDistribution } from '../../python/lock.ts';
import { refusalOf } from '../../python/wheel-error.ts';
import { pathIn, placementOf } from '../../python/wheel-placement.ts';
import type { ExpectedDistribution, ExpectedFile } from '../../verify/check-files.ts';
import type { Workshop } from '../compose/workshop.ts';

/**
 * What the wheels of an image's dependency layers say has to be in it: each wheel is fetched by its lock and its own RECORD read.
 * Where a later step replaced a distribution only the later one counts.
 *
 * @throws LayerwrightError of fetching and reading wheels; NotComposable if something below is not known
 */
export async function expectedDistributions(
  { wheels }: Workshop,
  { state, pending }: Walked,
): Promise<readonly ExpectedDistribution[]> {
  if (state.assumed || pending.length > 0)
    throw new NotComposable(0, 'BuildKit would have to solve something of it first');
  const found = new Map<string, { layer: DependencyLayer; locked: LockedDistribution }>();
  for (const layer of state.layers)
    if (layer.kind === 'dependency')
      for (const locked of layer.planned.wheels)
        found.set(`${layer.planned.request.scheme.purelib} ${locked.name}`, { layer, locked });
  const expected: ExpectedDistribution[] = [];
  for (const { layer, locked } of found.values()) {
    if (locked.wheel === undefined) continue;
    const file = await wheels.fetch(locked.wheel);
    expected.push({
      ...{ name: locked.name, version: locked.version },
      isNative: !/-any\.whl$/.test(locked.wheel.filename),
      executable: layer.planned.request.executable,
      files: await expectedFiles(file, locked, layer.planned.request),
    });
  }
  return expected;
}

async function expectedFiles(
  file: string,
  { name, version, wheel }: LockedDistribution,
  { scheme, installer, keep, relocations }: DependencyLayer['planned']['request'],
): Promise<readonly ExpectedFile[]> {
  const zip = await openZip(file, refusalOf(wheel?.filename ?? name));
  try {
    const { purelib, entryPoints, record } = await describeWheel(zip, { name, version });
    const scripts = new Set([...entryPoints.console.keys(), ...entryPoints.gui.keys()]);
    const shape = { name, purelib, scripts };
    return record.flatMap(([path, hash]) => {
      const sha256 = sha256Of(hash);
      // RECORD and what signs it have no hash, and are written anew.
      const placement = sha256 && placementOf(path, shape, zip.refuse, installer.tool);
      if (!placement) return [];
      const at = pathIn(scheme, placement);
      if (keep !== undefined && !keep.some((one) => at === one || at.startsWith(`${one}/`))) return [];
      const places = (relocations ?? []).reduce(movedBy, [at]);
      // The first line of a script names the image's interpreter, and bytecode of the wheel's own is compiled again.
      const content = placement.key === 'scripts' || path.endsWith('.pyc') ? undefined : sha256;
      return places.map((one) => ({ path: one.replace(/^\/+/, ''), sha256: content }));
    });
  } finally {
    await zip.close();
  }
}

/** `sha256=` and URL-safe base64 as RECORD has it. */
function sha256Of(hash: string): string | undefined {
  const text = /^sha256=([\w-]+)=*$/.exec(hash)?.[1];
  return text === undefined ? undefined : Buffer.from(text, 'base64url').toString('hex');
}

function movedBy(places: readonly string[], { moves }: Relocation): string[] {
  return places.flatMap((at) =>
    moves.flatMap(({ from, to }) => {
      if (at === from) return [to];
      const below = from === '/' ? at : at.startsWith(`${from}/`) ? at.slice(from.length) : undefined;
      return below === undefined ? [] : [`${to === '/' ? '' : to}${below}`];
    }),
  );
}
