/** What a console script's launcher does, whichever program wrote it. */
export interface Launcher {
  /** What follows `#!`, or what a shell is told to run. */
  readonly interpreter: string;
  readonly module: string;
  /** What is imported from the module, and what of it is called. */
  readonly imported: string;
  readonly called: string;
}

/** A launcher is never longer: its interpreter's path and its names are all that varies. */
export const LONGEST_LAUNCHER = 4096;

/** Every line of pip's, uv's and our own templates but those with the names; anything beside them is a program of its own. */
const TEMPLATE_LINES = new Set([
  '',
  '# -*- coding: utf-8 -*-',
  'import re',
  'import sys',
  'if __name__ == "__main__":',
  "if __name__ == '__main__':",
  String.raw`    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])`,
  String.raw`    sys.argv[0] = re.sub(r'(-script\.pyw?|\.exe)?$', '', sys.argv[0])`,
  String.raw`    sys.argv[0] = re.sub(r"(-script\.pyw|\.exe)?$", "", sys.argv[0])`,
  "    sys.argv[0] = sys.argv[0].removesuffix('.exe')",
  '    sys.argv[0] = sys.argv[0].removesuffix(".exe")',
  '    if sys.argv[0].endswith("-script.pyw"):',
  '        sys.argv[0] = sys.argv[0][:-11]',
  '    elif sys.argv[0].endswith(".exe"):',
  '        sys.argv[0] = sys.argv[0][:-4]',
  "    for ending in ('-script.pyw', '.exe'):",
  '        if sys.argv[0].endswith(ending):',
  '            sys.argv[0] = sys.argv[0][: -len(ending)]',
  '            break',
]);
const NAME = String.raw`[A-Za-z_][\w]*`;
const IMPORT = new RegExp(`^from (${NAME}(?:\\.${NAME})*) import (${NAME})$`);
const EXIT = new RegExp(`^ {4}sys\\.exit\\((${NAME}(?:\\.${NAME})*)\\(\\)\\)$`);

/** The launcher that a file's content is; undefined if it is anything else, be it only by one line. */
export function parseLauncher(content: Buffer): Launcher | undefined {
  if (content.length > LONGEST_LAUNCHER || content[0] !== 0x23 || content[1] !== 0x21) return undefined;
  const { interpreter, body } = splitInterpreter(content.toString('utf8'));
  let module: RegExpExecArray | undefined;
  let called: string | undefined;
  for (const line of body.split('\n')) {
    const imports = IMPORT.exec(line);
    const exits = EXIT.exec(line);
    if (imports && module === undefined) module = imports;
    else if (exits && module !== undefined && called === undefined) called = exits[1];
    else if (!TEMPLATE_LINES.has(line)) return undefined;
  }
  if (module === undefined || called === undefined) return undefined;
  return { interpreter, module: module[1] as string, imported: module[2] as string, called };
}

/** A path that is too long for the kernel, or has a space, is run by a shell: three lines that Python reads as a string. */
function splitInterpreter(text: string): { interpreter: string; body: string } {
  const long = /^#!\/bin\/sh\n'''exec' (?:"([^"\n]+)"|(\S+)) "\$0" "\$@"\n' '''\n/.exec(text);
  if (long) return { interpreter: (long[1] ?? long[2]) as string, body: text.slice(long[0].length) };
  const [first = '', ...rest] = text.split('\n');
  return { interpreter: first.slice(2).trim(), body: rest.join('\n') };
}
