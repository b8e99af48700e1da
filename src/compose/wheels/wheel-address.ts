import { LayerwrightError } from '../../errors.ts';
import { readWheelFacts } from '../../layers/wheel-facts.ts';
import { keyOf } from '../../plan/key.ts';
import { directUrlText } from '../../python/direct-url.ts';
import type { LockedWheel, SourceDistribution, WheelFacts } from '../../python/lock.ts';
import { bestWheel, compatibleTags, parseWheelName } from '../../python/wheel-tags.ts';
import type { AddressStore } from '../install/wheels-on-disk.ts';
import type { Keeper } from '../keep/keeper.ts';
import type { WheelBuild } from './wheel-build.ts';
import type { BuiltWheel, NotBuilt, WheelSource } from './wheel-source.ts';

/** What is kept of a wheel that was named by its address. */
interface KeptAddress {
  readonly wheel: LockedWheel;
  readonly facts: WheelFacts;
}

type Archive = Extract<SourceDistribution, { readonly kind: 'archive' }>;

/**
 * A source of wheels that has those at addresses too: nothing has to be built of them. What is at an address without a hash is
 * asked for once, as with a `RUN` that names it.
 *
 * @throws its `get`: LayerwrightError of fetching a wheel
 */
export function withAddresses(
  source: Pick<WheelSource, 'get'>,
  store: Pick<AddressStore, 'locate' | 'fetch'>,
  keeper: Pick<Keeper, 'find' | 'keep'>,
): Pick<WheelSource, 'get'> {
  const known = new Map<string, Promise<BuiltWheel | NotBuilt>>();
  return {
    async get(build) {
      const archive = wheelAddress(build.source);
      if (archive === undefined) return await source.get(build);
      const key = keyOf('addressed-wheel', { url: archive.url, sha256: archive.sha256 });
      const wanted = known.get(key) ?? findOrFetch(store, keeper, archive, key).catch(leftToTool);
      known.set(key, wanted);
      const found = await wanted;
      return 'reason' in found ? found : fitting(found, build, archive);
    },
  };
}

function wheelAddress(source: SourceDistribution): Archive | undefined {
  if (source.kind !== 'archive' || !URL.canParse(source.url)) return undefined;
  return /\.whl$/i.test(new URL(source.url).pathname) ? source : undefined;
}

/** The tool itself decides about what is not as it should be, or what only the builder reaches. */
function leftToTool(error: unknown): NotBuilt {
  const codes = [
    'WHEEL_INVALID',
    'WHEEL_MISSING',
    'WHEEL_HASH_MISMATCH',
    'INDEX_UNREACHABLE',
    'INDEX_DENIED',
  ];
  if (error instanceof LayerwrightError && codes.includes(error.code)) return { reason: error.message };
  throw error;
}

async function findOrFetch(
  store: Pick<AddressStore, 'locate' | 'fetch'>,
  keeper: Pick<Keeper, 'find' | 'keep'>,
  { url, sha256 }: Archive,
  key: string,
): Promise<BuiltWheel | NotBuilt> {
  const left = { entries: [], content: async () => new Map<string, Uint8Array>() };
  const kept = (await keeper.find('wheel', key))?.config as Partial<KeptAddress> | undefined;
  if (kept?.wheel?.sha256 !== undefined && kept.facts?.sha256 === kept.wheel.sha256)
    return { key, wheel: kept.wheel, facts: kept.facts, files: {}, left, isNew: false };
  const filename = decodeURIComponent(new URL(url).pathname.split('/').at(-1) as string);
  const named = parseWheelName(filename);
  if (named === undefined) return { reason: `${filename} is no name of a wheel` };
  const wheel = await store.locate({ url, filename, sha256 });
  const { name, version } = named;
  const file = await store.fetch(wheel);
  const facts = await readWheelFacts(file, { name, version, filename, sha256: wheel.sha256 });
  await keeper.keep('wheel', key, { wheel, facts } satisfies KeptAddress);
  return { key, wheel, facts, files: {}, left, isNew: true };
}

/** The wheel with what its installer says of its address; why it is not the one that the step wants. */
function fitting(found: BuiltWheel, build: WheelBuild, { url, sha256 }: Archive): BuiltWheel | NotBuilt {
  const { filename } = found.wheel;
  const { name, python, tool } = build;
  if (name !== undefined && name !== found.facts.name) return { reason: `${filename} is not of ${name}` };
  const tags = compatibleTags(python);
  if (tags === undefined || bestWheel([{ filename }], tags) === undefined)
    return { reason: `${filename} does not fit the image's Python` };
  const address = { url, sha256: found.wheel.sha256, isNamed: sha256 !== undefined };
  const text = directUrlText(tool.kind, python.pip, address);
  if (text === undefined) return { reason: `what ${tool.kind} says of the address ${url} is not known` };
  return { ...found, files: { 'direct_url.json': text } };
}
