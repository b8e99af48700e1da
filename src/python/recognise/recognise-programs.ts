/** Commands that are in the way of nobody who asks what a step is about. */
const ASIDE =
  /^(?:set|echo|printf|true|:|cd|export|rm|mkdir|chmod|chown|touch|ln|cp|mv|test|\[|fi|done|esac|exit|unset)$/;

/**
 * The programs that a step runs, for people: cut out of its text without understanding all of it. `apt-get`,
 * `python -m compileall`; what only prepares or tidies up is left out where there is something else.
 */
export function programsOf(command: string | readonly string[]): readonly string[] {
  const calls = typeof command === 'string' ? callsIn(command) : [command];
  const names = [...new Set(calls.map(nameOfCall))].filter((name) => name !== '');
  const telling = names.filter((name) => !ASIDE.test(name));
  return telling.length > 0 ? telling : names;
}

/** `a`, `a and b`, `a, b and more`. */
export function listed(names: readonly string[]): string {
  const [first = '', second, third, ...more] = names;
  if (second === undefined) return first;
  if (third === undefined) return `${first} and ${second}`;
  return `${first}, ${second} and ${more.length === 0 ? third : 'more'}`;
}

function callsIn(text: string): readonly (readonly string[])[] {
  // What is quoted separates nothing; its content names no program.
  return text
    .replaceAll(/'[^']*'|"(?:[^"\\]|\\.)*"/g, '_')
    .split(/&&|\|\|?|;|\n|[(){}`]/)
    .map((part) => part.trim().split(/\s+/))
    .map((words) =>
      words.slice(
        words.findIndex(
          (word) => !/^(?:[A-Za-z_]\w*=.*|[<>].*|!|if|then|else|elif|do|while|until|time|)$/.test(word),
        ),
      ),
    );
}

function nameOfCall([program = '', ...args]: readonly string[]): string {
  const name = program.slice(program.lastIndexOf('/') + 1);
  if (!/^[A-Za-z0-9[:][\w.+-]*$/.test(name)) return '';
  if (/^(?:pip[\d.]*|uv|poetry|pipenv|pipx|conda|mamba|micromamba)$/.test(name))
    return `${name} ${args.find((word) => !word.startsWith('-')) ?? ''}`.trim();
  if (!/^python[\d.]*$/.test(name)) return name;
  const [first = '', second = ''] = args.filter((word) => word !== '-u');
  if (first === '-m') return `${name} -m ${second}`;
  return first === '' || first.startsWith('-') ? name : `${name} ${first}`;
}
