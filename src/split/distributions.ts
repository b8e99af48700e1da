import { posix } from 'node:path';
import type { PathIndex } from '../image/path-index.ts';
import { normaliseName } from '../python/names.ts';
import { parseRecord } from '../python/record.ts';
import { refusalOf } from '../python/wheel-error.ts';
import type { AddedFile } from './added-files.ts';
import type { ContentFile } from './content-file.ts';

/** An installed distribution among the added files, or a wheel. */
export interface FoundDistribution {
  /** Tells it from others, also of the same name in other directories; the same for all of its versions. */
  readonly id: string;
  /** For people: `numpy 2.1.0`. */
  readonly title: string;
  /** The added files that belong to it, bytecode that RECORD does not list aside. */
  readonly paths: readonly string[];
  /** The hashes of bytecode that its RECORD has: wheels may bring bytecode along. */
  readonly hashes: ReadonlyMap<string, string>;
}

const RECORD = /^(?:(.+)\/)?([^/]+)\.dist-info\/RECORD$/;
/** More than this is no RECORD. */
const MAX_RECORD = 64 * 1024 * 1024;

/**
 * The distributions that have a RECORD among the added files, and the files that it names, wherever they are. A `*.dist-info` that another
 * RECORD names (those that setuptools brings along) is content of that distribution. A RECORD decides only which layer a
 * file is in, so one that is damaged does no harm.
 */
export async function findDistributions(
  files: ReadonlyMap<string, AddedFile>,
  contents: ContentFile,
  after: PathIndex,
): Promise<readonly FoundDistribution[]> {
  const records: Recorded[] = [];
  for (const [path, file] of files) {
    const [, site = '', stem] = RECORD.exec(path) ?? [];
    if (stem === undefined || file.entry.type !== 'file' || file.entry.size > MAX_RECORD) continue;
    records.push({
      path,
      site,
      stem,
      ...(await rowsOf(file, await contents.read(file.content), site, stem, files, after)),
    });
  }
  const inner = new Set(
    records.flatMap(({ path, paths }) =>
      [...paths].filter((one) => one !== path && RECORD.test(one) && isBelow(one, path)),
    ),
  );
  const own = records.filter(({ path }) => !inner.has(path));
  const byId = Map.groupBy(own, ({ site, stem }) => `${site}/${normaliseName(nameAndVersion(stem)[0])}`);
  return [...byId].map(([id, same]) => ({
    id,
    title: same.map(({ stem }) => nameAndVersion(stem).join(' ')).join(', '),
    paths: [...new Set(same.flatMap((one) => [...one.paths, ...besideRecord(one, files, inner)]))].sort(),
    hashes: new Map(same.flatMap(({ hashes }) => [...hashes])),
  }));
}

interface Recorded {
  readonly path: string;
  /** The directory that RECORD's paths are relative to. */
  readonly site: string;
  /** `numpy-2.1.0`. */
  readonly stem: string;
  readonly paths: ReadonlySet<string>;
  readonly hashes: ReadonlyMap<string, string>;
}

/** A `*.dist-info` deeper in the tree than the one beside which it is named. */
function isBelow(inner: string, outer: string): boolean {
  return inner.split('/').length > outer.split('/').length;
}

function nameAndVersion(stem: string): readonly [name: string, version: string] {
  const dash = stem.lastIndexOf('-');
  const name = dash < 0 ? stem : stem.slice(0, dash);
  return [normaliseName(name), dash < 0 ? '' : stem.slice(dash + 1)];
}

async function rowsOf(
  file: AddedFile,
  record: Buffer,
  site: string,
  stem: string,
  files: ReadonlyMap<string, AddedFile>,
  after: PathIndex,
): Promise<Pick<Recorded, 'paths' | 'hashes'>> {
  const paths = new Set([file.entry.path]);
  const hashes = new Map<string, string>();
  for (const [row, hash] of readRows(record, stem)) {
    const written = posix.join('/', row.startsWith('/') ? '' : site, row).slice(1);
    const path = files.has(written) ? written : after.resolveParent(written).path;
    if (files.get(path)?.entry.type !== 'file') continue;
    paths.add(path);
    if (hash !== '' && path.endsWith('.pyc')) hashes.set(path, hash);
  }
  return { paths, hashes };
}

function readRows(record: Buffer, stem: string) {
  try {
    return parseRecord(record.toString('utf8'), refusalOf(stem));
  } catch {
    // Its files are nobody's, then.
    return [];
  }
}

/** What an installer leaves in a `*.dist-info` and may not name: INSTALLER, REQUESTED, `uv_cache.json`. */
function besideRecord(
  { path }: Recorded,
  files: ReadonlyMap<string, AddedFile>,
  inner: ReadonlySet<string>,
): readonly string[] {
  if (inner.has(path)) return [];
  const directory = path.slice(0, -'RECORD'.length);
  return ['INSTALLER', 'REQUESTED', 'direct_url.json', 'uv_cache.json', 'uv_build.json', 'METADATA', 'WHEEL']
    .map((name) => directory + name)
    .filter((one) => files.get(one)?.entry.type === 'file');
}

const NONE: ReadonlyMap<string, string> = new Map();
const WHEEL = /^(?:(.+)\/)?([^/-]+)-([^/-]+)(?:-[^/-]+){3,4}\.whl$/;

/** Wheels that lie somewhere to be installed later (`pip wheel -w /wheels`), each as a distribution of one file. */
export function findWheels(files: ReadonlyMap<string, AddedFile>): readonly FoundDistribution[] {
  const found: (FoundDistribution & { readonly path: string })[] = [];
  for (const [path, { entry }] of files) {
    const [, directory = '', name, version] = WHEEL.exec(path) ?? [];
    if (name === undefined || entry.type !== 'file') continue;
    const id = `${directory}/${normaliseName(name)}.whl`;
    const title = `wheel of ${normaliseName(name)} ${version}`;
    found.push({ id, title, path, paths: [path], hashes: NONE });
  }
  // Several of one distribution go together.
  return [...Map.groupBy(found, ({ id }) => id)].map(([id, same]) => ({
    id,
    title: [...new Set(same.map(({ title }) => title))].join(', '),
    paths: same.map(({ path }) => path),
    hashes: NONE,
  }));
}
