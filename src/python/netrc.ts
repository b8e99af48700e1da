/** A login of a netrc file. */
export interface NetrcLogin {
  readonly user: string;
  readonly password: string;
}

/**
 * The login that a netrc file has for a host, as Python's `netrc` module and uv read it: the entry of the machine, else the default
 * one.
 *
 * @see https://docs.python.org/3/library/netrc.html
 */
export function netrcLogin(text: string, host: string): NetrcLogin | undefined {
  const entries = entriesOf(text);
  const found =
    entries.find(({ machine }) => machine === host) ?? entries.find(({ machine }) => machine === '');
  return found && { user: found.login, password: found.password };
}

interface Entry {
  /** `''` for the default. */
  readonly machine: string;
  login: string;
  password: string;
}

function entriesOf(text: string): readonly Entry[] {
  const entries: Entry[] = [];
  const words = wordsOf(text);
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const last = entries.at(-1);
    if (word === 'machine') entries.push({ machine: words[++at] ?? '', login: '', password: '' });
    else if (word === 'default') entries.push({ machine: '', login: '', password: '' });
    else if ((word === 'login' || word === 'user') && last) last.login = words[++at] ?? '';
    else if (word === 'password' && last) last.password = words[++at] ?? '';
    else if (word === 'account') at++;
  }
  return entries;
}

/** Words, quoted ones whole; comments and macros (which end with an empty line) left out. */
function wordsOf(text: string): readonly string[] {
  const plain = text.replaceAll(/^[ \t]*macdef[\s\S]*?(?:\r?\n[ \t]*\r?\n|$(?![\s\S]))/gm, '\n');
  return plain.split(/\r?\n/).flatMap((line) => {
    const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
    const comment = words.findIndex((word, at) => word.startsWith('#') && words[at - 1] !== 'password');
    return (comment < 0 ? words : words.slice(0, comment)).map((word) =>
      word.startsWith('"') && word.endsWith('"') && word.length > 1
        ? word.slice(1, -1).replaceAll(/\\(.)/g, '$1')
        : word,
    );
  });
}

/** An address with the login that a netrc file has for its host, if it has none of its own. */
export function withNetrcLogin(address: string, netrc: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  const login = url.username === '' && url.password === '' ? netrcLogin(netrc, url.hostname) : undefined;
  if (login === undefined) return address;
  url.username = encodeURIComponent(login.user);
  url.password = encodeURIComponent(login.password);
  return url.href;
}
