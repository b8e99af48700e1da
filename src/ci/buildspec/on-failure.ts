/** What happens after a phase has failed. */
export type OnFailure =
  | { readonly do: 'abort' }
  | { readonly do: 'continue' }
  | {
      readonly do: 'retry';
      /** Tries after the first one. */
      readonly times: number;
      /** The error must match this; undefined matches all. */
      readonly pattern: RegExp | undefined;
    };

/** CodeBuild's default. */
const RETRIES = 3;
const MOST_RETRIES = 100;

/**
 * Reads `ABORT`, `CONTINUE`, `RETRY`, `RETRY-count`, `RETRY-regex` or `RETRY-count-regex` (Build specification reference,
 * phases/PHASE/on-failure), in any case.
 *
 * @returns undefined if it is none of them; a text that says why if it nearly is one
 */
export function parseOnFailure(text: string): OnFailure | string | undefined {
  if (/^abort$/i.test(text)) return { do: 'abort' };
  if (/^continue$/i.test(text)) return { do: 'continue' };
  const match = /^retry(?:-(.*))?$/is.exec(text);
  if (!match) return undefined;
  const rest = match[1] ?? '';
  const [, count, regex = ''] = /^(\d+)(?:-(.*))?$/s.exec(rest) ?? [undefined, undefined, rest];
  const times = count === undefined ? RETRIES : Number(count);
  if (times > MOST_RETRIES) return `a build can be retried up to ${MOST_RETRIES} times, not ${times}`;
  if (regex === '') return { do: 'retry', times, pattern: undefined };
  const pattern = goPattern(regex);
  return pattern === undefined ? `"${regex}" is no regular expression` : { do: 'retry', times, pattern };
}

/** CodeBuild's expressions may begin with flags, as `(?i)timed out`. */
function goPattern(source: string): RegExp | undefined {
  const [, flags = '', body = source] = /^\(\?([ims]+)\)(.*)$/s.exec(source) ?? [];
  try {
    return new RegExp(body, [...new Set(flags)].join(''));
  } catch {
    return undefined;
  }
}
