import type { PythonFacts } from './facts.ts';
import { normaliseName } from './names.ts';
import { parseSpecifiers, satisfies } from './specifiers.ts';
import { parseVersion } from './versions.ts';

/** A condition on the environment after PEP 508, e.g. `python_version < "3.11" and extra == "s3"`. */
export type Marker =
  | { readonly and: readonly Marker[] }
  | { readonly or: readonly Marker[] }
  | { readonly left: MarkerValue; readonly operator: string; readonly right: MarkerValue };

export type MarkerValue = { readonly variable: string } | { readonly text: string };

/** Values of the environment's variables; one that is not named has no value that could be known before the build. */
export type MarkerEnvironment = Readonly<Record<string, string>>;

/** OCI's names of processors as `platform.machine()` gives them on Linux. */
export const MACHINES: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

/** Variables that PEP 508 knows, and the older names that pip takes too. */
const VARIABLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'implementation_name',
      'implementation_version',
      'os_name',
      'platform_machine',
      'platform_python_implementation',
      'platform_release',
      'platform_system',
      'platform_version',
      'python_full_version',
      'python_version',
      'sys_platform',
      'extra',
      // Of lock files (PEP 751).
      'extras',
      'dependency_groups',
    ].map((name) => [name, name]),
  ),
  'os.name': 'os_name',
  'sys.platform': 'sys_platform',
  'platform.version': 'platform_version',
  'platform.machine': 'platform_machine',
  'platform.python_implementation': 'platform_python_implementation',
  python_implementation: 'platform_python_implementation',
};

/** What markers see in an image. The kernel's release and version are the build machine's, so they are not in it. */
export function markerEnvironment(
  facts: Pick<PythonFacts, 'version' | 'architecture'>,
): MarkerEnvironment | undefined {
  const machine = MACHINES[facts.architecture];
  const [, minor] = /^(\d+\.\d+)\.\d+(?:(?:a|b|rc)\d+)?$/.exec(facts.version) ?? [];
  if (machine === undefined || minor === undefined) return undefined;
  return {
    implementation_name: 'cpython',
    implementation_version: facts.version,
    os_name: 'posix',
    platform_machine: machine,
    platform_python_implementation: 'CPython',
    platform_system: 'Linux',
    python_full_version: facts.version,
    python_version: minor,
    sys_platform: 'linux',
  };
}

/** Parses a marker; undefined if it is none. */
export function parseMarker(text: string): Marker | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return undefined;
  const state = { tokens, at: 0 };
  const marker = parseOr(state);
  return state.at === tokens.length ? marker : undefined;
}

/**
 * Evaluates a marker for an environment and one extra (`''` for none).
 *
 * @returns undefined if it depends on something that is not known, or that versions of pip see differently
 */
export function evaluateMarker(
  marker: Marker,
  environment: MarkerEnvironment,
  extra: string,
): boolean | undefined {
  if ('and' in marker || 'or' in marker) {
    const decides = 'or' in marker;
    const parts = (decides ? marker.or : marker.and).map((one) => evaluateMarker(one, environment, extra));
    if (parts.includes(decides)) return decides;
    return parts.includes(undefined) ? undefined : !decides;
  }
  const value = (side: MarkerValue) => {
    if ('text' in side) return side.text;
    return side.variable === 'extra' ? extra : environment[side.variable];
  };
  const [left, right] = [value(marker.left), value(marker.right)];
  if (left === undefined || right === undefined) return undefined;
  const variables = [marker.left, marker.right].flatMap((side) =>
    'variable' in side ? [side.variable] : [],
  );
  if (variables.length !== 1) return undefined;
  return variables[0] === 'extra'
    ? compareExtras(left, marker.operator, right)
    : compare(left, marker.operator, right, variables[0] as string);
}

/** Whether two spellings are one extra depends on the version of pip. */
function compareExtras(left: string, operator: string, right: string): boolean | undefined {
  if (left !== right && normaliseName(left) === normaliseName(right)) return undefined;
  return compareTexts(left, operator, right);
}

/** As versions where the right side makes a condition of the operator, else as texts. */
function compare(left: string, operator: string, right: string, variable: string): boolean | undefined {
  if (operator === 'in' || operator === 'not in') return compareTexts(left, operator, right);
  if (!/version/.test(variable)) {
    // Newer versions of pip compare these as texts, older ones as versions where they look like it.
    return parseVersion(right.replace(/\.\*$/, '')) === undefined || parseVersion(left) === undefined
      ? compareTexts(left, operator, right)
      : undefined;
  }
  const specifiers = parseSpecifiers(`${operator}${right}`);
  const version = parseVersion(left);
  if (specifiers === undefined || specifiers.length !== 1 || version === undefined) return undefined;
  return satisfies(version, specifiers);
}

function compareTexts(left: string, operator: string, right: string): boolean | undefined {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case 'in':
      return right.includes(left);
    case 'not in':
      return !right.includes(left);
    default:
      return undefined;
  }
}

type Token =
  | { readonly symbol: string }
  | { readonly text: string }
  | { readonly variable: string }
  | { readonly operator: string };

function tokensOf(text: string): readonly Token[] | undefined {
  const pattern =
    /\s*(?:(?<symbol>[()])|"(?<double>[^"]*)"|'(?<single>[^']*)'|(?<operator>===|~=|==|!=|<=|>=|<|>|not\s+in\b|in\b)|(?<word>[A-Za-z_.]+))\s*/gy;
  const tokens: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    end = match.index + match[0].length;
    const { symbol, double, single, operator, word } = match.groups as Record<string, string | undefined>;
    if (symbol !== undefined) tokens.push({ symbol });
    else if (double !== undefined || single !== undefined)
      tokens.push({ text: (double ?? single) as string });
    else if (operator !== undefined) tokens.push({ operator: operator.replace(/\s+/, ' ') });
    else if (word === 'and' || word === 'or') tokens.push({ symbol: word });
    else {
      const variable = Object.hasOwn(VARIABLES, word as string) ? VARIABLES[word as string] : undefined;
      if (variable === undefined) return undefined;
      tokens.push({ variable });
    }
  }
  return end === text.length ? tokens : undefined;
}

interface Parsing {
  readonly tokens: readonly Token[];
  at: number;
}

function isSymbol(state: Parsing, symbol: string): boolean {
  const token = state.tokens[state.at];
  return token !== undefined && 'symbol' in token && token.symbol === symbol;
}

function parseList(
  state: Parsing,
  word: 'and' | 'or',
  item: (state: Parsing) => Marker | undefined,
): Marker[] | undefined {
  const parts: Marker[] = [];
  for (;;) {
    const part = item(state);
    if (part === undefined) return undefined;
    parts.push(part);
    if (!isSymbol(state, word)) return parts;
    state.at++;
  }
}

function parseOr(state: Parsing): Marker | undefined {
  const parts = parseList(state, 'or', parseAnd);
  return parts && (parts.length === 1 ? parts[0] : { or: parts });
}

function parseAnd(state: Parsing): Marker | undefined {
  const parts = parseList(state, 'and', parseAtom);
  return parts && (parts.length === 1 ? parts[0] : { and: parts });
}

function parseAtom(state: Parsing): Marker | undefined {
  if (isSymbol(state, '(')) {
    state.at++;
    const marker = parseOr(state);
    if (marker === undefined || !isSymbol(state, ')')) return undefined;
    state.at++;
    return marker;
  }
  const [left, operator, right] = state.tokens.slice(state.at, state.at + 3);
  if (!isValue(left) || operator === undefined || !('operator' in operator) || !isValue(right))
    return undefined;
  state.at += 3;
  return { left, operator: operator.operator, right };
}

function isValue(token: Token | undefined): token is MarkerValue & Token {
  return token !== undefined && ('text' in token || 'variable' in token);
}
