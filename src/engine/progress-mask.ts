/**
 * Hides values in the lines that buildx writes: BuildKit puts the values of arguments into the names of steps, and a step
 * may print them.
 *
 * @param values what must not be shown; empty ones are passed over
 * @returns the line with `***` for each; a line without any is returned as it is
 */
export function progressMask(values: readonly string[]): (line: string) => string {
  // The longest first: one may be a part of another.
  const secrets = [...new Set(values)].filter(Boolean).sort((one, other) => other.length - one.length);
  if (secrets.length === 0) return (line) => line;
  const masked = (text: string) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  const plain = (line: string) =>
    // Within JSON a quote or backslash of the value is escaped, once more where the name quotes it itself.
    secrets.reduce((rest, secret) => {
      const escaped = JSON.stringify(secret).slice(1, -1);
      return rest.replaceAll(JSON.stringify(escaped).slice(1, -1), '***').replaceAll(escaped, '***');
    }, masked(line));
  return (line) =>
    line.startsWith('{') && line.includes('"logs"') ? plain(withLogs(line, masked)) : plain(line);
}

/** What steps print is in base64. */
function withLogs(line: string, masked: (text: string) => string): string {
  let status: { logs?: { data?: string }[] };
  try {
    status = JSON.parse(line) as typeof status;
  } catch {
    // No JSON after all: text of buildx.
    return line;
  }
  for (const log of status.logs ?? [])
    if (log.data !== undefined) {
      const bytes = Buffer.from(log.data, 'base64');
      const text = bytes.toString('utf8');
      const shown = masked(text);
      // Output that is cut in the middle of a character stays as it is, unless something is hidden in it.
      if (shown !== text) log.data = Buffer.from(shown, 'utf8').toString('base64');
    }
  return JSON.stringify(status);
}
