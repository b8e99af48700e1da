import type { SourceContext } from './context.ts';

/**
 * The labels that say where an image comes from (OCI image specification, "Pre-Defined Annotation Keys"); only those whose
 * value is known.
 *
 * @returns `key=value`, as `--label` takes it
 */
export function sourceLabels(source: SourceContext): readonly string[] {
  const created =
    source.commitSeconds === undefined ? undefined : new Date(source.commitSeconds * 1000).toISOString();
  const values: Readonly<Record<string, string | undefined>> = {
    created: created?.replace('.000Z', 'Z'),
    revision: source.sha,
    source: source.repositoryUrl,
    version: source.tag,
  };
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`org.opencontainers.image.${name}=${value}`],
  );
}
