/** A login of a netrc file. */
export interface NetrcLogin {
  readonly user: string;
  readonly password: string;
}

/** Logins by machine; that of all other machines is under {@link DEFAULT}. */
export type Netrc = ReadonlyMap<string, NetrcLogin>;

/** Python keeps it among the machines, under this very name. */
const DEFAULT = 'default';

/**
 * Reads a netrc file as Python's `netrc` module does, by which pip and poetry read it; of several entries of a machine the last counts.
 *
 * @returns undefined if Python would not take it: then there are no logins at all
 * @see https://docs.python.org/3/library/netrc.html
 */
export function parseNetrc(text: string): Netrc | undefined {
  const lexer = lexerOf(text.replaceAll(/\r\n?/g, '\n'));
  const logins = new Map<string, NetrcLogin>();
  for (;;) {
    const before = lexer.line();
    const token = lexer.next();
    if (token === '') return logins;
    if (token.startsWith('#')) {
      if (lexer.line() === before && token.length === 1) lexer.skipLine();
    } else if (token === 'macdef') {
      lexer.next();
      if (!lexer.skipMacro()) return undefined;
    } else if (token === 'machine' || token === DEFAULT) {
      const machine = token === DEFAULT ? DEFAULT : lexer.next();
      const login = machine === '' ? undefined : entry(lexer);
      if (login === undefined) return undefined;
      logins.set(machine, login);
    } else return undefined;
  }
}

/** The login for a host, as `requests` takes it: the account stands in where there is no user. */
export function netrcLogin(netrc: Netrc, host: string): NetrcLogin | undefined {
  const found = netrc.get(host) ?? netrc.get(DEFAULT);
  return found?.user || found?.password ? found : undefined;
}

/** An address with the login that a netrc file has for its host, if it has none of its own. */
export function withNetrcLogin(address: string, netrc: Netrc): string {
  if (!URL.canParse(address)) return address;
  const { hostname } = new URL(address);
  const login = netrcLogin(netrc, hostname);
  return login === undefined ? address : withLogin(address, login);
}

/** An address with a login, if it has none of its own. */
export function withLogin(address: string, { user, password }: NetrcLogin): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') return address;
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** The login that variables of a tool have for an index by its name: `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`. */
export function variableLogin(
  prefix: string,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): NetrcLogin | undefined {
  const variable = prefix + name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
  const user = env[`${variable}_USERNAME`];
  const password = env[`${variable}_PASSWORD`];
  return user || password ? { user: user ?? '', password: password ?? '' } : undefined;
}

function entry(lexer: Lexer): NetrcLogin | undefined {
  const found: Record<string, string> = { login: '', account: '', password: '' };
  for (;;) {
    const before = lexer.line();
    const token = lexer.next();
    if (token.startsWith('#')) {
      if (lexer.line() === before) lexer.skipLine();
    } else if (['', 'machine', DEFAULT, 'macdef'].includes(token)) {
      lexer.putBack(token);
      return { user: found.login || (found.account as string), password: found.password as string };
    } else if (token === 'user') found.login = lexer.next();
    else if (token in found) found[token] = lexer.next();
    else return undefined;
  }
}

interface Lexer {
  /** `''` at the end, and for a pair of quotes. */
  readonly next: () => string;
  readonly putBack: (token: string) => void;
  readonly line: () => number;
  readonly skipLine: () => void;
  /** False if the empty line is not there that ends it. */
  readonly skipMacro: () => boolean;
}

function lexerOf(text: string): Lexer {
  let at = 0;
  let line = 1;
  const waiting: string[] = [];
  const read = () => {
    const character = text[at++] ?? '';
    if (character === '\n') line++;
    return character;
  };
  const rest = (token: string, isEnd: (character: string) => boolean) => {
    let word = token;
    for (let character = read(); character !== '' && !isEnd(character); character = read())
      word += character === '\\' ? read() : character;
    return word;
  };
  const skipped = () => {
    const end = text.indexOf('\n', at);
    const found = text.slice(at, end < 0 ? undefined : end + 1);
    at += found.length;
    return found;
  };
  return {
    next() {
      const back = waiting.shift();
      if (back !== undefined) return back;
      let first = read();
      while (isSpace(first)) first = read();
      if (first === '') return '';
      if (first === '"') return rest('', (character) => character === '"');
      return rest(first === '\\' ? read() : first, isSpace);
    },
    putBack: (token) => void waiting.push(token),
    line: () => line,
    skipLine: () => void skipped(),
    skipMacro() {
      for (;;) {
        const found = skipped();
        if (found === '') return false;
        if (found === '\n') return true;
      }
    },
  };
}

function isSpace(character: string): boolean {
  return character !== '' && ' \t\r\n'.includes(character);
}
