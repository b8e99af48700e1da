import type { PathIndex } from '../../src/image/path-index.ts';
import type { TarLine } from '../verify/tar.ts';

type Below = (limit: number) => number;

/**
 * Lines of a layer as BuildKit writes them, at random: files, links, modes and owners, whiteouts of what is there, directories that
 * hide what was in them, paths that become something else. No path is written and removed at once.
 */
export function randomLayer(below: Below, index: PathIndex): TarLine[] {
  const lines = new Map<string, TarLine>();
  const hidden = new Set<string>();
  const isFree = (path: string) => {
    const parts = path.split('/');
    return (
      !lines.has(path) &&
      ![...lines.keys()].some((one) => one.startsWith(`${path}/`)) &&
      !parts.some((_, at) => hidden.has(parts.slice(0, at + 1).join('/'))) &&
      parts.slice(0, -1).every((_, at) => {
        const above = lines.get(parts.slice(0, at + 1).join('/'));
        return above === undefined || above.type === 'directory';
      })
    );
  };
  const directoriesOf = (path: string) => {
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      const above = path.slice(0, at);
      const there = index.get(above);
      const facts =
        there?.type === 'directory' && below(4) > 0
          ? { mode: there.mode, uid: there.uid, gid: there.gid }
          : { mode: [0o755, 0o2775, 0o1777, 0o700][below(4)] as number, gid: below(3) };
      if (!lines.has(above)) lines.set(above, { path: above, type: 'directory', ...facts });
    }
  };
  for (let count = 4 + below(12); count > 0; count--) {
    const path = randomPath(below);
    if (!isFree(path)) continue;
    directoriesOf(path);
    lines.set(path, randomLine(below, path, lines));
  }
  for (const { path, type } of [...index.entries()].filter(
    ({ path }) => /^[a-d]/.test(path) && below(5) === 0,
  )) {
    if (!isFree(path) || index.resolveParent(path).path !== path) continue;
    directoriesOf(path);
    if (type === 'directory' && below(2) === 0) {
      lines.set(path, { path, type: 'directory', mode: 0o711 });
      lines.set(`${path}/.wh..wh..opq`, { path: `${path}/.wh..wh..opq` });
    } else {
      hidden.add(path);
      const at = path.replace(/([^/]+)$/, '.wh.$1');
      lines.set(at, { path: at });
    }
  }
  return [...lines.values()];
}

function randomPath(below: Below): string {
  const parts = Array.from({ length: 1 + below(4) }, () => 'abcd'[below(4)] as string);
  return below(3) === 0 ? `${parts.join('/')}.py` : parts.join('/');
}

function randomLine(below: Below, path: string, lines: ReadonlyMap<string, TarLine>): TarLine {
  const owner = { uid: below(2) * 1000, gid: below(2) * 50, mtime: 1_600_000_000 + below(1000) };
  const kind = below(8);
  if (kind === 0)
    return { path, type: 'symlink', link: ['a', '../b', '/c/d', 'nowhere'][below(4)] as string };
  if (kind === 1) return { path, type: 'directory', mode: 0o750, ...owner };
  const files = [...lines.values()].filter((line) => line.content !== undefined);
  const target = files[below(files.length + 1)];
  if (kind === 2 && target !== undefined) return { path, type: 'hardlink', link: target.path };
  return {
    path,
    mode: [0o644, 0o755, 0o4755][below(3)] as number,
    content: 'x'.repeat(below(2000)),
    ...owner,
  };
}
