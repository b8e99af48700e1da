import type { Launcher } from './entry-points.ts';

/** The kernel reads this many bytes of a script's first line at most. */
const LONGEST_SHEBANG = 127;

/**
 * The first lines of a launcher. A path that the kernel cannot read there (too long, or with a space) is started by the shell:
 * what follows is a command for it and a string without effect for Python.
 *
 * @param executable the interpreter, absolute
 */
export function shebangOf(executable: string): string {
  const simple = `#!${executable}\n`;
  if (!executable.includes(' ') && Buffer.byteLength(simple) <= LONGEST_SHEBANG) return simple;
  const quoted = executable.includes(' ') ? `"${executable}"` : executable;
  return `#!/bin/sh\n'''exec' ${quoted} "$0" "$@"\n' '''\n`;
}

/** The text of a script that imports an entry point and calls it; the program's exit code is what it returns. */
export function launcherText({ module, object }: Launcher, executable: string): string {
  const [imported] = object.split('.', 1);
  return `${shebangOf(executable)}import sys

from ${module} import ${imported}

if __name__ == '__main__':
    for ending in ('-script.pyw', '.exe'):
        if sys.argv[0].endswith(ending):
            sys.argv[0] = sys.argv[0][: -len(ending)]
            break
    sys.exit(${object}())
`;
}

const PLACEHOLDER = Buffer.from('#!python');

/** True if a script of `*.data/scripts` begins with the placeholder that an installer replaces; 8 bytes are enough. */
export function hasPlaceholder(start: Uint8Array): boolean {
  return PLACEHOLDER.equals(start.subarray(0, PLACEHOLDER.length));
}

/** The script with its whole first line replaced by the interpreter, as pip does it: arguments go, and long paths stay as they are. */
export function withInterpreter(script: Uint8Array, executable: string): Buffer {
  const end = script.indexOf(0x0a);
  return Buffer.concat([
    Buffer.from(`#!${executable}\n`),
    end < 0 ? Buffer.alloc(0) : script.subarray(end + 1),
  ]);
}
