/**
 * What BuildKit takes for a pattern in `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`: `*` and `?`, each with a
 * backslash in front for itself. No brackets.
 */

/** A pattern that BuildKit refuses; the message is its own. */
export interface BadPattern {
  readonly bad: string;
}

/** The value without what the pattern matches at its beginning: the longest match if `greedy`. */
export function withoutPrefix(value: string, pattern: string, greedy: boolean): string | BadPattern {
  const expression = toExpression(pattern, greedy, true);
  if (!(expression instanceof RegExp)) return expression;
  return value.slice(expression.exec(value)?.[0].length ?? 0);
}

/** The same at its end. */
export function withoutSuffix(value: string, pattern: string, greedy: boolean): string | BadPattern {
  const rest = withoutPrefix(reversed(value), reversedPattern(pattern), greedy);
  return typeof rest === 'string' ? reversed(rest) : rest;
}

/** The value with the first match, or each, replaced. */
export function withReplaced(
  value: string,
  pattern: string,
  text: string,
  all: boolean,
): string | BadPattern {
  const expression = toExpression(pattern, true, false);
  if (!(expression instanceof RegExp)) return expression;
  if (all) return replaceAll(value, expression, text);
  const match = expression.exec(value);
  return match === null
    ? value
    : value.slice(0, match.index) + text + value.slice(match.index + match[0].length);
}

function toExpression(pattern: string, greedy: boolean, anchored: boolean): RegExp | BadPattern {
  const characters = [...pattern.replace(/^\uFEFF/, '')];
  let source = anchored ? '^' : '';
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    const next = characters[at + 1];
    if (character === '*') source += greedy ? '[^\\n]*' : '[^\\n]*?';
    else if (character === '?') source += '[^\\n]';
    else if (character === '\\') {
      if (next === '}' || next === '/') continue;
      if (next !== '*' && next !== '?' && next !== '\\')
        return {
          bad: `invalid pattern (${pattern}) in substitution: invalid escape '\\${next ?? '\uFFFD'}'`,
        };
      source += `\\${next}`;
      at++;
    } else source += /[[\]{}.+()|^$/]/.test(character) ? `\\${character}` : character;
  }
  return new RegExp(source, 'u');
}

/** As Go's `ReplaceAllString`: no empty match right behind another one, and `$name` in the text means a group. */
function replaceAll(value: string, expression: RegExp, text: string): string {
  const search = new RegExp(expression.source, 'gu');
  let result = '';
  let copied = 0;
  let from = 0;
  while (from <= value.length) {
    search.lastIndex = from;
    const match = search.exec(value);
    if (match === null) break;
    const end = match.index + match[0].length;
    result += value.slice(copied, match.index);
    if (end > copied || match.index === 0) result += withGroups(text, match[0]);
    copied = end;
    const width = from < value.length && (value.codePointAt(from) as number) > 0xffff ? 2 : 1;
    from = Math.max(from + width, end);
  }
  return result + value.slice(copied);
}

/** There is one group, number 0, the match; every other one is empty. */
function withGroups(text: string, match: string): string {
  return text.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole, braced: string | undefined, bare: string | undefined) =>
      whole === '$$' ? '$' : (braced ?? bare) === '0' ? match : '',
  );
}

function reversed(text: string): string {
  return [...text].reverse().join('');
}

/** An escape stays in front of what it escapes. */
function reversedPattern(pattern: string): string {
  return (pattern.match(/\\[\s\S]|[\s\S]/gu) ?? []).reverse().join('');
}
