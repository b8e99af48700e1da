/** True if a path (without a leading slash) is at or below one of these absolute ones. */
export function isBelow(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => `/${path}` === root || `/${path}`.startsWith(`${root}/`));
}
